"""Peak memory and busy time of the GPU over a run, by a thread that samples four times a second. Without a
GPU it measures nothing.

Called by the pipeline around every stage. A sample costs some tens of microseconds; losing one costs nothing
but precision.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from ingest_worker.errors import StageError
from ingest_worker.gpu.port import Gpu

PERIOD_SECONDS: Final = 0.25
"""Seconds between samples.
NVML's own utilisation figure covers between 1/6 and 1 second (`nvmlUtilization_t`)."""


@dataclass(slots=True)
class Use:
    """What the device did during a block."""

    used_mib: int | None = None
    """The most memory in use; None on a CPU."""
    busy_seconds: float | None = None
    """Seconds in which a kernel ran; None on a CPU, and where the device does not report it (MIG slices)."""
    _until: float | None = None
    """When the last sample was taken."""

    def take(self, now: float, used_mib: int, busy_percent: int | None) -> None:
        """Add one sample: the utilisation holds for the time since the one before."""
        self.used_mib = used_mib if self.used_mib is None else max(self.used_mib, used_mib)
        if busy_percent is not None:
            since = now if self._until is None else self._until
            self.busy_seconds = (self.busy_seconds or 0.0) + (now - since) * busy_percent / 100
        self._until = now


class Sampler:
    """Samples a GPU until it is stopped."""

    def __init__(
        self, gpu: Gpu | None, period: float = PERIOD_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gpu, self._period, self._clock = gpu, period, clock
        self.whole = Use()
        """Of all samples so far."""
        self._open: list[Use] = [self.whole]
        self._gate, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-sampler", daemon=True)

    def __enter__(self) -> Self:
        if self._gpu is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def use(self) -> Iterator[Use]:
        """The device's use during the block, including both its ends. Blocks of stages that overlap each see
        the whole device."""
        use = Use()
        with self._gate:
            self._open.append(use)
        self.sample()
        try:
            yield use
        finally:
            self.sample()
            with self._gate:
                self._open = [other for other in self._open if other is not use]

    def sample(self) -> None:
        """Take one sample now."""
        if self._gpu is None:
            return
        try:
            used, busy = self._gpu.memory().used_mib, self._gpu.busy_percent()
        except StageError:  # the stage that computes on a lost GPU reports it better
            return
        with self._gate:
            now = self._clock()
            for use in self._open:
                use.take(now, used, busy)

    def _run(self) -> None:
        while not self._over.wait(self._period):
            self.sample()
