"""Which recordings failed by which reason, as a status says it."""

from ingest_contract.failures import Reason
from ingest_contract.status import ReasonCount
from ingest_operator.core.failed import joined, of_entries, only


def entry(reason: Reason, count: int, recordings: str = "") -> ReasonCount:
    return ReasonCount(reason=reason.value, count=count, recordings=recordings)


def test_a_status_says_which_recordings_a_reason_has() -> None:
    entries = (entry(Reason.NOT_FOUND, 3, "0-1,7"), entry(Reason.UNDECODABLE, 1, "4"))
    assert of_entries(entries, frozenset({0, 1, 4, 7})) == {
        Reason.NOT_FOUND: {0, 1, 7},
        Reason.UNDECODABLE: {4},
    }


def test_counts_of_an_earlier_version_are_kept_and_no_recording_is_in_two_places() -> None:
    entries = (entry(Reason.NOT_FOUND, 2), entry(Reason.UNDECODABLE, 2, "4"))
    assert of_entries(entries, frozenset({0, 1, 4, 7})) == {
        Reason.NOT_FOUND: {0, 1},
        Reason.UNDECODABLE: {4, 7},
    }


def test_what_somebody_else_wrote_makes_no_failure_of_what_has_not_failed() -> None:
    assert of_entries((entry(Reason.NOT_FOUND, 9, "0-9"),), frozenset({3})) == {Reason.NOT_FOUND: {3}}
    assert of_entries((entry(Reason.NOT_FOUND, 9),), frozenset()) == {}


def test_a_reason_without_recordings_is_none() -> None:
    failures = joined(joined({}, Reason.NOT_FOUND, 3), Reason.UNDECODABLE, 4)
    assert only(failures, frozenset({4})) == {Reason.UNDECODABLE: {4}}
