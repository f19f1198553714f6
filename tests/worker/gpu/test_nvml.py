"""The GPU's adapter: one contract, held by recorded answers here and by a real GPU where there is one."""
# ruff: noqa: N802 -- the recorded library keeps NVML's own names

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pynvml
import pytest

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.gpu.nvml import NvmlGpu, find_gpu
from ingest_worker.gpu.port import Gpu

MIB = 1024 * 1024


@dataclass
class RecordedNvml:
    """Answers in the form of nvidia-ml-py 13:
    byte counts in a structure, a percentage in another, errors by class."""

    NVMLError = pynvml.NVMLError
    uuids: tuple[str, ...] = ("GPU-5f9f4b6e-31a8-4a7c-8d5c-0f2c1d3e4b5a", "GPU-aaaa")
    free: int = 23_699 * MIB + 7
    busy: int | None = 87
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def nvmlInit(self) -> None:
        if not self.uuids:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        if index >= len(self.uuids):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return self.uuids[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetUUID(self, handle: str) -> str:
        return handle

    def nvmlDeviceGetCudaComputeCapability(self, handle: str) -> tuple[int, int]:
        self.asked.append(handle)
        if self.broken:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return 8, 6

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.86.15"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        self.asked.append(handle)
        if self.broken:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(total=24_564 * MIB, free=self.free, used=24_564 * MIB - self.free)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        self.asked.append(handle)
        if self.busy is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=self.busy, memory=40)


@pytest.fixture(params=["recorded", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request: pytest.FixtureRequest) -> Iterator[Gpu]:
    try:
        yield NvmlGpu(RecordedNvml(), None) if request.param == "recorded" else find_gpu()
    except StageError as error:
        pytest.skip(str(error))


def test_a_gpu_has_a_name_memory_and_a_busy_share(gpu: Gpu) -> None:
    memory = gpu.memory()
    assert gpu.uuid.startswith(("GPU-", "MIG-"))
    assert 0 < memory.free_mib < memory.total_mib
    assert memory.used_mib == memory.total_mib - memory.free_mib
    assert gpu.card().capability >= (3, 5)
    assert re.fullmatch(r"[\d.]+", gpu.card().driver)
    assert gpu.busy_percent() is None or 0 <= (gpu.busy_percent() or 0) <= 100


@pytest.mark.parametrize(
    ("visible", "uuid"),
    [
        (None, "GPU-5f9f4b6e-31a8-4a7c-8d5c-0f2c1d3e4b5a"),
        ("1", "GPU-aaaa"),
        ("1,0", "GPU-aaaa"),
        ("GPU-x", "GPU-x"),
        ("MIG-y,1", "MIG-y"),
    ],
)
def test_the_gpu_is_the_first_that_cuda_will_see(visible: str | None, uuid: str) -> None:
    assert NvmlGpu(RecordedNvml(), visible).uuid == uuid


@pytest.mark.parametrize(
    ("nvml", "visible"),
    [(RecordedNvml(uuids=()), None), (RecordedNvml(), "7"), (RecordedNvml(), "-1"), (RecordedNvml(), "")],
    ids=["no driver", "no such GPU", "hidden by -1", "hidden by nothing"],
)
def test_a_gpu_that_is_not_there_is_reported_as_such(nvml: RecordedNvml, visible: str | None) -> None:
    with pytest.raises(StageError) as caught:
        NvmlGpu(nvml, visible)
    assert caught.value.reason is Reason.GPU_UNAVAILABLE


def test_a_gpu_that_falls_off_the_bus_is_broken() -> None:
    nvml = RecordedNvml()
    gpu = NvmlGpu(nvml, None)
    nvml.broken = True
    with pytest.raises(StageError) as caught:
        gpu.memory()
    assert caught.value.reason is Reason.GPU_BROKEN


def test_a_slice_that_has_no_busy_share_says_none_and_not_zero() -> None:
    assert NvmlGpu(RecordedNvml(busy=None), None).busy_percent() is None
