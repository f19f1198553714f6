"""The Event about a transition of which the webhook was not told. Pure."""

from collections import Counter

from ingest_contract.notifications import Delivery
from ingest_contract.status import IngestBatchStatus
from ingest_operator.kube.telemetry.notes import Note, NoteType, enumerated


def untold(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    """Transitions that are given up, in all attempts, since the status before."""
    known = {each.id for each in before.notifications if each.delivery is Delivery.GIVEN_UP} if before else ()
    lost = [
        each for each in after.notifications if each.delivery is Delivery.GIVEN_UP and each.id not in known
    ]
    if not lost:
        return None
    last = lost[-1]
    text = (
        f"{enumerated(Counter(each.state.value for each in lost).items())}: nobody was told, in "
        f"{last.attempts} attempts: {last.problem}. Look at the receiver, and at the Secret that "
        "`notifications.webhook` of the chart names. The batch itself is as its status says."
    )
    return Note("NotificationLost", NoteType.WARNING, text, "Notify")
