"""How long engines compute: the wall time inside their batches, of each stage and of the run.

`memory.BatchRunner`, through which every batch of an engine goes, opens `batch` around each; `stopwatch` says
with `counted` to which stage it belongs. Stages may overlap in threads: each has its own seconds, and the run
has those in which at least one of them computed. Must import no engine.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar


class Meter:
    """Seconds in which at least one batch computes, in any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, whole: "Meter | None" = None) -> None:
        """What this one counts, `whole` counts too."""
        self._clock, self._whole = clock, whole
        self._running, self._since, self._over = 0, 0.0, 0.0
        self._gate = threading.Lock()

    @property
    def seconds(self) -> float:
        """Seconds so far, those of a batch that has not ended included."""
        with self._gate:
            return self._over + (self._clock() - self._since if self._running else 0.0)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Count this block, however it ends."""
        with self._whole.batch() if self._whole is not None else nullcontext():
            self._begin()
            try:
                yield
            finally:
                self._end()

    def _begin(self) -> None:
        with self._gate:
            if not self._running:
                self._since = self._clock()
            self._running += 1

    def _end(self) -> None:
        with self._gate:
            self._running -= 1
            if not self._running:
                self._over += self._clock() - self._since


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def counted(meter: Meter) -> Iterator[None]:
    """Batches that this thread computes in the block are counted by `meter`."""
    before = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(before)


@contextmanager
def batch() -> Iterator[None]:
    """One batch of an engine; outside every stage nobody counts it."""
    meter = _meter.get()
    if meter is None:
        yield
    else:
        with meter.batch():
            yield
