"""Times of stages that follow, overlap, fail and repeat, on a clock that the test moves."""

import time

import pytest

from ingest_contract.stages import Stage
from ingest_worker.gpu.sampler import Sampler
from ingest_worker.stopwatch import Stopwatch, process_birth


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Stopwatch:
    return Stopwatch(Sampler(None), born=90.0, clock=clock)


def test_what_lies_in_no_stage_is_overhead(watch: Stopwatch, clock: Clock) -> None:
    with watch.timing(Stage.FETCH):
        clock.now += 5
    clock.now += 2
    with watch.timing(Stage.DECODE):
        clock.now += 1
    clock.now += 50  # the end of the process counts for nobody
    assert (watch.seconds, watch.overhead) == (18.0, 12.0)
    assert watch.stages[Stage.FETCH].seconds == 5.0


def test_stages_that_overlap_are_not_counted_twice(watch: Stopwatch, clock: Clock) -> None:
    with watch.timing(Stage.TRANSCRIBE):
        clock.now += 3
        with watch.timing(Stage.DIARIZE):
            clock.now += 4
    assert watch.stages[Stage.TRANSCRIBE].seconds == 7.0
    assert watch.stages[Stage.DIARIZE].seconds == 4.0
    assert (watch.seconds, watch.overhead) == (17.0, 10.0)


def test_a_stage_that_failed_is_timed_and_named(watch: Stopwatch, clock: Clock) -> None:
    def work() -> float:
        clock.now += 4
        return 1 / 0

    with pytest.raises(ZeroDivisionError), watch.timing(Stage.DIARIZE):
        work()
    assert watch.stages[Stage.DIARIZE].seconds == 4.0
    assert watch.failed is Stage.DIARIZE


def test_the_first_stage_that_failed_is_the_one_that_is_named(watch: Stopwatch) -> None:
    for stage in (Stage.TRANSCRIBE, Stage.DIARIZE):
        with pytest.raises(KeyError), watch.timing(stage):
            raise KeyError
    assert watch.failed is Stage.TRANSCRIBE


def test_a_stage_that_is_entered_again_adds_up(watch: Stopwatch, clock: Clock) -> None:
    for _ in range(2):
        with watch.timing(Stage.FETCH):
            clock.now += 1
    assert watch.stages[Stage.FETCH].seconds == 2.0


def test_a_resumed_stage_took_no_time(watch: Stopwatch) -> None:
    watch.resume(Stage.TRANSCRIBE)
    assert (watch.stages[Stage.TRANSCRIBE].seconds, watch.stages[Stage.TRANSCRIBE].resumed) == (0.0, True)


def test_the_process_was_born_before_this_test_and_not_before_the_machine() -> None:
    assert 0 <= time.monotonic() - process_birth() < time.clock_gettime(time.CLOCK_BOOTTIME)
