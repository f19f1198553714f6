"""Measures how long everything took, on a monotonic clock from the start of the process; stages may overlap,
and failed ones are timed too.

Called by the pipeline around every stage and by the Receipt at the end. Time outside every stage is overhead:
imports, model loads and the like that did not overlap with a stage.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest_contract.stages import Stage
from ingest_worker.computing import Meter, counted
from ingest_worker.gpu.sampler import Sampler

Clock = Callable[[], float]


@dataclass(slots=True)
class Timing:
    """One stage."""

    intervals: list[tuple[float, float]] = field(default_factory=list)
    """(start, end) by the clock; more than one if a stage was entered again."""
    resumed: bool = False
    """Whether its result came from an earlier run."""
    batch: int | None = None
    """The batch size at its end."""
    halvings: int = 0
    peak_vram_mib: int | None = None
    busy_seconds: float | None = None
    """Seconds in which the GPU ran a kernel; None where no driver says so."""
    meter: Meter = field(default_factory=Meter)
    """Counts the batches of its engines."""

    @property
    def seconds(self) -> float:
        """Sum of the intervals."""
        return sum(end - start for start, end in self.intervals)

    @property
    def computing_seconds(self) -> float:
        """By the driver; where it does not say, inside the batches of its engines."""
        return self.meter.seconds if self.busy_seconds is None else self.busy_seconds


class Stopwatch:
    """Times one run. Stages may be timed from several threads."""

    def __init__(self, sampler: Sampler, *, born: float, clock: Clock = time.monotonic) -> None:
        """`born` is when the process began, by the same clock."""
        self.stages: dict[Stage, Timing] = {}
        """Every stage that began or was resumed."""
        self.failed: Stage | None = None
        """The first stage that raised an exception."""
        self._sampler, self._born, self._clock = sampler, born, clock
        self._meter = Meter(clock)
        self._gate = threading.Lock()

    @contextmanager
    def blaming(self, stage: Stage) -> Iterator[None]:
        """A block whose exception is a stage's, and whose time is not: the loading of its engine."""
        try:
            yield
        except BaseException:
            self.failed = self.failed or stage
            raise

    @contextmanager
    def timing(self, stage: Stage) -> Iterator[Timing]:
        """Time a block as a stage, and record the GPU's peak in it."""
        timing = self._of(stage)
        start = self._clock()
        with self._sampler.use() as use, counted(timing.meter), self.blaming(stage):
            try:
                yield timing
            finally:
                timing.intervals.append((start, self._clock()))
                self._sampler.sample()
                timing.peak_vram_mib = max(filter(None, (timing.peak_vram_mib, use.used_mib)), default=None)
                if use.busy_seconds is not None:
                    timing.busy_seconds = (timing.busy_seconds or 0.0) + use.busy_seconds

    def resume(self, stage: Stage) -> None:
        """Note that a stage's result came from an earlier run."""
        self._of(stage).resumed = True

    @property
    def age(self) -> float:
        """Seconds since the process began."""
        return self._clock() - self._born

    @property
    def seconds(self) -> float:
        """Seconds from the start of the process to the end of the last stage; until now if none has ended."""
        ends = [end for timing in self._all() for _, end in timing.intervals]
        return max(ends, default=self._clock()) - self._born

    @property
    def overhead(self) -> float:
        """Seconds of `seconds` in which no stage ran."""
        covered, reached = 0.0, self._born
        for start, end in sorted(interval for timing in self._all() for interval in timing.intervals):
            covered += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return max(0.0, self.seconds - covered)

    @property
    def by_driver(self) -> bool:
        """Whether the driver says how long the GPU ran kernels."""
        return self._sampler.whole.busy_seconds is not None

    @property
    def computing_seconds(self) -> float:
        """Seconds in which the run's device computed: as the driver says; where it does not (a CPU, a MIG
        slice), those in which a batch of an engine ran."""
        busy = self._sampler.whole.busy_seconds
        return self._meter.seconds if busy is None else busy

    def _of(self, stage: Stage) -> Timing:
        with self._gate:
            return self.stages.setdefault(stage, Timing(meter=Meter(self._clock, self._meter)))

    def _all(self) -> list[Timing]:
        with self._gate:
            return list(self.stages.values())


def process_birth(clock: Clock = time.monotonic) -> float:
    """When this process began, on the monotonic clock; now, if the kernel does not say.

    Field 22 of `/proc/self/stat` counts clock ticks from boot to the process's start (proc(5)).
    """
    try:
        after_name = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
        return clock() - (time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return clock()
