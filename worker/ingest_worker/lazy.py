"""An engine that will be needed: loaded in the background while something else is waited for, and at the
latest when it is asked for.

Called by `tools` and the pipeline. One thread loads everything, in the order in which it will be needed:
imports wait for one another in any case.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

from ingest_worker.memory import BatchRunner

T = TypeVar("T")
Made = TypeVar("Made")

log = logging.getLogger(__name__)


class Later(Generic[T]):
    """One engine."""

    def __init__(
        self,
        name: str,
        make: Callable[[], T],
        runner: Callable[[Any], BatchRunner],
        warm: Callable[[], object] | None = None,
    ) -> None:
        """Nothing is loaded before `begin` or `get`.

        Args:
            name: For the log.
            make: Loads it, with everything that this takes. Called once.
            runner: What the batches of the engine behind the port go through.
            warm: Does that part of `make` which takes none of the memory that others need now. With it,
                `begin` does no more than that.
        """
        self._name, self._make, self._runner, self._warm = name, make, runner, warm
        self._coming: Future[T] | None = None
        self._value: T | None = None

    def begin(self, executor: Executor) -> None:
        """Start to load it, or to warm it, in the background."""
        if self._warm is not None:
            executor.submit(self._timed, "warm", self._warm)
        else:
            self._coming = executor.submit(self._timed, "load", self._make)

    def get(self) -> T:
        """The engine, waited for. Raises what loading raised."""
        if self._value is None:
            self._value = (
                self._coming.result() if self._coming is not None else self._timed("load", self._make)
            )
        return self._value

    @property
    def loaded(self) -> bool:
        """Whether it was ever asked for, and came."""
        return self._value is not None

    @property
    def batches(self) -> tuple[int, int]:
        """(the batch now, how often it was halved)."""
        runner = self._runner(self.get())
        return runner.batch, runner.halvings

    def _timed(self, what: str, do: Callable[[], Made]) -> Made:
        start = time.monotonic()
        made = do()
        seconds = round(time.monotonic() - start, 2)
        log.info("%s: %s", what, self._name, extra={"action": what, "engine": self._name, "seconds": seconds})
        return made
