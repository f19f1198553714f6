"""What follows from the tries of a plan: which is next, how long it waits, what is told meanwhile, and when
no other can help."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import FAILURES, SITE_BREAKERS, Reason, Verdict
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS
from ingest_operator.kube.api.names import PLAN, Place
from ingest_operator.kube.planning.attempts import PlanAttempt
from ingest_operator.kube.planning.next_step import (
    KEPT_RUNS,
    MAX_PLAN_ATTEMPTS,
    Ask,
    Blocked,
    Make,
    Read,
    Step,
    Wait,
    next_step,
)
from ingest_operator.kube.watch.jobs_and_pods import Lost
from testkit.objects.builders import NOW
from tests.support.plan_tries import MENDED, REQUEST, a_failed_try, a_live_try, a_success

STUCK = Blocker("ImageUnavailable", "no such image", inf)
PASSING = [
    reason
    for reason, row in FAILURES.items()
    if row.verdict in (Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.RETRY_SMALLER)
]
FINAL = [reason for reason, row in FAILURES.items() if row.verdict in (Verdict.GIVE_UP, Verdict.SKIP)]
MENDED_OUTSIDE = [
    reason for reason, row in FAILURES.items() if row.verdict in (Verdict.STOP_BATCH, Verdict.RETRY_LATER)
]
FORGIVEN = [reason for reason, row in FAILURES.items() if row.verdict is Verdict.FORGIVE]


def failures(count: int, reason: Reason = Reason.DOWNLOAD_FAILED) -> list[PlanAttempt]:
    return [a_failed_try(number, reason) for number in range(1, count + 1)]


def step(runs: list[PlanAttempt], after: float = 0.0) -> Step:
    return next_step(runs, REQUEST, NOW + after)


def test_without_a_job_somebody_finds_out_what_it_is_asked_and_makes_the_first() -> None:
    assert next_step([], None, NOW) == Ask()
    assert next_step([], REQUEST, NOW) == Make(1)


@pytest.mark.parametrize("wanted", [None, REQUEST, MENDED])
def test_a_job_that_runs_is_left_alone_whatever_is_wanted_by_now(wanted: object) -> None:
    assert next_step([a_live_try()], wanted, NOW) == Wait()


def test_a_plan_that_is_made_is_read_whatever_is_wanted_by_now() -> None:
    made = a_success()
    assert next_step([made], MENDED, NOW + 3600) == Read(made)


def test_a_job_that_cannot_begin_is_reported_and_makes_room_once_its_profile_is_fixed() -> None:
    stuck = a_live_try(blocker=STUCK)
    assert next_step([stuck], None, NOW) == Ask()
    assert next_step([stuck], REQUEST, NOW) == Wait(blocker=STUCK)
    assert next_step([stuck], MENDED, NOW) == Make(2, ending=(stuck.job,))


@pytest.mark.parametrize("reason", PASSING)
def test_a_failure_that_may_pass_is_tried_again_twice_after_growing_waits(reason: Reason) -> None:
    assert step(failures(1, reason), 29.9) == Wait(NOW + 30)
    assert step(failures(1, reason), 30.0) == Make(2)
    assert step(failures(2, reason), 59.9) == Wait(NOW + 60)
    assert step(failures(2, reason), 60.0) == Make(3)
    assert step(failures(MAX_PLAN_ATTEMPTS, reason), 9e9) == Blocked(
        reason, failures(1, reason)[0].outcome.message
    )


@pytest.mark.parametrize("reason", FINAL)
def test_what_no_further_run_can_change_is_reported_after_the_first(reason: Reason) -> None:
    assert step(failures(1, reason)) == Blocked(reason, "as asked")


@pytest.mark.parametrize("reason", MENDED_OUTSIDE)
def test_what_somebody_must_fix_is_reported_and_tried_again_for_ever_and_ever_more_rarely(
    reason: Reason,
) -> None:
    waits = []
    for count in range(1, KEPT_RUNS + 1):
        found = step(failures(count, reason))
        assert isinstance(found, Wait)
        assert found.blocker is not None
        # what a site refuses keeps no recording of another site from starting
        until = 0.0 if reason in SITE_BREAKERS else found.until
        assert (found.blocker.reason, found.blocker.until) == (reason.value, until)
        assert FAILURES[reason].sentence in found.blocker.message
        waits.append(found.until - NOW)
        assert isinstance(step(failures(count, reason), waits[-1]), Make)
    assert waits == [60, 120, 240, 480, 600]


def test_while_it_is_tried_again_a_person_still_sees_what_is_to_be_fixed() -> None:
    (failed,) = failures(1, Reason.SCHEMA_MISMATCH)
    found = step([failed, a_live_try(2)])
    assert isinstance(found, Wait)
    assert found.blocker is not None
    assert (found.blocker.reason, found.until) == ("SchemaMismatch", inf)


def test_a_run_that_was_asked_something_else_tells_nothing_of_the_last_one() -> None:
    (failed,) = failures(1, Reason.SCHEMA_MISMATCH)
    assert step([failed, a_live_try(2, MENDED)]) == Wait()


@pytest.mark.parametrize("reason", FORGIVEN)
def test_machines_that_are_taken_back_use_no_run_up(reason: Reason) -> None:
    assert step(failures(1, reason), 29.9) == Wait(NOW + 30)
    assert isinstance(step(failures(KEPT_RUNS, reason), 600.0), Make)
    assert isinstance(step([*failures(2), *(a_failed_try(number, reason) for number in (3, 4))], 600.0), Make)


def test_a_source_that_asks_for_a_longer_wait_gets_it() -> None:
    assert step([a_failed_try(reason=Reason.RATE_LIMITED, retry_after=900)], 899.0).until == NOW + 900


def test_another_profile_or_another_list_begins_again_at_once_under_the_next_number() -> None:
    for runs in (failures(1, Reason.NOT_FOUND), failures(3), failures(2, Reason.ORDER_INVALID)):
        assert next_step(runs, MENDED, NOW) == Make(len(runs) + 1)
    mixed = [*failures(2), a_failed_try(3, asked=MENDED)]
    assert next_step(mixed, MENDED, NOW + 30) == Make(4)


def test_a_plan_that_cannot_be_read_is_made_again_and_counts_as_a_run() -> None:
    lost = replace(a_success(), unreadable="its pod was gone")
    assert step([lost], 89.9) == Wait(NOW + 90)
    assert step([lost], 90.0) == Make(2)
    three = [replace(a_success(number), unreadable="its pod was gone") for number in (1, 2, 3)]
    assert step(three, 9e9) == Blocked(Reason.RECEIPT_MISSING, "its pod was gone")


def a_loss(number: int, at: float) -> Lost:
    return Lost(Place(PLAN, 0, number), at)


def test_jobs_that_are_gone_are_made_again_at_once_the_first_time_and_later_each_further_time() -> None:
    one, two = [a_loss(1, NOW)], [a_loss(1, NOW), a_loss(2, NOW + 1)]
    assert next_step([], None, NOW, one) == Ask()
    assert next_step([], REQUEST, NOW, one) == Make(2)
    waits = next_step([], REQUEST, NOW + 10.9, two)
    assert isinstance(waits, Wait)
    assert (waits.until, waits.blocker and waits.blocker.reason) == (NOW + 11, "JobVanished")
    made = next_step([], REQUEST, NOW + 11, two)
    assert isinstance(made, Make)
    assert (made.number, made.blocker and made.blocker.until) == (3, inf)
    many = [a_loss(number, NOW) for number in range(1, 17)]
    longest = next_step([], REQUEST, NOW, many)
    assert isinstance(longest, Wait)
    assert longest.until == NOW + LONGEST_WAIT_SECONDS


def test_a_job_that_is_gone_waits_though_earlier_failed_ones_are_there_but_not_once_another_lives() -> None:
    losses = [a_loss(2, NOW), a_loss(3, NOW)]
    assert isinstance(next_step([a_failed_try(1)], REQUEST, NOW + 9.9, losses), Wait)
    made = next_step([a_failed_try(1)], REQUEST, NOW + 10, losses)
    assert isinstance(made, Make)
    assert made.number == 4
    living = next_step([a_failed_try(1), a_live_try(4)], REQUEST, NOW, losses)
    assert isinstance(living, Wait)
    assert (living.until, living.blocker and living.blocker.reason) == (inf, "JobVanished")
    assert next_step([a_success(4)], REQUEST, NOW, losses) == Read(a_success(4))


def test_a_job_that_is_being_deleted_counts_for_nothing_but_its_number() -> None:
    leaving = replace(a_failed_try(4, Reason.NOT_FOUND), deleted=True)
    assert next_step([leaving], None, NOW) == Ask()
    assert step([leaving]) == Make(5)


def test_a_job_that_lingers_goes_before_the_next_one_is_made() -> None:
    late = a_failed_try(reason=Reason.IMAGE_UNAVAILABLE, lingers=True)
    for found in (step([late], 60.0), next_step([late], MENDED, NOW)):
        assert isinstance(found, Make)
        assert found.ending == (late.job,)


def test_only_the_last_jobs_are_kept_for_their_logs() -> None:
    runs = failures(KEPT_RUNS + 3, Reason.DATABASE_UNAVAILABLE)
    found = step(runs, 600.0)
    assert isinstance(found, Make)
    assert len(runs) - len(found.ending) + 1 == KEPT_RUNS
    assert found.ending == tuple(one.job for one in runs[: len(found.ending)])


reasons = st.sampled_from(list(Reason))


@given(st.lists(st.one_of(st.none(), reasons), max_size=30), st.sampled_from([REQUEST, MENDED]))
def test_whatever_happens_one_job_is_alive_at_a_time_and_no_number_comes_twice(
    ends: list[Reason | None], asked_later: object
) -> None:
    """A world in which each try ends in its own way, or without its log (None), and looks come whenever
    something is due."""
    runs: list[PlanAttempt] = []
    numbers: list[int] = []
    now, wanted = NOW, REQUEST
    for place, end in enumerate(ends):
        found = next_step(runs, wanted, now)
        while isinstance(found, Wait):
            assert now < found.until < now + 3601
            now = found.until
            found = next_step(runs, wanted, now)
        if isinstance(found, Blocked):
            return
        assert isinstance(found, Make)
        runs = [one for one in runs if one.job not in found.ending]
        assert all(one.run.ended is not None for one in runs)
        numbers.append(found.number)
        assert isinstance(next_step([*runs, a_live_try(found.number, wanted)], MENDED, now), Wait)
        ended = (
            replace(a_success(found.number), unreadable="gone")
            if end is None
            else a_failed_try(found.number, end, at=now)
        )
        runs.append(replace(ended, request=wanted, run=replace(ended.run, ended_at=now)))
        wanted = asked_later if place == 5 else wanted
    assert numbers == sorted(set(numbers))
