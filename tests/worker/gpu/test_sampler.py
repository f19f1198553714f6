"""Peaks and busy share, from looks that the tests take themselves."""

from dataclasses import dataclass

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.gpu.port import DeviceMemory
from ingest_worker.gpu.sampler import Sampler


@dataclass
class ScriptedGpu:
    used: int = 300
    busy: int | None = 0
    lost: bool = False
    uuid: str = "GPU-1"

    def memory(self) -> DeviceMemory:
        if self.lost:
            raise StageError(Reason.GPU_BROKEN)
        return DeviceMemory(free_mib=24_000 - self.used, total_mib=24_000)

    def busy_percent(self) -> int | None:
        return self.busy


def test_each_stage_has_its_own_peak_and_the_run_the_highest() -> None:
    gpu = ScriptedGpu()
    sampler = Sampler(gpu)
    with sampler.peak() as transcribe:
        gpu.used = 5_000
        sampler.sample()
        gpu.used = 1_000
    with sampler.peak() as embed:
        gpu.used = 2_000
        sampler.sample()
    assert (transcribe.used_mib, embed.used_mib, sampler.peak_mib) == (5_000, 2_000, 5_000)


def test_stages_that_overlap_each_see_the_device() -> None:
    gpu = ScriptedGpu()
    sampler = Sampler(gpu)
    with sampler.peak() as outer, sampler.peak() as inner:
        gpu.used = 7_000
        sampler.sample()
    assert (outer.used_mib, inner.used_mib) == (7_000, 7_000)


def test_the_busy_share_is_the_mean_of_all_samples() -> None:
    gpu = ScriptedGpu()
    sampler = Sampler(gpu)
    for busy in (100, 50, 0):
        gpu.busy = busy
        sampler.sample()
    assert sampler.busy_percent == 50


def test_a_sample_that_fails_is_left_out() -> None:
    gpu = ScriptedGpu(used=400, busy=10)
    sampler = Sampler(gpu)
    sampler.sample()
    gpu.lost = True
    sampler.sample()
    assert (sampler.peak_mib, sampler.busy_percent) == (400, 10)


def test_without_a_gpu_there_are_no_figures_rather_than_zeros() -> None:
    with Sampler(None) as sampler, sampler.peak() as peak:
        sampler.sample()
    assert (peak.used_mib, sampler.peak_mib, sampler.busy_percent) == (None, None, None)


def test_a_started_sampler_looks_by_itself_and_ends_with_its_block() -> None:
    gpu = ScriptedGpu(used=900)
    with Sampler(gpu, period=0.001) as sampler:
        while sampler.peak_mib is None:
            pass
    assert sampler.peak_mib == 900
