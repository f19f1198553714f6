"""One look at one schedule: what it writes and in which order, and what it makes of answers that are not the
hoped-for ones."""

import asyncio
import json
from typing import Any

import pytest

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.schedule import IngestScheduleStatus
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.errors import BusyError, ConflictError, RefusalCause, RefusedError
from ingest_operator.kube.api.resources import BATCHES, SCHEDULES, Object
from ingest_operator.kube.api.statuses import UnreadableStatusError
from ingest_operator.kube.schedules.reconcile import ScheduleResult, reconcile
from tests.support.schedules import DAY, HOUR, MADE, MemoryApi, a_child, a_schedule, at, ended, status_of

DONE, FAILED = ConditionType.COMPLETE, ConditionType.FAILED
FIRST = at("2026-01-11 02:30")
NIGHT = "nightly-202601110230"
NEXT = "nightly-202601120230"
REFUSAL = RefusedError(403, "Forbidden", "kept for the auditors", RefusalCause.ADMISSION)


def an_api(*batches: Object, **spec: Any) -> MemoryApi:
    api = MemoryApi()
    api.put(SCHEDULES, a_schedule(**spec))
    for batch in batches:
        api.put(BATCHES, batch)
    return api


def reconciled(
    api: MemoryApi,
    now: float,
    *,
    at_schedule: Object | None = None,
    at_batches: tuple[Object, ...] | None = None,
) -> ScheduleResult:
    """A look at what is there, or at what a watch has shown long ago."""
    api.now = now
    schedule = at_schedule or api.schedule()
    return asyncio.run(reconcile(schedule, api.batches() if at_batches is None else at_batches, api, now))


def finish(api: MemoryApi, name: str, *ends: ConditionType, now: float) -> None:
    api.put(BATCHES, ended(asyncio.run(api.get(BATCHES, "media", name)), *ends, at=now))


def stalled(api: MemoryApi) -> str | None:
    """The reason of `Stalled`, if it holds."""
    found = status_of(api.schedule()).conditions
    return next(
        (
            each.reason
            for each in found
            if each.type is ConditionType.STALLED and each.status is ConditionStatus.TRUE
        ),
        None,
    )


def edit(api: MemoryApi, **spec: Any) -> None:
    schedule = api.schedule()
    api.put(SCHEDULES, schedule | {"spec": schedule["spec"] | spec})


def test_a_new_schedule_gets_a_status_and_a_next_reconcile() -> None:
    api = an_api()
    result = reconciled(api, MADE)
    assert (result.again, result.started, api.log) == (FIRST, None, ["status nightly"])
    assert status_of(api.schedule()).next_scheduled_time == to_rfc3339(FIRST)
    assert result.schedule == api.schedule()


def test_a_batch_that_is_due_is_made_before_the_status_says_so() -> None:
    api = an_api()
    result = reconciled(api, FIRST + 1)
    assert api.log == [f"create {NIGHT}", "status nightly"]
    assert result.started is not None
    assert (result.started["metadata"]["name"], result.again) == (NIGHT, FIRST + DAY)
    assert status_of(api.schedule()).last_scheduled_time == to_rfc3339(FIRST)


def test_a_reconcile_at_which_nothing_has_changed_writes_nothing_and_asks_nothing() -> None:
    api = an_api()
    reconciled(api, FIRST)
    api.log.clear()
    api.broken = {verb: BusyError(503, "Busy", "") for verb in ("get", "create", "replace_status", "delete")}
    assert reconciled(api, FIRST + HOUR).again == FIRST + DAY
    assert (api.log, len(api.broken)) == ([], 4)


def test_a_crash_between_the_batch_and_the_status_makes_no_second_batch() -> None:
    api = an_api()
    api.broken["replace_status"] = BusyError(503, "Busy", "")
    with pytest.raises(BusyError):
        reconciled(api, FIRST)
    reconciled(api, FIRST + 1)
    assert api.log == [f"create {NIGHT}", "status nightly"]
    assert status_of(api.schedule()).missed == 0


def test_a_second_operator_that_has_not_seen_the_batch_takes_it_for_made() -> None:
    api = an_api()
    before = api.schedule()
    reconciled(api, FIRST)
    finish(api, NIGHT, DONE, now=FIRST + 60)
    result = reconciled(api, FIRST + 1, at_schedule=before, at_batches=())
    assert [line for line in api.log if line.startswith("create")] == [f"create {NIGHT}"]
    assert result.started is None
    assert status_of(api.schedule()).last_scheduled_time == to_rfc3339(FIRST)


def test_a_batch_whose_creation_was_not_answered_is_adopted() -> None:
    api = an_api()
    api.put(BATCHES, a_child(FIRST))
    result = reconciled(api, FIRST + 1, at_batches=())
    assert result.started is not None
    assert result.started["metadata"]["uid"] == f"uid-of-{NIGHT}"
    assert status_of(api.schedule()).active_batches == (NIGHT,)


def test_a_batch_that_was_cleared_up_is_not_made_again_by_a_watch_that_lags() -> None:
    api = an_api(successfulHistoryLimit=0)
    before = api.schedule()
    reconciled(api, FIRST)
    finish(api, NIGHT, DONE, now=FIRST + 60)
    reconciled(api, FIRST + 90)
    assert api.batches() == ()
    reconciled(api, FIRST + 100, at_schedule=before, at_batches=())
    assert api.batches() == ()


def test_a_foreign_object_with_the_name_is_reported_and_not_touched() -> None:
    foreign = a_child(FIRST, owner=a_schedule(uid="22222222-bbbb"))
    api = an_api(foreign)
    result = reconciled(api, FIRST)
    assert (stalled(api), result.started, result.again) == ("NameTaken", None, FIRST + 60)
    assert api.batches()[0]["metadata"]["uid"] == foreign["metadata"]["uid"]
    assert status_of(api.schedule()).last_scheduled_time is None
    reconciled(api, FIRST + DAY)
    assert (stalled(api), status_of(api.schedule()).missed) == (None, 1)


def test_a_schedule_goes_on_when_the_foreign_object_is_gone() -> None:
    api = an_api(a_child(FIRST, ownerReferences=[]))
    reconciled(api, FIRST)
    del api.objects[BATCHES.plural, NIGHT]
    reconciled(api, FIRST + 60)
    assert (stalled(api), status_of(api.schedule()).active) == (None, 1)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (RefusalCause.QUOTA, "QuotaExceeded"),
        (RefusalCause.ADMISSION, "AdmissionDenied"),
        (RefusalCause.INVALID, "Invalid"),
    ],
)
def test_a_refusal_is_reported_and_tried_again(cause: RefusalCause, reason: str) -> None:
    api = an_api()
    api.broken["create"] = RefusedError(403, "Forbidden", "because of the policy", cause)
    result = reconciled(api, FIRST)
    assert stalled(api) == reason
    assert "because of the policy" in status_of(api.schedule()).conditions[0].message
    assert result.again is not None
    assert FIRST < result.again <= FIRST + 60
    reconciled(api, result.again)
    assert (stalled(api), status_of(api.schedule()).active) == (None, 1)


def test_under_forbid_the_next_batch_starts_when_the_earlier_one_ends() -> None:
    api = an_api()
    reconciled(api, FIRST)
    assert reconciled(api, FIRST + DAY).started is None
    finish(api, NIGHT, DONE, now=FIRST + DAY + HOUR)
    result = reconciled(api, FIRST + DAY + HOUR)
    assert result.started is not None
    assert (result.started["metadata"]["name"], status_of(api.schedule()).missed) == (NEXT, 0)


def test_under_forbid_never_more_than_one_waits() -> None:
    api = an_api()
    reconciled(api, FIRST)
    for nights in (1, 2, 3):
        reconciled(api, FIRST + nights * DAY)
    assert status_of(api.schedule()).missed == 2
    finish(api, NIGHT, FAILED, now=FIRST + 3 * DAY + HOUR)
    reconciled(api, FIRST + 3 * DAY + HOUR)
    assert [line for line in api.log if line.startswith("create")] == [
        f"create {NIGHT}",
        "create nightly-202601140230",
    ]
    assert status_of(api.schedule()).missed == 2


def test_under_replace_the_earlier_batch_is_deleted_before_the_next_is_made() -> None:
    api = an_api(concurrencyPolicy="Replace")
    reconciled(api, FIRST)
    api.log.clear()
    result = reconciled(api, FIRST + DAY)
    assert (api.log, result.deleted) == ([f"delete {NIGHT}", f"create {NEXT}", "status nightly"], (NIGHT,))
    assert status_of(api.schedule()).active_batches == (NEXT,)


def test_what_cannot_be_replaced_is_reported_and_the_next_batch_waits_for_it() -> None:
    api = an_api(concurrencyPolicy="Replace")
    reconciled(api, FIRST)
    api.broken["delete"] = REFUSAL
    assert reconciled(api, FIRST + DAY).deleted == ()
    assert (stalled(api), len(api.batches())) == ("AdmissionDenied", 1)
    told = [each.message for each in status_of(api.schedule()).conditions]
    assert any("cannot be deleted. The server says: kept for the auditors" in message for message in told)
    result = reconciled(api, FIRST + DAY + 61)
    assert (result.deleted, status_of(api.schedule()).active_batches) == ((NIGHT,), (NEXT,))


def test_of_several_batches_to_replace_those_that_were_deleted_are_listed_no_longer() -> None:
    api = an_api(concurrencyPolicy="Allow")
    reconciled(api, FIRST)
    reconciled(api, FIRST + DAY)
    edit(api, concurrencyPolicy="Replace")
    api.broken["delete"] = REFUSAL  # of the first; the second goes
    result = reconciled(api, FIRST + 2 * DAY)
    status = status_of(api.schedule())
    assert (result.deleted, stalled(api)) == ((NEXT,), "AdmissionDenied")
    assert (status.active, status.active_batches) == (1, (NIGHT,))


def test_a_finished_batch_that_may_not_be_deleted_keeps_no_other_and_no_next_one() -> None:
    api = an_api(successfulHistoryLimit=0, concurrencyPolicy="Allow")
    reconciled(api, FIRST)
    reconciled(api, FIRST + DAY)
    for name in (NIGHT, NEXT):
        finish(api, name, DONE, now=FIRST + DAY + HOUR)
    api.broken["delete"] = REFUSAL
    assert reconciled(api, FIRST + DAY + HOUR).deleted == (NEXT,)
    assert reconciled(api, FIRST + DAY + 2 * HOUR).deleted == (NIGHT,)


def test_replacing_leaves_finished_batches_alone() -> None:
    api = an_api(concurrencyPolicy="Replace")
    reconciled(api, FIRST)
    finish(api, NIGHT, FAILED, now=FIRST + HOUR)
    assert reconciled(api, FIRST + DAY).deleted == ()


def test_under_allow_batches_run_side_by_side() -> None:
    api = an_api(concurrencyPolicy="Allow")
    reconciled(api, FIRST)
    reconciled(api, FIRST + DAY)
    assert status_of(api.schedule()).active_batches == (NIGHT, NEXT)


def test_finished_batches_are_deleted_only_after_the_status_remembers_them() -> None:
    api = an_api(successfulHistoryLimit=0)
    reconciled(api, FIRST)
    finish(api, NIGHT, DONE, now=FIRST + HOUR)
    api.broken["replace_status"] = BusyError(503, "Busy", "")
    with pytest.raises(BusyError):
        reconciled(api, FIRST + HOUR)
    assert len(api.batches()) == 1
    result = reconciled(api, FIRST + HOUR + 1)
    status = status_of(api.schedule())
    assert (api.batches(), result.deleted, status.last_successful_time) == (
        (),
        (NIGHT,),
        to_rfc3339(FIRST + HOUR),
    )
    assert status.last_batch is not None
    assert status.last_batch.state == "Complete"
    reconciled(api, FIRST + 2 * HOUR)
    assert status_of(api.schedule()) == status


def test_a_changed_template_is_for_the_batches_to_come() -> None:
    api = an_api(concurrencyPolicy="Allow")
    reconciled(api, FIRST)
    other = {"sources": [{"url": "https://media.example.org/others"}]}
    edit(api, template={"spec": other})
    reconciled(api, FIRST + DAY)
    first, second = sorted(api.batches(), key=lambda batch: batch["metadata"]["name"])
    assert (first["spec"]["sources"][0]["url"], second["spec"]) == ("https://media.example.org/talks", other)


@pytest.mark.parametrize(
    ("wrong", "reason", "message"),
    [
        ({"schedule": "61 2 * * *"}, "InvalidSchedule", "'61 2 * * *': bad minute"),
        ({"timeZone": "Europe/Berlim"}, "InvalidTimeZone", "did you mean 'Europe/Berlin'?"),
        (
            {"template": {"spec": {"sources": []}}},
            "InvalidSpec",
            "template.spec.sources: must have at least one entry",
        ),
    ],
)
def test_an_invalid_schedule_is_reported_starts_nothing_and_recovers_at_the_next_reconcile(
    wrong: dict[str, Any], reason: str, message: str
) -> None:
    api = an_api(**wrong)
    assert reconciled(api, FIRST + HOUR).again is None
    status = status_of(api.schedule())
    assert (stalled(api), status.next_scheduled_time, api.batches()) == (reason, None, ())
    assert message in status.conditions[0].message
    edit(api, **a_schedule()["spec"], timeZone="Etc/UTC")
    assert reconciled(api, FIRST + 2 * HOUR).again == FIRST + DAY
    assert (stalled(api), status_of(api.schedule()).observed_generation) == (None, 2)
    reconciled(api, FIRST + DAY)
    assert [batch["metadata"]["name"] for batch in api.batches()] == [NEXT]


def test_a_schedule_suspended_a_moment_ago_starts_nothing_though_the_watch_has_not_reported() -> None:
    api = an_api()
    before = api.schedule()
    edit(api, suspend=True)
    assert reconciled(api, FIRST, at_schedule=before).started is None
    assert api.batches() == ()


@pytest.mark.parametrize("now", [FIRST - HOUR, FIRST])
def test_a_schedule_that_is_being_deleted_starts_nothing_and_says_why_it_is_still_there(now: float) -> None:
    api = an_api()
    schedule = api.schedule()
    leaving = {
        "deletionTimestamp": to_rfc3339(FIRST),
        "finalizers": ["example.org/archive", "example.org/audit"],
    }
    api.put(SCHEDULES, schedule | {"metadata": schedule["metadata"] | leaving})
    assert reconciled(api, now).started is None
    assert api.batches() == ()
    stalled = next(each for each in api.schedule()["status"]["conditions"] if each["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "BeingDeleted")
    assert "which example.org/archive and example.org/audit hold up" in stalled["message"]


def test_a_schedule_that_leaves_its_batches_behind_is_left_alone() -> None:
    api = an_api()
    schedule = api.schedule()
    api.put(
        SCHEDULES,
        schedule
        | {
            "metadata": schedule["metadata"]
            | {"deletionTimestamp": to_rfc3339(FIRST), "finalizers": ["orphan"]}
        },
    )
    assert (reconciled(api, FIRST - HOUR), api.log) == (ScheduleResult(), [])


@pytest.mark.parametrize("replaced", [True, False], ids=["another has its name", "nothing has its name"])
def test_a_schedule_that_is_gone_starts_nothing(replaced: bool) -> None:  # noqa: FBT001 -- a column of the table
    api = an_api()
    before = api.schedule()
    del api.objects[SCHEDULES.plural, "nightly"]
    if replaced:
        api.put(SCHEDULES, a_schedule(uid="22222222-bbbb"))
    assert (reconciled(api, FIRST, at_schedule=before), api.log) == (ScheduleResult(), [])


def test_a_status_that_somebody_else_wrote_meanwhile_is_not_overwritten() -> None:
    api = an_api()
    before = api.schedule()
    reconciled(api, MADE)
    edit(api, suspend=True)
    with pytest.raises(ConflictError):
        reconciled(api, MADE + 1, at_schedule=before)


def test_a_status_of_another_version_of_the_operator_is_kept_and_nothing_is_done() -> None:
    api = an_api()
    schedule = api.schedule()
    api.put(SCHEDULES, schedule | {"status": {"observedGeneration": 1, "nextYear": True}})
    with pytest.raises(UnreadableStatusError, match="media/nightly"):
        reconciled(api, FIRST)
    assert api.log == []


def test_missed_times_are_reported_to_whoever_looks() -> None:
    assert reconciled(an_api(), FIRST + 4 * DAY).missed == 4


def test_a_status_reads_back_as_it_was_written() -> None:
    api = an_api()
    reconciled(api, FIRST)
    written = api.schedule()["status"]
    assert json.loads(IngestScheduleStatus.from_object(written).to_json()) == written
