"""Vectors of enrolled voices: written by enrolments, read by every run that names speakers.

A row belongs to a namespace, a voice, one of its sources and a model. An enrolment replaces its own rows
under its claim; a read takes what is there in one statement, so it sees an enrolment whole or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from pgvector import Vector

from ingest_contract.failures import Reason
from ingest_contract.voices import WantedVoice
from ingest_worker.domain import Diarization, EnrolledVoice, FloatArray, Turn
from ingest_worker.errors import StageError
from ingest_worker.store.claims import Claim, hold
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.errors import translated
from ingest_worker.store.tombstones import is_forgotten_voice

PEOPLE: Final = ""
"""The owner of what people have decided: it holds for every namespace."""

_NO_MORE: Final = "The voice is not enrolled from this any more."

_KEEP: Final = """
insert into ingest.enrolment as kept (owner, voice, source, model, content, vector, seconds, reason, message)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (owner, voice, source, model) do update
   set content = excluded.content, vector = excluded.vector, seconds = excluded.seconds,
       reason = excluded.reason, message = excluded.message,
       heard_at = case when kept.content = excluded.content and kept.vector is not null then kept.heard_at
                       else excluded.heard_at end
"""
_WANTED: Final = """
select voice, source, vector, reason from ingest.enrolment
 where model = %(model)s
   and (owner = %(people)s or (owner = %(owner)s and voice = any(%(voices)s)))
 order by voice, owner, source
"""
_TURNS: Final = """
select t.speaker, t.start_seconds, t.end_seconds from ingest.turn t
 where t.run = %s and t.end_seconds > %s and t.start_seconds < %s order by t.seq
"""


@dataclass(frozen=True, slots=True)
class HeardSource:
    """What one source says about a voice."""

    source: str
    content: str
    """What the file, or the run of a recording, was when it was heard; empty for an address."""
    vector: FloatArray | None
    """(dimension,) L2-normalised; None if no voice came of it."""
    seconds: float
    reason: Reason | None = None
    """Why it does not count; None if it does."""
    message: str = ""


def is_enrolled_elsewhere(connection: Connection, owner: str, voice: str) -> bool:
    """Whether another namespace has enrolled a voice of this name."""
    with translated("reading enrolments"):
        row = connection.execute(
            "select exists (select from ingest.enrolment where voice = %s and owner not in (%s, %s))",
            [voice, owner, PEOPLE],
        ).fetchone()
    return bool(row and row[0])


def withdraw(connection: Connection, owner: str, voice: str) -> int:
    """Remove what a namespace has enrolled under a name. Returns how many rows went."""
    with translated("withdrawing an enrolment"), connection.transaction():
        return connection.execute(
            "delete from ingest.enrolment where owner = %s and voice = %s", [owner, voice]
        ).rowcount


def rename(connection: Connection, owner: str, voice: str, to: str) -> int:
    """Keep under another name what a namespace has enrolled under one. Returns how many rows that were; none
    where it was done before. Raises `StageError(VOICE_UNUSABLE)` where it has enrolled somebody under that
    name already."""
    with translated("renaming an enrolment"), connection.transaction():
        names = connection.execute(
            "select distinct voice from ingest.enrolment where owner = %s and voice in (%s, %s)",
            [owner, voice, to],
        ).fetchall()
        if len(names) > 1:
            raise StageError(
                Reason.VOICE_UNUSABLE, f"Somebody else is enrolled as {to!r}: take another name."
            )
        return connection.execute(
            "update ingest.enrolment set voice = %s where owner = %s and voice = %s", [to, owner, voice]
        ).rowcount


def known(connection: Connection, owner: str, voice: str, model: str) -> dict[str, HeardSource]:
    """What is known of a voice by a model: source to row. Raises `StageError`, like every statement here."""
    with translated("reading an enrolment"):
        use_vectors(connection)
        rows = connection.execute(
            "select source, content, vector, seconds, reason, message from ingest.enrolment "
            "where owner = %s and voice = %s and model = %s",
            [owner, voice, model],
        ).fetchall()
    return {
        source: HeardSource(
            source, content, _array(vector), seconds, Reason(reason) if reason else None, message
        )
        for source, content, vector, seconds, reason, message in rows
    }


def keep(
    connection: Connection,
    held: Claim,
    voice: tuple[str, str, str],
    rows: Sequence[HeardSource],
    sources: Sequence[str],
) -> None:
    """Keep rows of a voice, in one transaction, and the vectors of `sources` alone, by whatever model.
    `voice` is (owner, name, model).

    A source that the voice no longer has keeps its row: a batch that was planned before must not wait for it.

    Raises:
        StageError: `LEASE_LOST` if another enrolment of the voice took over; nothing is changed then.
    """
    owner, name, model = voice
    with translated(f"keeping the voice {name}"), connection.transaction():
        hold(connection, held)
        use_vectors(connection)
        connection.execute(
            "update ingest.enrolment set vector = null, seconds = 0, content = '', reason = %s, message = %s "
            "where owner = %s and voice = %s and source <> all(%s)",
            [Reason.REMOVED.value, _NO_MORE, owner, name, list(sources)],
        )
        forgotten = is_forgotten_voice(connection, name)
        for row in (_unheard(each) for each in rows) if forgotten else rows:
            vector = None if row.vector is None else Vector(row.vector)
            reason = None if row.reason is None else row.reason.value
            facts = [row.content, vector, row.seconds, reason, row.message]
            connection.execute(_KEEP, [owner, name, row.source, model, *facts])


def _unheard(row: HeardSource) -> HeardSource:
    """Of a voice that was forgotten: refused, until somebody lifts the tombstone."""
    said = "Somebody has asked for this voice to be forgotten: `ingestctl tombstones lift --voice`."
    return replace(row, content="", vector=None, seconds=0.0, reason=Reason.FORGOTTEN, message=said)


def voices(
    connection: Connection, owner: str, model: str, wanted: Iterable[WantedVoice]
) -> tuple[EnrolledVoice, ...]:
    """The voices to look for in a namespace, as they are enrolled now, and those that people have named: one
    row of vectors for each source that counts.

    Raises:
        StageError: `VOICE_NOT_HEARD` if a source of a wanted voice has not been heard by this model,
            `VOICE_UNUSABLE` if none of a wanted voice counts.
    """
    sources = {voice.name: frozenset(voice.sources) for voice in wanted}
    with translated("reading enrolled voices"):
        use_vectors(connection)
        rows = connection.execute(
            _WANTED, {"model": model, "people": PEOPLE, "owner": owner, "voices": list(sources)}
        ).fetchall()
    heard: dict[str, set[str]] = defaultdict(set)
    vectors: dict[str, list[FloatArray]] = defaultdict(list)
    for voice, source, vector, reason in rows:
        heard[voice].add(source)
        found = _array(vector)
        if reason is None and found is not None:
            vectors[voice].append(found)
    _require(sources, heard, vectors)
    return tuple(EnrolledVoice(voice, np.stack(of_voice)) for voice, of_voice in sorted(vectors.items()))


def _require(
    sources: Mapping[str, frozenset[str]],
    heard: Mapping[str, set[str]],
    vectors: Mapping[str, Sequence[FloatArray]],
) -> None:
    for voice, wanted in sources.items():
        if missing := sorted(wanted - heard.get(voice, set())):
            raise StageError(
                Reason.VOICE_NOT_HEARD,
                f"Voice {voice!r}: {len(missing)} of {len(wanted)} recordings are not heard by this batch's "
                f"diarization model yet, {missing[0]} among them.",
            )
        if not vectors.get(voice):
            raise StageError(Reason.VOICE_UNUSABLE, f"Voice {voice!r}: none of its recordings can be used.")


def stretch(
    connection: Connection, recording: str, between: tuple[float, float], network: str
) -> tuple[str, Diarization] | None:
    """(the run, who speaks between two times) of an ingested recording, with the vectors that each speaker
    has in all of it; None if the recording is not in the store, or `network` did not hear it.

    `network` is the diarization model as `name@sha256-prefix`.
    """
    with translated(f"reading who speaks in {recording}"):
        use_vectors(connection)
        row = connection.execute(
            "select current_run from ingest.recording where id = %s", [recording]
        ).fetchone()
        if row is None or row[0] is None:
            return None
        speakers = connection.execute(
            "select speaker, voice, voice_model from ingest.speaker where run = %s order by speaker", [row[0]]
        ).fetchall()
        turns = connection.execute(_TURNS, [row[0], *between]).fetchall()
    if not speakers or any(model != network for _, _, model in speakers):
        return None
    found = {speaker: _array(voice) for speaker, voice, _ in speakers}
    dimension = next((len(vector) for vector in found.values() if vector is not None), 1)
    vectors = np.full((max(found) + 1, dimension), np.nan, np.float32)
    for speaker, vector in found.items():
        if vector is not None:
            vectors[speaker] = vector
    start, end = between
    clipped = tuple(Turn(max(first, start), min(last, end), speaker) for speaker, first, last in turns)
    return str(row[0]), Diarization(clipped, (), vectors)


def _array(value: object) -> FloatArray | None:
    """A vector as the driver gives it."""
    if value is None:
        return None
    return np.asarray(value.to_numpy() if isinstance(value, Vector) else value, np.float32)
