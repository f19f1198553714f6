"""The device that rows run on: a GPU by torch and the driver's tool, or a CPU for trying the command.

Imports torch and the standard library only, like every module that travels in the kit.
"""

import gc
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import torch

Result = TypeVar("Result")

MIB = 1 << 20
REPEATS = 3
"""Timed calls, of which the median is told; one before them is not timed."""
SAMPLE_MILLISECONDS = 200
"""Between two looks at the driver's utilisation, which it means over a sixth of a second at least."""


class NotHere(Exception):  # noqa: N818 - no error: it names what a machine lacks
    """A row cannot be had on this machine, and why."""


@dataclass
class Busy:
    """Utilisation that the driver reported, in percent."""

    samples: list[int] = field(default_factory=list)

    @property
    def percent(self) -> float | None:
        """The mean; None without a sample."""
        return round(sum(self.samples) / len(self.samples), 1) if self.samples else None


class Device:
    """One device."""

    def __init__(self, name: str) -> None:
        """`cuda` or `cpu`. Raises `NotHere` where torch has no such device.

        Switches TF32 off in this process, as the product does: torch itself has it on in convolutions.
        """
        if name == "cuda" and not torch.cuda.is_available():
            raise NotHere("torch finds no GPU")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self.name, self.torch = name, torch.device(name)

    @property
    def is_gpu(self) -> bool:
        """Whether it has memory of its own."""
        return self.name == "cuda"

    def facts(self) -> dict[str, str]:
        """What stands above the table. What the driver does not tell is named there, with the reason."""
        facts = {"torch": torch.__version__, "device": self.name}
        if self.is_gpu:
            of = torch.cuda.get_device_properties(0)
            facts |= {
                "gpu": of.name,
                "capability": f"{of.major}.{of.minor}",
                "total_mib": str(of.total_memory // MIB),
                "cuda": str(torch.version.cuda),
            }
            try:
                facts["driver"] = self.asked("driver_version")
            except NotHere as missing:
                facts["driver"] = f"not told: {missing}"
        return facts

    def asked(self, what: str) -> str:
        """One property of torch's first GPU by `nvidia-smi`: by its UUID, because the tool counts GPUs that
        torch may not be shown. Raises `NotHere` where the tool is missing or does not tell it."""
        self.require_gpu()
        tool = shutil.which("nvidia-smi")
        if tool is None:
            raise NotHere("there is no nvidia-smi")
        uuid = getattr(torch.cuda.get_device_properties(0), "uuid", None)
        if uuid is None:
            raise NotHere(f"torch {torch.__version__} does not tell the GPU's UUID")
        line = [tool, f"--id=GPU-{uuid}", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
        found = subprocess.run(line, capture_output=True, text=True, check=False)
        if found.returncode != 0 or not found.stdout.strip():
            raise NotHere(f"nvidia-smi does not tell {what}: {(found.stdout + found.stderr).strip()[:120]}")
        return found.stdout.strip()

    def number(self, what: str) -> int:
        """As `asked`; `NotHere` also for what is no number: of a slice of a GPU it says "[N/A]"."""
        told = self.asked(what)
        try:
            return int(told)
        except ValueError:
            raise NotHere(f"nvidia-smi tells {told!r} as {what}") from None

    def free_mib(self) -> int:
        """Free memory as the driver's tool sees it: no context is made by asking. Raises `NotHere`."""
        return self.number("memory.free")

    def require_gpu(self) -> None:
        """Raises `NotHere` on a CPU."""
        if not self.is_gpu:
            raise NotHere("a CPU has no memory of its own")

    def timed(self, work: Callable[[], Result]) -> tuple[float, Result]:
        """Seconds until the device is done, and what came out."""
        self.wait()
        start = time.perf_counter()
        result = work()
        self.wait()
        return time.perf_counter() - start, result

    def seconds(self, work: Callable[[], object]) -> float:
        """Seconds until the device is done."""
        return self.timed(work)[0]

    def median(self, work: Callable[[], Result]) -> tuple[float, Result]:
        """Median seconds of `REPEATS` calls after one that is not timed, and what the last gave."""
        work()
        calls = [self.timed(work) for _ in range(REPEATS)]
        return statistics.median(seconds for seconds, _ in calls), calls[-1][1]

    def wait(self) -> None:
        """Until all that was asked of the device is done."""
        if self.is_gpu:
            torch.cuda.synchronize()

    def peak_mib(self, work: Callable[[], object]) -> int:
        """The most that torch's allocator held during a piece of work. Raises `NotHere` on a CPU."""
        self.require_gpu()
        gc.collect()  # models that rows before left in cycles would count
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        work()
        self.wait()
        return int(torch.cuda.max_memory_reserved() // MIB)


@contextmanager
def busy(device: Device) -> Iterator[Busy]:
    """The device's utilisation during the block. Raises `NotHere`, as `Device.number`."""
    device.number("utilization.gpu")
    seen, over = Busy(), threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_MILLISECONDS / 1000):
            with suppress(NotHere):  # it told a number before: one look less
                seen.samples.append(device.number("utilization.gpu"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
