"""Loads an engine in the background while the run waits for something else, at the latest on first use.

Called by `tools` and the pipeline. One thread loads everything, in the order in which it will be needed:
imports wait for one another anyway.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

from ingest_worker.memory import BatchRunner

T = TypeVar("T")
Made = TypeVar("Made")

log = logging.getLogger(__name__)


class LazyEngine(Generic[T]):
    """One engine."""

    def __init__(
        self,
        name: str,
        make: Callable[[], T],
        runners: Callable[[Any], Sequence[BatchRunner]],
        warm: Callable[[], object] | None = None,
    ) -> None:
        """Nothing is loaded before `begin` or `get`.

        Args:
            name: For the log.
            make: Loads it, with everything that it needs. Called once.
            runners: Run the batches of the engine behind the port. The first has the size that is told.
            warm: The part of `make` that takes none of the memory that others need now. If given, `begin`
                does only this part.
        """
        self._name, self._make, self._runners, self._warm = name, make, runners, warm
        self._coming: Future[T] | None = None
        self._value: T | None = None

    def begin(self, executor: Executor) -> None:
        """Start to load it, or to warm it, in the background."""
        if self._warm is not None:
            executor.submit(self._timed, "warm", self._warm)
        else:
            self._coming = executor.submit(self._timed, "load", self._make)

    def get(self) -> T:
        """Wait for the engine and return it. Raises what loading raised."""
        if self._value is None:
            self._value = (
                self._coming.result() if self._coming is not None else self._timed("load", self._make)
            )
        return self._value

    @property
    def loaded(self) -> bool:
        """Whether it was requested and loaded."""
        return self._value is not None

    @property
    def batches(self) -> tuple[int, int]:
        """(the current batch size, how often batches were halved)."""
        runners = self._runners(self.get())
        return runners[0].batch, sum(runner.halvings for runner in runners)

    def _timed(self, what: str, do: Callable[[], Made]) -> Made:
        start = time.monotonic()
        made = do()
        seconds = round(time.monotonic() - start, 2)
        log.info("%s: %s", what, self._name, extra={"action": what, "engine": self._name, "seconds": seconds})
        return made
