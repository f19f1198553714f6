"""When a profile's retention is enforced: once a day, sooner only after a failure, never twice at once."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile_status import RetentionStatus
from ingest_contract.receipt import Receipt
from ingest_contract.voice_report import ForgetReport
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.outcome import Outcome
from ingest_operator.core.retention import (
    EVERY_SECONDS,
    LONGEST_WAIT_SECONDS,
    RetentionRun,
    RetentionStep,
    Wanted,
    retention_step,
    without_retention,
)
from ingest_operator.core.timestamps import from_rfc3339

NOW = 1_790_000_000.0
WANTED = Wanted(30, "a.b", has_curator=False)
CURATED = Wanted(30, "a.c", has_curator=True)
GONE = Outcome(
    None, "", Receipt(result="Succeeded", seconds=1.0, forgotten=ForgetReport(rows={}, recordings=3))
)


def failed(reason: Reason = Reason.DATABASE_UNAVAILABLE, gone: int = 0) -> Outcome:
    report = ForgetReport(recordings=gone)
    return Outcome(
        reason, "no such host", Receipt(result="Failed", reason=reason, seconds=1.0, forgotten=report)
    )


def step(
    before: RetentionStatus | None = None,
    *,
    runs: dict[int, RetentionRun] | None = None,
    wanted: Wanted = WANTED,
    now: float = NOW,
) -> RetentionStep:
    found = runs or {}
    return retention_step(before or RetentionStatus(), wanted, found, max(found, default=0) + 1, now)


def ended(before: RetentionStatus, outcome: Outcome, now: float, wanted: Wanted = WANTED) -> RetentionStep:
    run = RetentionRun(wanted.request, outcome, now)
    return step(before, runs={before.run: run}, wanted=wanted, now=now)


def begun(now: float = NOW) -> RetentionStatus:
    return step(now=now).status


def test_a_run_is_written_with_its_number_before_it_is_made_and_made_by_whoever_comes_next() -> None:
    first = step()
    assert (first.status.run, first.status.under_way, first.make) == (1, True, True)
    assert step(first.status, now=NOW + 100) == RetentionStep(first.status, make=True)
    live = RetentionRun(WANTED.request, None)
    assert step(first.status, runs={1: live}) == RetentionStep(first.status)


def test_a_number_that_a_job_has_had_is_not_used_again() -> None:
    old = RetentionRun(WANTED.request, GONE, NOW - 5)
    assert step(runs={7: old}).status.run == 8


def test_a_run_that_succeeded_is_counted_once_and_the_next_one_is_a_day_after_its_start() -> None:
    after = ended(begun(), GONE, NOW + 50)
    assert (after.status.recordings, after.status.total_recordings, after.make) == (3, 3, False)
    assert after.draft is not None
    assert after.draft[1:3] == (True, "Kept")
    assert after.status.next_at is not None
    assert from_rfc3339(after.status.next_at) == NOW + EVERY_SECONDS
    again = {1: RetentionRun(WANTED.request, GONE, NOW + 50)}
    assert step(after.status, runs=again, now=NOW + EVERY_SECONDS - 1) == RetentionStep(after.status)
    assert step(after.status, wanted=CURATED, now=NOW + 100) == RetentionStep(after.status)
    second = step(after.status, runs=again, now=NOW + EVERY_SECONDS)
    assert (second.status.run, second.status.total_recordings, second.make) == (2, 3, True)
    assert second.draft is None


def test_failures_wait_longer_each_time_and_what_went_before_them_counts() -> None:
    status, now, waits = begun(), NOW, []
    for _ in range(12):
        after = ended(status, failed(gone=2), now).status
        assert after.next_at is not None
        waits.append(from_rfc3339(after.next_at) - now)
        now = from_rfc3339(after.next_at)
        status = step(after, now=now).status
        assert status.run == after.run + 1
    assert waits[:3] == [60, 120, 240]
    assert waits[-1] == LONGEST_WAIT_SECONDS
    assert status.total_recordings == 24
    after = ended(status, GONE, now)
    assert (after.status.failures, after.status.reason, after.status.recordings) == (0, None, 3)


@pytest.mark.parametrize(("wanted", "advised"), [(WANTED, True), (CURATED, False)])
def test_a_login_that_may_not_forget_learns_what_to_set(wanted: Wanted, *, advised: bool) -> None:
    draft = ended(begun(), failed(Reason.DATABASE_REJECTED), NOW, wanted).draft
    assert draft is not None
    assert draft[1:3] == (False, "DatabaseRejected")
    assert ("pods.curatorStore" in draft[3]) is advised


def test_another_profile_gives_a_run_that_failed_or_cannot_begin_another_chance_at_once() -> None:
    after = ended(begun(), failed(Reason.DATABASE_REJECTED), NOW).status
    assert step(after, now=NOW + 1) == RetentionStep(after)
    assert step(after, wanted=CURATED, now=NOW + 1).status.run == 2
    stuck = {1: RetentionRun(WANTED.request, None, blocker=Blocker("SecretMissing", "no Secret", 0.0))}
    held = step(begun(), runs=stuck)
    assert held.draft is not None
    assert (held.make, held.draft[1:3]) == (False, (False, "SecretMissing"))
    anew = step(begun(), runs=stuck, wanted=CURATED)
    assert (anew.status.run, anew.make) == (2, True)


def test_a_profile_that_keeps_everything_remembers_how_many_went_and_begins_at_once_later() -> None:
    after = without_retention(ended(begun(), GONE, NOW).status)
    assert after == RetentionStatus(run=1, total_recordings=3)
    assert without_retention(None) is None
    assert step(after).status.run == 2
