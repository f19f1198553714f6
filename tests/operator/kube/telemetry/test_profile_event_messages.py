"""Events about profiles: when one is not ready any more, when it is again, and nothing else."""

import pytest

from ingest_contract.conditions import ConditionType, with_conditions
from ingest_contract.profile_status import IngestProfileStatus, RetentionStatus, SiteStatus
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.profile_readiness import Finding, ready
from ingest_operator.kube.telemetry.notes import Aspect
from ingest_operator.kube.telemetry.profile_event_messages import PROFILE_EVENT_RULES
from testkit.objects.builders import NOW

CLAIM = Finding("ClaimMissing", "There is no claim.")
QUEUE = Finding("QueueMissing", "There is no queue.")
NEW = IngestProfileStatus()


def status(*findings: Finding, sites: tuple[SiteStatus, ...] = ()) -> IngestProfileStatus:
    conditions = with_conditions((), as_conditions([ready(findings, ())], NOW, 1))
    return IngestProfileStatus(observed_generation=1, conditions=conditions, sites=sites)


def reported(before: IngestProfileStatus, after: IngestProfileStatus) -> str | None:
    note = PROFILE_EVENT_RULES[Aspect.READINESS](before, after)
    return None if note is None else f"{note.type.value} {note.reason}: {note.text}"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (NEW, status(CLAIM), "Warning NotReady: ClaimMissing: There is no claim."),
        (status(), status(CLAIM), "Warning NotReady: ClaimMissing: There is no claim."),
        (status(CLAIM), status(QUEUE), "Warning NotReady: QueueMissing: There is no queue."),
        (
            status(CLAIM),
            status(),
            "Normal Ready: ClaimMissing is over: all that the profile names is there.",
        ),
    ],
)
def test_a_change_is_an_event(before: IngestProfileStatus, after: IngestProfileStatus, text: str) -> None:
    assert reported(before, after) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (NEW, status()),
        (status(), status(sites=(SiteStatus(name="youtube"),))),
        (status(CLAIM), status(CLAIM, QUEUE)),
    ],
)
def test_what_is_ready_from_the_beginning_or_not_ready_for_the_same_reason_is_no_event(
    before: IngestProfileStatus, after: IngestProfileStatus
) -> None:
    assert reported(before, after) is None


def retained(reason: str, gone: int = 0) -> IngestProfileStatus:
    draft = (ConditionType.RETENTION_KEPT, reason == "Kept", reason, "as it is")
    conditions = with_conditions((), as_conditions([draft], NOW, 1))
    return IngestProfileStatus(conditions=conditions, retention=RetentionStatus(total_recordings=gone))


GONE = "recordings are forgotten: first stored longer ago than spec.retention keeps."


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (NEW, retained("FirstRun"), None),
        (retained("FirstRun"), retained("Kept"), None),
        (retained("Kept", 4), retained("Kept", 4), None),
        (
            retained("FirstRun"),
            retained("Kept", 1),
            "Normal Forgotten: 1 recording is forgotten: first stored longer ago than spec.retention keeps.",
        ),
        (
            retained("Kept", 4),
            retained("Kept", 6),
            f"Normal Forgotten: 2 {GONE}",
        ),
        (
            retained("Kept"),
            retained("DatabaseUnavailable"),
            "Warning RetentionNotKept: DatabaseUnavailable: as it is",
        ),
        (retained("DatabaseUnavailable"), retained("DatabaseUnavailable"), None),
        (
            retained("DatabaseUnavailable"),
            retained("Kept"),
            "Normal RetentionKept: DatabaseUnavailable is over. as it is",
        ),
        (retained("Kept"), NEW, None),
    ],
)
def test_what_retention_has_forgotten_or_could_not_is_an_event(
    before: IngestProfileStatus, after: IngestProfileStatus, text: str | None
) -> None:
    note = PROFILE_EVENT_RULES[Aspect.RETENTION](before, after)
    assert (None if note is None else f"{note.type.value} {note.reason}: {note.text}") == text
