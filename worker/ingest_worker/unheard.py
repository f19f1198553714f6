"""Whether a voice needs an enrolment: asked before one is started. Called by the command line, which has the
store and the models at hand."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voices import VoiceRecording
from ingest_worker.claimed_voice import VoiceInStore
from ingest_worker.enrolment import KnownVoice, content_in, judgement, lasts
from ingest_worker.errors import StageError
from ingest_worker.hashes import voice_hash
from ingest_worker.models import Role, open_models
from ingest_worker.store.enrolment import HeardSource


def needs_hearing(order: EnrolOrder, dsn: str) -> bool:
    """Whether an enrolment would change what the store knows of the voice. Reads local files, and fetches
    nothing. Raises `StageError`: `MODELS_UNAVAILABLE`, or the store's."""
    models = open_models(Path(order.place.models), order.model_set)
    network = models.identity(Role.DIARIZATION, order.diarization.model)
    voices = VoiceInStore(dsn, order, voice_hash(network), network)
    known = voices.known()
    try:
        rows = {
            recording.key: _unchanged(recording, known, voices, content_in(order))
            for recording in order.recordings
        }
    except StageError:
        return True  # the enrolment reports it
    judged = judgement([row for row in rows.values() if row is not None], order.identification)[0]
    there = {source: row.reason for source, row in known.items() if row.reason is not Reason.REMOVED}
    return {source: row.reason for source, row in judged.items()} != there or None in rows.values()


def _unchanged(
    recording: VoiceRecording,
    known: Mapping[str, HeardSource],
    voices: KnownVoice,
    content: Callable[[str], str],
) -> HeardSource | None:
    """What is known of a recording, if that still holds."""
    row = known.get(recording.key)
    if row is None or not lasts(row):
        return None
    if recording.url is not None:
        return row if row.content == content(recording.url) else None
    found = voices.stretch(recording)
    return row if found is not None and found[0] == row.content else None
