"""What counts as computing: batches of engines, by stage and over threads, and the driver's word for it."""

import threading
from collections.abc import Sequence

import pytest

from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_worker.computing import Meter, batch, counted
from ingest_worker.errors import StageError
from ingest_worker.gpu.port import DeviceMemory
from ingest_worker.gpu.sampler import Sampler
from ingest_worker.interruption import Control
from ingest_worker.memory import BatchRunner
from ingest_worker.receipts import stages_of
from ingest_worker.session import Session
from ingest_worker.stopwatch import Stopwatch


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Gpu:
    """A GPU whose utilisation the test sets; None for a slice that reports none."""

    uuid = "GPU-1"
    busy: int | None = 0

    def memory(self) -> DeviceMemory:
        return DeviceMemory(free_mib=20_000, total_mib=24_000)

    def busy_percent(self) -> int | None:
        return self.busy


@pytest.fixture
def clock() -> Clock:
    return Clock()


def computed(clock: Clock, seconds: float) -> None:
    def work(unit: Sequence[int]) -> Sequence[int]:
        clock.now += seconds
        return unit

    BatchRunner(1).map([0], work)


def test_only_the_batches_of_its_engines_are_a_stages_computing(clock: Clock) -> None:
    watch = Stopwatch(Sampler(None), born=90.0, clock=clock)
    with watch.timing(Stage.DIARIZE):
        computed(clock, 3)
        clock.now += 7  # clustering, which no engine does
    with watch.timing(Stage.EMBED):
        computed(clock, 2)
    figures = stages_of(watch)
    assert [figures[stage].computing_seconds for stage in (Stage.DIARIZE, Stage.EMBED)] == [3.0, 2.0]
    assert (watch.computing_seconds, watch.by_driver, watch.seconds) == (5.0, False, 22.0)


def test_a_batch_that_fails_has_computed(clock: Clock) -> None:
    watch = Stopwatch(Sampler(None), born=90.0, clock=clock)

    def work(_: object) -> list[object]:
        clock.now += 4
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(StageError) as error, watch.timing(Stage.TRANSCRIBE):
        BatchRunner(1).map([0], work)
    assert error.value.reason is Reason.GPU_OUT_OF_MEMORY
    assert watch.stages[Stage.TRANSCRIBE].computing_seconds == watch.computing_seconds == 4.0


def test_stages_that_compute_together_count_once_for_the_run(clock: Clock) -> None:
    watch = Stopwatch(Sampler(None), born=90.0, clock=clock)
    inside, leave = threading.Event(), threading.Event()

    def diarize() -> None:
        with watch.timing(Stage.DIARIZE), batch():
            inside.set()
            leave.wait()

    other = threading.Thread(target=diarize)
    other.start()
    inside.wait()
    clock.now += 1
    with watch.timing(Stage.TRANSCRIBE):
        computed(clock, 5)
    clock.now += 1
    leave.set()
    other.join()
    stages = {stage: timing.computing_seconds for stage, timing in watch.stages.items()}
    assert stages == {Stage.DIARIZE: 7.0, Stage.TRANSCRIBE: 5.0}
    assert watch.computing_seconds == 7.0


def test_a_batch_that_still_runs_counts_up_to_now(clock: Clock) -> None:
    meter = Meter(clock)
    with counted(meter), batch():
        clock.now += 6
        assert meter.seconds == 6.0


def test_where_the_driver_says_how_busy_it_was_its_word_counts(clock: Clock) -> None:
    gpu = Gpu()
    sampler = Sampler(gpu, clock=clock)
    watch = Stopwatch(sampler, born=90.0, clock=clock)
    sampler.sample()
    with watch.timing(Stage.TRANSCRIBE):
        computed(clock, 8)
        gpu.busy = 50
    with watch.timing(Stage.DIARIZE):
        clock.now += 2
    assert watch.by_driver
    assert watch.stages[Stage.TRANSCRIBE].computing_seconds == 4.0
    assert watch.stages[Stage.DIARIZE].computing_seconds == 1.0
    assert watch.computing_seconds == 5.0


def test_a_slice_that_reports_nothing_is_measured_around_its_engines(clock: Clock) -> None:
    gpu = Gpu()
    gpu.busy = None
    watch = Stopwatch(Sampler(gpu, clock=clock), born=90.0, clock=clock)
    with watch.timing(Stage.TRANSCRIBE):
        computed(clock, 8)
    assert (watch.by_driver, watch.computing_seconds) == (False, 8.0)


def test_the_receipt_says_how_long_and_by_which_measure(clock: Clock) -> None:
    session = Session(None, Control(), born=90.0)
    session.clock = Stopwatch(Sampler(None), born=90.0, clock=clock)
    with session.clock.timing(Stage.TRANSCRIBE):
        computed(clock, 2.5)
    receipt = session.receipt(None)
    assert (receipt.seconds, receipt.computing_seconds, receipt.computing_by) == (12.5, 2.5, "Engines")
    assert receipt.stages[Stage.TRANSCRIBE].computing_seconds == 2.5
