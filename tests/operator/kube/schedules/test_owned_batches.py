"""What the batches of a schedule are called and made of,
which batches are its own, and which it need not keep."""

import time
from typing import Any

import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.conditions import ConditionType
from ingest_contract.schedule import MAX_SCHEDULE_NAME_CHARACTERS
from ingest_operator.kube.api.names import MANAGED_BY, MANAGER
from ingest_operator.kube.schedules.owned_batches import (
    SCHEDULE_UID,
    SCHEDULED_TIME,
    beyond_limits,
    child_name,
    child_object,
    children_of,
)
from ingest_operator.kube.schedules.reconcile import read
from tests.support.schedules import DAY, MADE, a_child, a_schedule, at

DONE, FAILED = ConditionType.COMPLETE, ConditionType.FAILED
DUE = at("2026-10-25 00:30")


def test_a_batch_is_named_after_the_minute_it_was_due_in_utc_wherever_the_operator_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert child_name("nightly", DUE) == "nightly-202610250030"
    monkeypatch.undo()
    time.tzset()


def test_the_longest_name_of_a_schedule_leaves_a_name_for_its_batches() -> None:
    assert len(child_name("n" * MAX_SCHEDULE_NAME_CHARACTERS, DUE)) == 63


def test_no_two_times_of_one_schedule_share_a_name_not_even_when_an_hour_is_repeated() -> None:
    assert child_name("nightly", DUE) != child_name("nightly", DUE + 3600)


def test_a_batch_says_whose_it_is_and_when_it_was_due() -> None:
    template = {
        "metadata": {
            "labels": {"team": "media", SCHEDULE_UID: "mine"},
            "annotations": {"why": "news", SCHEDULED_TIME: "never"},
        },
        "spec": {"sources": [{"url": "https://media.example.org/talks"}], "parallelism": 2},
    }
    made = child_object(a_schedule(template=template), DUE)
    assert made["metadata"] == {
        "name": "nightly-202610250030",
        "namespace": "media",
        "labels": {"team": "media", MANAGED_BY: MANAGER, SCHEDULE_UID: "11111111-aaaa"},
        "annotations": {"why": "news", SCHEDULED_TIME: "2026-10-25T00:30:00Z"},
        "ownerReferences": [
            {
                "apiVersion": "video-ingest.dev/v1alpha1", "kind": "IngestSchedule", "name": "nightly",
                "uid": "11111111-aaaa", "controller": True, "blockOwnerDeletion": False,
            }
        ],
    }  # fmt: skip
    assert made["spec"] == template["spec"]


def test_a_batch_is_one_that_the_command_would_run() -> None:
    made = child_object(a_schedule(), DUE)
    assert IngestBatch.model_validate(made, strict=False).metadata.name == "nightly-202610250030"


def test_the_batches_of_a_schedule_come_back_earliest_first() -> None:
    batches = [a_child(MADE + days * DAY) for days in (3, 1, 2)]
    assert [child.due for child in children_of(a_schedule(), batches)] == [
        MADE + days * DAY for days in (1, 2, 3)
    ]


OTHER = a_schedule(uid="22222222-bbbb")


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(a_child(DUE, ownerReferences=[]), id="nobody's"),
        pytest.param(a_child(DUE, owner=OTHER), id="of an earlier schedule of this name"),
        pytest.param(
            a_child(DUE, ownerReferences=[{"uid": "11111111-aaaa", "controller": False}]),
            id="owned and not controlled",
        ),
        pytest.param(a_child(DUE, namespace="elsewhere"), id="in another namespace"),
        pytest.param(a_child(DUE, name="made-by-hand"), id="named by hand"),
        pytest.param(a_child(DUE, name="nightly-202613010000"), id="named after no month"),
        pytest.param(a_child(DUE, name="nightly-x-202610250030"), id="named after a longer name"),
        pytest.param(a_child(DUE, name="202610250030"), id="named after the minute alone"),
        pytest.param(a_child(DUE, name="nightly-٢٠٢٦١٠٢٥٠٠٣٠"), id="named in other digits"),
    ],
)
def test_other_batches_are_none_of_its_business(batch: dict[str, Any]) -> None:
    assert children_of(a_schedule(), [batch]) == ()


@pytest.mark.parametrize(
    ("ends", "facts"),
    [
        ((), (False, False, None)),
        ((DONE,), (True, False, DUE + 60)),
        ((FAILED,), (True, True, None)),
        ((DONE, FAILED), (True, True, None)),
    ],
)
def test_a_batch_is_finished_when_it_is_complete_or_failed(
    ends: tuple[ConditionType, ...], facts: tuple[bool, bool, float | None]
) -> None:
    (child,) = children_of(a_schedule(), [a_child(DUE, *ends)])
    assert (child.finished, child.failed, child.completed) == facts


@pytest.mark.parametrize(
    ("reason", "counts", "finished"),
    [
        ("TooManyFailures", {"failed": 3, "pending": 7, "waiting": 1}, True),
        ("TooManyFailures", {"failed": 3, "running": 1}, False),
        ("TooManyFailures", {"failed": 3, "fetching": 1}, False),
        ("PlanningFailed", {"total": 0}, True),
        ("PlanningFailed", {"succeeded": 3, "failed": 1}, True),
        ("PlanningFailed", {"succeeded": 3, "pending": 1}, False),
        ("PlanningFailed", {"succeeded": 3, "fetched": 1}, False),
        ("PlanningFailed", {"succeeded": 3, "waiting": 1}, False),
    ],
)
def test_a_failed_batch_is_finished_when_nothing_of_it_runs_or_will(
    reason: str, counts: dict[str, int], *, finished: bool
) -> None:
    batch = a_child(DUE, FAILED)
    batch["status"] |= {"counts": counts}
    batch["status"]["conditions"][0]["reason"] = reason
    (child,) = children_of(a_schedule(), [batch])
    assert child.finished is finished


def test_what_is_left_of_a_failed_batch_is_held_by_something_else_than_its_failure() -> None:
    batch = a_child(DUE, FAILED, ConditionType.STALLED)
    failed, stalled = batch["status"]["conditions"]
    failed["reason"] = stalled["reason"] = "PlanningFailed"
    assert children_of(a_schedule(), [batch])[0].held == ""
    stalled["reason"] = "QuotaExceeded"
    assert children_of(a_schedule(), [batch])[0].held.startswith("it is stalled by QuotaExceeded")


def test_a_condition_that_does_not_hold_says_nothing() -> None:
    batch = a_child(DUE, DONE)
    batch["status"]["conditions"][0]["status"] = "False"
    (child,) = children_of(a_schedule(), [batch])
    assert child.active


def test_a_batch_that_nobody_has_reconciled_is_pending() -> None:
    (child,) = children_of(a_schedule(), [a_child(DUE) | {"status": {"observedGeneration": -1}}])
    assert (child.state, child.active) == ("Pending", True)


def kept(limits: dict[str, int], *ends: tuple[ConditionType, ...], **metadata: Any) -> str:
    """Of batches with these ends, oldest first: which stay."""
    batches = [a_child(MADE + number * DAY, *end, **metadata) for number, end in enumerate(ends)]
    wanted = read(a_schedule(**limits)).wanted
    assert wanted is not None
    gone = {child.due for child in beyond_limits(children_of(a_schedule(), batches), wanted.spec)}
    return "".join("-" if MADE + number * DAY in gone else "k" for number in range(len(ends)))


GOOD, BAD, LIVE = (DONE,), (FAILED,), ()


@pytest.mark.parametrize(
    ("limits", "ends", "expected"),
    [
        ({}, [GOOD] * 5, "--kkk"),
        ({}, [BAD] * 5, "--kkk"),
        ({}, [GOOD, BAD] * 3, "kkkkkk"),
        ({}, [LIVE, *[GOOD] * 4, LIVE], "k-kkkk"),
        ({"successfulHistoryLimit": 0}, [GOOD, BAD, GOOD], "-k-"),
        ({"failedHistoryLimit": 0}, [GOOD, BAD, LIVE], "k-k"),
        ({"successfulHistoryLimit": 0, "failedHistoryLimit": 0}, [LIVE] * 3, "kkk"),
        ({"failedHistoryLimit": 1}, [(DONE, FAILED), GOOD, BAD], "-kk"),
    ],
)
def test_the_oldest_finished_batches_beyond_the_limits_go(
    limits: dict[str, int], ends: list[tuple[ConditionType, ...]], expected: str
) -> None:
    assert kept(limits, *ends) == expected


def test_a_batch_that_is_going_already_is_not_deleted_again() -> None:
    assert kept({"successfulHistoryLimit": 0}, GOOD, deletionTimestamp="2026-02-01T00:00:00Z") == "k"
