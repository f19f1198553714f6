"""The whole operator in a thread of its own, as its command runs it: a test goes on beside it, and what it meets is raised in the test."""

import asyncio
import time
from collections.abc import Callable

from ingest_operator.kube.operator import Options, made
from tests.support.cluster.in_thread import InThread


class RunningOperator(InThread):
    """`with RunningOperator(Options((namespace,), port=0)): ...`. Whose operator it is, the environment's `KUBECONFIG` says."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        super().__init__("operator")
        self._options, self._clock = options, clock

    async def _serve(self, stop: asyncio.Event) -> None:
        async with made(self._options, self._clock) as operator:
            self._ready.set()
            await operator.run(stop)
        await _hang_up(asyncio.get_running_loop())


async def _hang_up(loop: asyncio.AbstractEventLoop) -> None:
    """End the connections that kopf leaves to the end of its process: here the process goes on, and only the loop ends."""
    for transport in list(loop._transports.values()):
        transport.abort()
    await asyncio.sleep(0)  # in which they are told
