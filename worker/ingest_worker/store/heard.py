"""What has been heard of the recordings in the store: which of them a batch may take from there, and what
their current runs rest on. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from ingest_contract.selection import StoreSource
from ingest_contract.text import spellings
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.records import Recording


@dataclass(frozen=True, slots=True)
class HeardRecording:
    """An ingested recording, and what its current run rests on."""

    id: str
    url: str
    title: str
    channel: str | None
    published_at: datetime | None
    duration_seconds: float | None
    run_id: str
    pipeline_hash: str
    transcribe_hash: str | None
    """The stage hash of its words; None if the run is of a time when that was not kept."""
    diarize_hash: str | None
    voices: str | None
    """What its speakers were judged by (`hashes.voices_hash`); None if that is not known."""
    models: Mapping[str, str]
    """Role to `name@sha256-prefix`."""
    figures: Mapping[str, Any]
    media_seconds: float
    language: str

    @property
    def recording(self) -> Recording:
        """As the store describes it."""
        return Recording(
            self.id, self.url, self.title, self.channel, self.published_at, self.duration_seconds
        )


_HEARD: Final = """
select v.id, v.url, v.title, v.channel, v.published_at, v.duration_seconds, r.id::text as run_id,
       r.pipeline_hash, r.transcribe_hash, r.diarize_hash, r.voices, r.models, r.figures, r.media_seconds,
       r.language
  from ingest.recording v join ingest.run r on r.id = v.current_run
"""
_OF_NAMESPACE: Final = """
 where starts_with(r.batch, %(namespace)s || '/')
   and (cardinality(%(channels)s::text[]) = 0 or v.channel = any(%(channels)s))
   and (cardinality(%(batches)s::text[]) = 0
        or exists (select from ingest.run o where o.recording = v.id and o.batch = any(%(batches)s)))
 order by v.id
"""


def heard(connection: Connection, recording: str) -> HeardRecording | None:
    """One recording; None if it is not ingested."""
    with (
        translated(f"reading what was heard of {recording}"),
        connection.cursor(row_factory=class_row(HeardRecording)) as cursor,
    ):
        return cursor.execute(_HEARD + " where v.id = %s", [recording]).fetchone()


def heard_by(connection: Connection, namespace: str, wanted: StoreSource) -> Sequence[HeardRecording]:
    """The recordings that the batches of a namespace have ingested, or judged anew, last: what another
    namespace has made of a recording since is not this one's to change."""
    asked = {
        "namespace": namespace,
        "channels": [each for channel in wanted.channels for each in spellings(channel)],
        "batches": [f"{namespace}/{name}" for name in wanted.batches],
    }
    with (
        translated("listing what is ingested"),
        connection.cursor(row_factory=class_row(HeardRecording)) as cursor,
    ):
        return cursor.execute(_HEARD + _OF_NAMESPACE, asked).fetchall()
