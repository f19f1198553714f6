"""What the worker needs to know of a GPU. One adapter (`nvml`), and None where there is no GPU: a CPU has no
figures, not zeros."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Memory of the whole device, whoever uses it."""

    free_mib: int
    total_mib: int

    @property
    def used_mib(self) -> int:
        """In use, by all processes and the driver."""
        return self.total_mib - self.free_mib


class Gpu(Protocol):
    """One GPU."""

    @property
    def uuid(self) -> str:
        """The driver's identifier of it; the same after a reboot."""

    def memory(self) -> DeviceMemory:
        """Memory now. Raises `StageError(GPU_BROKEN)` if the driver does not answer."""

    def busy_percent(self) -> int | None:
        """Share of the driver's last sampling period in which a kernel ran; None where the device does not
        report it (MIG slices)."""
