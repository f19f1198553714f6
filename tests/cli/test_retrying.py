"""Which fields of a batch give failed recordings another pass."""

import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.failures import Reason
from ingestctl.backends.port import MissingError
from ingestctl.retrying import pass_of
from testkit.objects.builders import a_batch, a_run, items, over
from testkit.objects.statuses import a_status

ITEMS = {item.index: item for item in items(5)}


def batch(**spec: str) -> IngestBatch:
    """0 and 2 failed, 1 succeeded, 3 was skipped, 4 has not run."""
    status = a_status(
        over(a_run(0), Reason.NOT_FOUND),
        over(a_run(1)),
        over(a_run(2), Reason.NOT_FOUND),
        over(a_run(3), Reason.PRIVATE),
        count=5,
    )
    return a_batch(**spec).model_copy(update={"status": status})


def test_without_a_name_all_that_failed_get_a_pass_whatever_was_named_before() -> None:
    named = batch(retry_recordings="0")
    assert pass_of(named, {}, (), "monday") == {"retryFailed": "monday", "retryRecordings": ""}
    fresh = a_batch().model_copy(update={"status": a_status()})
    assert pass_of(fresh, {}, (), "monday") == {}, "nothing failed"


def test_recordings_are_named_as_in_other_commands() -> None:
    assert pass_of(batch(), ITEMS, ("#2", ITEMS[0].id, "0"), "monday") == {
        "retryFailed": "monday",
        "retryRecordings": "0,2",
    }


def test_a_recording_that_is_unknown_or_has_not_failed_is_named_and_none_is_retried() -> None:
    with pytest.raises(MissingError) as refused:
        pass_of(batch(), ITEMS, ("0", "nothing", "1", "3", "4"), "monday")
    said = str(refused.value)
    assert said.startswith("nothing is retried: no recording 'nothing' in batch talks")
    for index, state in ((1, "Succeeded"), (3, "Skipped"), (4, "Pending")):
        assert f"{ITEMS[index].id} has not failed: it is {state}" in said
    assert said.endswith("A batch of its own with `reprocess: Always` hears again what is in the store")
    with pytest.raises(MissingError, match=r"it is Pending$"):
        pass_of(batch(), ITEMS, ("4",), "monday")


def test_a_pass_that_the_operator_has_not_seen_yet_is_not_lost() -> None:
    asked = batch(retry_failed="monday", retry_recordings="2")
    assert pass_of(asked, ITEMS, ("0",), "tuesday")["retryRecordings"] == "0,2"
    assert pass_of(asked, ITEMS, ("2",), "tuesday") == {}
    everything = batch(retry_failed="monday")
    assert pass_of(everything, ITEMS, ("0",), "tuesday") == {}
