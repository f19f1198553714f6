"""Something asynchronous in a thread and a loop of its own: a test goes on beside it, and what it meets is
raised in the test."""

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import ClassVar, Self


class InThread(ABC):
    """`with Thing(...) as thing:` from when it is ready until it has ended."""

    patience: ClassVar[float] = 60.0
    """Seconds that it may take to be ready, and to end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None

    @abstractmethod
    async def _serve(self, stop: asyncio.Event) -> None:
        """Set `_ready` once it is; return soon after `stop` is set."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(self.patience), f"the {self._name} is not ready"
        self.complain()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        if kind is None:
            self.complain()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._thread.is_alive():
            assert self._loop is not None
            assert self._stop is not None
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(self.patience)
            assert not self._thread.is_alive(), f"the {self._name} does not end: {self._at_work()}"

    def complain(self) -> None:
        """Raise what went wrong inside, if anything did."""
        if self._error is not None:
            raise self._error

    def _at_work(self) -> list[str]:
        """Where each of its tasks is."""
        return [
            f"{task.get_name()}: {[str(frame) for frame in task.get_stack()]}"
            for task in asyncio.all_tasks(self._loop)
        ]

    def _run(self) -> None:
        try:
            asyncio.run(self._begin())
        except BaseException as error:  # noqa: BLE001 -- raised where somebody sees it
            self._error = error
        finally:
            self._ready.set()

    async def _begin(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._serve(self._stop)
