"""The whole operator in a thread of its own, as its command runs it: a test goes on beside it, and what it
meets is raised in the test."""

import asyncio
import time
from collections.abc import Callable

from ingest_operator.kube.operator import Options, made
from testkit.cluster.in_thread import InThread


class RunningOperator(InThread):
    """`with RunningOperator(Options((namespace,), port=0)): ...`. Whose operator it is, the environment's
    `KUBECONFIG` says."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        super().__init__("operator")
        self._options, self._clock = options, clock

    async def _serve(self, stop: asyncio.Event) -> None:
        try:
            async with made(self._options, self._clock) as operator:
                self._ready.set()
                await operator.run(stop)
        finally:
            await _hang_up(asyncio.get_running_loop())


async def _hang_up(loop: asyncio.AbstractEventLoop) -> None:
    """End what kopf leaves to the end of its process, however it ended: here the process goes on, and only
    the loop ends."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)  # first, or one of them could still open a connection
    for transport in list(vars(loop)["_transports"].values()):
        transport.abort()
    await asyncio.sleep(0)  # in which they are told
