"""Peaks and busy time, from looks that the tests take themselves."""

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
    with sampler.use() as transcribe:
        gpu.used = 5_000
        sampler.sample()
        gpu.used = 1_000
    with sampler.use() as embed:
        gpu.used = 2_000
        sampler.sample()
    assert (transcribe.used_mib, embed.used_mib, sampler.whole.used_mib) == (5_000, 2_000, 5_000)


def test_stages_that_overlap_each_see_the_device() -> None:
    gpu = ScriptedGpu()
    sampler = Sampler(gpu)
    with sampler.use() as outer, sampler.use() as inner:
        gpu.used = 7_000
        sampler.sample()
    assert (outer.used_mib, inner.used_mib) == (7_000, 7_000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_sample_holds_for_the_time_since_the_one_before() -> None:
    gpu, clock = ScriptedGpu(), Clock()
    sampler = Sampler(gpu, clock=clock)
    for now, busy in ((0.0, 100), (1.0, 100), (1.1, 0), (3.1, 50)):
        clock.now, gpu.busy = now, busy
        sampler.sample()
    assert sampler.whole.busy_seconds == 2.0


def test_a_block_is_busy_from_its_beginning_only() -> None:
    gpu, clock = ScriptedGpu(busy=100), Clock()
    sampler = Sampler(gpu, clock=clock)
    sampler.sample()
    clock.now = 10.0
    with sampler.use() as use:
        clock.now = 11.0
    clock.now = 20.0
    sampler.sample()
    assert (use.busy_seconds, sampler.whole.busy_seconds) == (1.0, 20.0)


def test_a_sample_that_fails_is_left_out() -> None:
    gpu = ScriptedGpu(used=400, busy=10)
    sampler = Sampler(gpu)
    sampler.sample()
    gpu.lost = True
    sampler.sample()
    assert (sampler.whole.used_mib, sampler.whole.busy_seconds) == (400, 0.0)


def test_without_a_gpu_there_are_no_figures_rather_than_zeros() -> None:
    with Sampler(None) as sampler, sampler.use() as use:
        sampler.sample()
    assert (use.used_mib, sampler.whole.used_mib, sampler.whole.busy_seconds) == (None, None, None)


def test_a_started_sampler_looks_by_itself_and_ends_with_its_block() -> None:
    gpu = ScriptedGpu(used=900)
    with Sampler(gpu, period=0.001) as sampler:
        while sampler.whole.used_mib is None:
            pass
    assert sampler.whole.used_mib == 900
