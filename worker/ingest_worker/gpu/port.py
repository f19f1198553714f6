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


@dataclass(frozen=True, slots=True)
class Card:
    """What a GPU is, and the driver that runs it."""

    capability: tuple[int, int]
    """Compute capability: (8, 6) for an A10, (9, 0) for an H100, (12, 0) for an RTX 5080."""
    driver: str
    """Such as `570.86.15`."""

    @property
    def compiles_at_first_use(self) -> bool:
        """Whether CTranslate2 has no machine code for it: its wheels hold code up to 8.6, which 8.9 runs too,
        and PTX for all that is newer (`cuobjdump --list-elf` on those of 4.8)."""
        return self.capability >= (9, 0)

    def __str__(self) -> str:
        """For a line of a report."""
        return f"compute capability {self.capability[0]}.{self.capability[1]}, driver {self.driver}"


class Gpu(Protocol):
    """One GPU."""

    @property
    def uuid(self) -> str:
        """The driver's identifier of it; the same after a reboot."""

    def memory(self) -> DeviceMemory:
        """Memory now. Raises `StageError(GPU_BROKEN)` if the driver does not answer."""

    def card(self) -> Card:
        """What the GPU is. Raises `StageError(GPU_BROKEN)` if the driver does not answer."""

    def busy_percent(self) -> int | None:
        """Share of the driver's last sampling period in which a kernel ran; None where the device does not
        report it (MIG slices)."""
