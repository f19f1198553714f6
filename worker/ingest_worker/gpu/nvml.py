"""The GPU through NVML, the driver's own library: it needs no CUDA context, so it works before CUDA starts,
and it sees every process.

torch's counters know only torch's allocator and show nothing of what CTranslate2 holds. Per-process figures
are not used: inside a container NVML may list none, because process ids differ there. Called by the
composition root; the only importer of `pynvml`.
"""

import os
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.gpu.port import Card, DeviceMemory

_MIB: Final = 1024 * 1024


class NvmlGpu:
    """Implements `port.Gpu` with NVML."""

    def __init__(self, nvml: Any, visible: str | None) -> None:
        """The first GPU that CUDA will see.

        Args:
            nvml: The module `pynvml`, or a recording of its answers.
            visible: `CUDA_VISIBLE_DEVICES`. Numbers count in PCI order, as `CUDA_DEVICE_ORDER=PCI_BUS_ID`
                makes CUDA count too.

        Raises:
            StageError: `GPU_UNAVAILABLE` where there is no driver or no such GPU.
        """
        self._nvml = nvml
        try:
            nvml.nvmlInit()
            self._handle = _handle(nvml, visible)
            self._uuid = str(nvml.nvmlDeviceGetUUID(self._handle))
        except nvml.NVMLError as error:
            raise StageError(
                Reason.GPU_UNAVAILABLE, f"A GPU was asked for and the driver shows none: {error}."
            ) from error

    @property
    def uuid(self) -> str:
        """`GPU-...`, or `MIG-...` for a slice."""
        return self._uuid

    def memory(self) -> DeviceMemory:
        """Free and total memory of the device. Raises `StageError(GPU_BROKEN)`."""
        try:
            found = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
        except self._nvml.NVMLError as error:
            raise StageError(
                Reason.GPU_BROKEN, f"The driver no longer answers for {self._uuid}: {error}."
            ) from error
        return DeviceMemory(int(found.free) // _MIB, int(found.total) // _MIB)

    def card(self) -> Card:
        """What the GPU is. Raises `StageError(GPU_BROKEN)`."""
        try:
            major, minor = self._nvml.nvmlDeviceGetCudaComputeCapability(self._handle)
            driver = self._nvml.nvmlSystemGetDriverVersion()
        except self._nvml.NVMLError as error:
            raise StageError(
                Reason.GPU_BROKEN, f"The driver no longer answers for {self._uuid}: {error}."
            ) from error
        return Card((int(major), int(minor)), str(driver))

    def busy_percent(self) -> int | None:
        """The driver's utilisation figure."""
        try:
            return int(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)
        except self._nvml.NVMLError:  # a MIG slice has none
            return None


def _handle(nvml: Any, visible: str | None) -> Any:
    first = (visible if visible is not None else "0").split(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(first)
    if not first.isdigit():  # "", "-1" and the like hide every GPU from CUDA
        raise StageError(Reason.GPU_UNAVAILABLE, f"CUDA_VISIBLE_DEVICES={visible!r} hides every GPU.")
    return nvml.nvmlDeviceGetHandleByIndex(int(first))


def find_gpu() -> NvmlGpu:
    """The GPU that this process will use. Raises `StageError(GPU_UNAVAILABLE)`;
    there is no fallback to the CPU."""
    import pynvml

    return NvmlGpu(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES"))
