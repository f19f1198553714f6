"""What a person reads about a schedule, and that it never goes back."""

from dataclasses import replace

import pytest

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.schedule import MAX_ACTIVE_NAMES, IngestScheduleStatus, LastBatch
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.schedules.due import DueResult
from ingest_operator.kube.schedules.owned_batches import children_of
from ingest_operator.kube.schedules.status import StatusInputs, render
from tests.support.schedules import DAY, HOUR, a_child, a_schedule, at

DONE, FAILED = ConditionType.COMPLETE, ConditionType.FAILED
FIRST = at("2026-01-11 02:30")
FOUND = DueResult(start=None, settled=FIRST, missed=0, next=FIRST + DAY, timetable="30 2 * * * Etc/UTC")
SEEN = StatusInputs(generation=3, suspended=False, due_result=FOUND)


def rendered(
    *batches: Object,
    inputs: StatusInputs = SEEN,
    previous: IngestScheduleStatus | None = None,
    now: float = FIRST,
) -> IngestScheduleStatus:
    return render(inputs, previous, children_of(a_schedule(), batches), now)


def holding(status: IngestScheduleStatus) -> dict[str, str]:
    return {each.type.value: each.reason for each in status.conditions if each.status is ConditionStatus.TRUE}


def test_the_whole_of_it() -> None:
    status = rendered(a_child(FIRST - DAY, DONE), a_child(FIRST))
    assert (status.observed_generation, holding(status)) == (3, {})
    assert {each.type for each in status.conditions} == {ConditionType.STALLED, ConditionType.SUSPENDED}
    assert (status.last_scheduled_time, status.next_scheduled_time) == (
        "2026-01-11T02:30:00Z",
        "2026-01-12T02:30:00Z",
    )
    assert status.last_batch == LastBatch(
        name="nightly-202601110230", state="Running", scheduled_time="2026-01-11T02:30:00Z"
    )
    assert (status.active, status.active_batches) == (1, ("nightly-202601110230",))
    assert status.last_successful_time == "2026-01-10T02:31:00Z"
    assert (status.missed, status.settled_until, status.timetable) == (
        0,
        "2026-01-11T02:30:00Z",
        "30 2 * * * Etc/UTC",
    )


def test_the_same_reconcile_gives_the_same_status_at_any_time() -> None:
    first = rendered(a_child(FIRST))
    assert rendered(a_child(FIRST), previous=first, now=FIRST + HOUR) == first


def test_what_was_missed_adds_up() -> None:
    first = rendered(inputs=replace(SEEN, due_result=replace(FOUND, missed=2)))
    assert rendered(inputs=replace(SEEN, due_result=replace(FOUND, missed=3)), previous=first).missed == 5


WAITING = replace(SEEN, due_result=replace(FOUND, waits=FIRST + DAY))
"""The batch of the next night is due, and waits."""


def stalled(status: IngestScheduleStatus) -> tuple[str, str, str]:
    return next(
        (each.status.value, each.reason, each.message)
        for each in status.conditions
        if each.type is ConditionType.STALLED
    )


def test_a_batch_that_waits_for_one_that_works_is_reported_and_is_no_trouble() -> None:
    message = "The batch that was due at 2026-01-12T02:30:00Z waits for nightly-202601110230: it is Running"
    assert stalled(rendered(a_child(FIRST), inputs=WAITING)) == ("False", "WaitsForBatch", message)
    assert stalled(rendered(a_child(FIRST))) == ("False", "NothingHeld", "")


def test_a_batch_that_waits_for_one_that_goes_on_by_nobody_is_trouble_with_the_reason() -> None:
    held = a_child(FIRST, ConditionType.STALLED)
    held["status"]["conditions"][0] |= {"reason": "QuotaExceeded", "message": "A quota is used up."}
    status, reason, message = stalled(rendered(held, inputs=WAITING))
    assert (status, reason) == ("True", "WaitsForBatch")
    assert message.endswith(
        "waits for nightly-202601110230: it is stalled by QuotaExceeded: A quota is used up."
    )
    assert stalled(rendered(held))[0] == "False", "nothing waits yet"
    _, _, message = stalled(rendered(a_child(FIRST) | {"spec": {"suspend": True}}, inputs=WAITING))
    assert message.endswith("it is suspended")
    leaving = a_child(FIRST, deletionTimestamp="2026-01-11T02:31:00Z", finalizers=["example.org/archive"])
    assert stalled(rendered(leaving, inputs=WAITING))[2].endswith(
        "it is being deleted, which example.org/archive holds up"
    )
    failing = a_child(FIRST, FAILED, ConditionType.STALLED)
    failing["status"]["counts"] = {"running": 1}
    assert stalled(rendered(failing, inputs=WAITING))[0] == "False", (
        "what still runs of one that failed ends by itself"
    )


def test_times_never_go_back_though_the_clock_and_the_batches_do() -> None:
    first = rendered(a_child(FIRST, DONE))
    earlier = replace(SEEN, due_result=replace(FOUND, settled=FIRST - DAY))
    later = rendered(a_child(FIRST - DAY, DONE), inputs=earlier, previous=first, now=FIRST - DAY)
    for name in ("last_scheduled_time", "last_successful_time", "settled_until", "last_batch"):
        assert getattr(later, name) == getattr(first, name), name


@pytest.mark.parametrize(
    ("state", "then"),
    [("Complete", "Complete"), ("Failed", "Failed"), ("Running", "Deleted"), ("Deleted", "Deleted")],
)
def test_a_last_batch_that_is_gone_is_remembered_as_it_ended(state: str, then: str) -> None:
    before = IngestScheduleStatus(
        last_batch=LastBatch(name="nightly-202601110230", state=state, scheduled_time=to_rfc3339(FIRST))
    )
    for batches in ((), (a_child(FIRST - DAY, DONE),)):
        after = rendered(*batches, previous=before).last_batch
        assert after is not None
        assert (after.name, after.state) == ("nightly-202601110230", then)


def test_a_batch_that_failed_is_no_success() -> None:
    assert rendered(a_child(FIRST, DONE, FAILED)).last_successful_time is None


def test_of_many_active_batches_all_are_counted_and_some_are_named() -> None:
    status = rendered(*(a_child(FIRST + number * 60) for number in range(MAX_ACTIVE_NAMES + 5)))
    assert (status.active, len(status.active_batches), status.active_batches[0]) == (
        25,
        MAX_ACTIVE_NAMES,
        "nightly-202601110230",
    )


def test_a_batch_that_is_being_deleted_is_not_active() -> None:
    assert rendered(a_child(FIRST, deletionTimestamp=to_rfc3339(FIRST))).active == 0


def test_a_suspended_schedule_says_so_and_has_no_next_time() -> None:
    status = rendered(inputs=replace(SEEN, suspended=True, due_result=replace(FOUND, next=None)))
    assert (holding(status), status.next_scheduled_time) == ({"Suspended": "BySpec"}, None)


def test_an_invalid_schedule_is_stalled_forgets_nothing_and_still_tells_what_runs() -> None:
    first = rendered(a_child(FIRST))
    invalid = StatusInputs(
        generation=4,
        suspended=False,
        due_result=None,
        failure=("InvalidSchedule", "spec.schedule '61 * * * *': bad minute"),
    )
    status = rendered(a_child(FIRST, DONE), inputs=invalid, previous=first)
    assert (holding(status), status.next_scheduled_time) == ({"Stalled": "InvalidSchedule"}, None)
    assert (status.settled_until, status.timetable, status.missed) == (
        first.settled_until,
        first.timetable,
        first.missed,
    )
    assert status.last_batch is not None
    assert (status.last_batch.state, status.active) == ("Complete", 0)


@pytest.mark.parametrize(("behind", "told"), [(0.0, {}), (HOUR, {}), (HOUR + 1, {"Stalled": "ClockBehind"})])
def test_a_clock_that_was_put_back_far_is_reported(behind: float, told: dict[str, str]) -> None:
    assert holding(rendered(now=FIRST - behind)) == told


def test_a_long_message_is_cut_to_what_a_condition_takes() -> None:
    status = rendered(inputs=replace(SEEN, failure=("Invalid", "x" * 5000)))
    assert len(status.conditions[0].message) == 1024
