"""The whole operator in a thread of its own, as its command runs it: a test goes on beside it, and what it meets is raised in the test."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Self

from ingest_operator.kube.operator import Options, made

PATIENCE = 60.0


class RunningOperator:
    """`with RunningOperator(Options((namespace,), port=0)): ...`. Whose operator it is, the environment's `KUBECONFIG` says."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self._options, self._clock = options, clock
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(PATIENCE), "the operator does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        if kind is None:
            self.complain()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive(), f"the operator does not end: {self._at_work()}"

    def _at_work(self) -> list[str]:
        """Where each of its tasks is."""
        return [f"{task.get_name()}: {[str(frame) for frame in task.get_stack()]}" for task in asyncio.all_tasks(self._loop)]

    def complain(self) -> None:
        """Raise what ended it, if anything did."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except BaseException as error:  # noqa: BLE001 -- raised where somebody sees it
            self._error = error
        finally:
            self._up.set()

    async def _operate(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with made(self._options, self._clock) as operator:
            self._up.set()
            await operator.run(self._stop)
        await _hang_up(self._loop)


async def _hang_up(loop: asyncio.AbstractEventLoop) -> None:
    """End the connections that kopf leaves to the end of its process: here the process goes on, and only the loop ends."""
    for transport in list(loop._transports.values()):
        transport.abort()
    await asyncio.sleep(0)  # in which they are told
