"""Keeps what was forgotten out of a new run of a recording that stays. Called by `commit`."""

from ingest_contract.stages import Stage
from ingest_worker.sparing import spared
from ingest_worker.store.connect import Connection
from ingest_worker.store.records import Content
from ingest_worker.store.tombstones import TombstoneKind, forgotten, spans_forgotten


def without_forgotten(connection: Connection, recording: str, content: Content) -> Content:
    """What may be stored of a run. Results of stages that hold the voice are removed: a later run makes them
    again, from the audio."""
    kept = spans_forgotten(connection, TombstoneKind.PART, recording)
    cut = spans_forgotten(connection, TombstoneKind.CUT, recording)
    called = {each.name for each in content.identities} | {each.runner_up for each in content.identities}
    called |= {won.voice for each in content.identities if each.evidence for won in each.evidence.won}
    names = forgotten(connection, TombstoneKind.VOICE, sorted(each for each in called if each))
    if not (kept or cut or names):
        return content
    found = spared(content, kept, cut, names)
    stages = [stage.value for stage in Stage] if cut else [Stage.DIARIZE.value, Stage.IDENTIFY.value]
    connection.execute(
        "delete from ingest.artifact where recording = %s and stage = any(%s)", [recording, stages]
    )
    return found.content
