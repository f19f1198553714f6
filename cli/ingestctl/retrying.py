"""Which fields of a batch give failed recordings another pass: all of them, or those that are named."""

from collections.abc import Mapping, Sequence

from ingest_contract.batch import IngestBatch
from ingest_contract.intervals import decode, encode
from ingest_contract.order import Item
from ingest_contract.recording_status import RecordingState
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.failed import is_pass_asked
from ingestctl.backends.port import MissingError
from ingestctl.causes import state_of
from ingestctl.why import chosen


def pass_of(
    batch: IngestBatch, items: Mapping[int, Item], names: Sequence[str], token: str
) -> Mapping[str, str]:
    """The fields of the spec, by their names in the API; none where nothing failed, or where a pass that has
    not begun yet takes the same. Raises `MissingError`, which names each recording that cannot be retried."""
    status = batch.status or IngestBatchStatus()
    if not names:
        return {"retryFailed": token, "retryRecordings": ""} if status.counts.failed else {}
    wanted = _failed_ones(batch, status, items, names)
    # another value would take the place of one that the operator has not seen
    if is_pass_asked(batch.spec, status.retry_failed):
        waiting = decode(batch.spec.retry_recordings)
        if not waiting or wanted <= waiting:
            return {}
        wanted |= waiting
    return {"retryFailed": token, "retryRecordings": encode(wanted)}


def _failed_ones(
    batch: IngestBatch, status: IngestBatchStatus, items: Mapping[int, Item], names: Sequence[str]
) -> frozenset[int]:
    found: set[int] = set()
    wrong: list[str] = []
    for name in names:
        try:
            item = chosen(name, items, status, batch.metadata.name)
        except MissingError as error:
            wrong.append(str(error))
            continue
        state = state_of(status, item.index)
        if state == RecordingState.FAILED:
            found.add(item.index)
        else:
            wrong.append(f"{item.id} has not failed: it is {state}")
    if wrong:
        raise MissingError(f"nothing is retried: {'; '.join(wrong)}{_advice(wrong)}")
    return frozenset(found)


def _advice(wrong: Sequence[str]) -> str:
    """What to do about a recording that is to be heard anew although it did not fail."""
    over = (RecordingState.SUCCEEDED, RecordingState.SKIPPED)
    if not any(each.endswith(f" it is {state}") for each in wrong for state in over):
        return ""
    return ". A batch of its own with `reprocess: Always` hears again what is in the store"
