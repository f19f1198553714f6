"""Peak memory and utilisation of the GPU over a run, by a thread that samples four times a second. Without a
GPU it measures nothing.

Called by the pipeline around every stage. A sample costs some tens of microseconds; losing one costs nothing
but precision.
"""

import threading
from collections.abc import Iterator
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
class Peak:
    """The most memory in use on the device during a block; None on a CPU."""

    used_mib: int | None = None

    def take(self, used_mib: int) -> None:
        """Add one sample."""
        self.used_mib = used_mib if self.used_mib is None else max(self.used_mib, used_mib)


class Sampler:
    """Samples a GPU until it is stopped."""

    def __init__(self, gpu: Gpu | None, period: float = PERIOD_SECONDS) -> None:
        self._gpu, self._period = gpu, period
        self._whole = Peak()
        self._open: list[Peak] = [self._whole]
        self._busy: list[int] = []
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
    def peak(self) -> Iterator[Peak]:
        """The peak during the block, including both its ends. Blocks of stages that overlap each see the
        device's peak."""
        peak = Peak()
        with self._gate:
            self._open.append(peak)
        self.sample()
        try:
            yield peak
        finally:
            self.sample()
            with self._gate:
                self._open = [other for other in self._open if other is not peak]

    def sample(self) -> None:
        """Take one sample now."""
        if self._gpu is None:
            return
        try:
            used, busy = self._gpu.memory().used_mib, self._gpu.busy_percent()
        except StageError:  # the stage that computes on a lost GPU reports it better
            return
        with self._gate:
            for peak in self._open:
                peak.take(used)
            if busy is not None:
                self._busy.append(busy)

    @property
    def peak_mib(self) -> int | None:
        """The most in use so far; None on a CPU."""
        return self._whole.used_mib

    @property
    def busy_percent(self) -> int | None:
        """Mean over all samples so far; None where nothing is reported."""
        with self._gate:
            return round(sum(self._busy) / len(self._busy)) if self._busy else None

    def _run(self) -> None:
        while not self._over.wait(self._period):
            self.sample()
