"""Stores a recording in one transaction: everything that a run found becomes visible at once, replacing what
was there, or not at all."""

from dataclasses import asdict
from typing import Final

import numpy as np
from pgvector import HalfVector, Vector
from psycopg import sql
from psycopg.types.json import Jsonb

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_worker.codec import FORMAT_VERSION, encode_spoken
from ingest_worker.domain import Evidence, Vectors
from ingest_worker.errors import StageError
from ingest_worker.store.addresses import let_go
from ingest_worker.store.claims import Claim, hold
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.decided import apply_decisions, lock_decisions
from ingest_worker.store.errors import translated
from ingest_worker.store.forgotten import without_forgotten
from ingest_worker.store.records import Content, FinalEnd, Recording, Run
from ingest_worker.store.tombstones import is_forgotten
from ingest_worker.store.vector_tables import TextModel, require_vector_table
from ingest_worker.store.voices import number_unknowns

FINAL: Final = frozenset(
    reason
    for reason, row in FAILURES.items()
    if row.verdict in {Verdict.SKIP, Verdict.GIVE_UP} and reason is not Reason.FORGOTTEN
)
"""Reasons that are properties of the recording and permanent.
What was forgotten is not remembered as such."""

_RECORDING: Final = """
insert into ingest.recording (id, url, title, channel, published_at, duration_seconds)
values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update
   set url = excluded.url, title = coalesce(nullif(excluded.title, ''), recording.title),
       channel = coalesce(excluded.channel, recording.channel),
       published_at = coalesce(excluded.published_at, recording.published_at),
       duration_seconds = coalesce(excluded.duration_seconds, recording.duration_seconds)
"""
_RUN: Final = """
insert into ingest.run (id, recording, batch, profile, trace_id, number, pipeline_hash, started_at,
                        finished_at, seconds, media_seconds, language, models, figures, transcript_source,
                        transcribe_hash, diarize_hash, voices, from_store)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def commit(connection: Connection, held: Claim, recording: Recording, run: Run, content: Content) -> int:
    """Store a finished run, make it the recording's current one, lay over it what people have decided about
    the recording, remove what it supersedes, and release the claim.

    Returns how many decisions could not be placed in the new run.

    Raises `StageError`: `LeaseLost` if another worker took the recording over, `EmbeddingIncomplete` unless
    every segment has a finite vector, `DimensionMismatch`, `DatabaseRejected` with the constraint,
    `DatabaseUnavailable`. Nothing is stored then.
    """
    _require_vectors(content)
    with translated(f"storing {recording.id}"), connection.transaction():
        hold(connection, held)
        use_vectors(connection)
        lock_decisions(connection, shared=True)
        _put_recording(connection, recording)
        content = without_forgotten(connection, recording.id, content)
        _insert_run(connection, recording, run, content)
        segments = _copy_segments(connection, run, content)
        _copy_vectors(connection, segments, content.vectors)
        _copy_turns(connection, run, content)
        _copy_speakers(connection, run, content, number_unknowns(connection, recording.id, content))
        _supersede(connection, recording, run)
        undecided = apply_decisions(connection, recording.id, run.id, content)
        let_go(connection, run.batch, recording.id)
        connection.execute("delete from ingest.claim where recording = %s", [recording.id])
    return undecided


def rehearse(connection: Connection, recording: Recording) -> None:
    """Check whether the store would accept this recording, without leaving a trace: called before hours of
    work that it might refuse.

    Raises:
        StageError: as `commit`.
    """
    with (
        translated(f"making sure that {recording.id} can be stored"),
        connection.transaction(force_rollback=True),
    ):
        _put_recording(connection, recording)


def record_outcome(connection: Connection, held: Claim, recording: Recording, end: FinalEnd) -> None:
    """Record that a recording will not be ingested, and why, and release the claim. A run that is stored
    already stays.

    Args:
        connection: to the store.
        held: the claim on the recording.
        recording: which.
        end: why; its reason must be in `FINAL`, that is, a property of the recording.

    Raises:
        StageError: as `commit`.
    """
    if end.reason not in FINAL:
        raise ValueError(f"{end.reason} is not final: the recording may be ingested tomorrow")
    with translated(f"recording how {recording.id} ended"), connection.transaction():
        hold(connection, held)
        _put_recording(connection, recording)
        connection.execute(
            "insert into ingest.outcome (recording, reason, message, pipeline_hash, batch) "
            "values (%s, %s, %s, %s, %s) on conflict (recording) do update set reason = excluded.reason, "
            "message = excluded.message, pipeline_hash = excluded.pipeline_hash, batch = excluded.batch, "
            "recorded_at = excluded.recorded_at",
            [recording.id, end.reason.value, end.message, end.pipeline_hash, end.batch],
        )
        let_go(connection, end.batch, recording.id)
        connection.execute("delete from ingest.claim where recording = %s", [recording.id])


def _put_recording(connection: Connection, recording: Recording) -> None:
    if is_forgotten(connection, recording.id, recording.channel):
        raise StageError(Reason.FORGOTTEN, "Somebody has asked for it to be forgotten, or its channel.")
    row = [
        recording.id,
        recording.url,
        recording.title,
        recording.channel,
        recording.published_at,
        recording.duration_seconds,
    ]
    connection.execute(_RECORDING, row)


def _require_vectors(content: Content) -> None:
    segments, values = len(content.segments), content.vectors.values
    if len(values) != segments or not bool(np.isfinite(values).all()):
        raise StageError(
            Reason.EMBEDDING_INCOMPLETE,
            f"{segments} segments, {len(values)} vectors, or one that is not finite.",
        )


def _insert_run(connection: Connection, recording: Recording, run: Run, content: Content) -> None:
    times = [run.started_at, run.finished_at, run.seconds, run.media_seconds]
    facts = [content.language, Jsonb(dict(run.models)), Jsonb(dict(run.figures)), content.transcript_source]
    rests_on = [run.transcribe_hash, run.diarize_hash, run.voices, run.from_store]
    profile = _profile_of(connection, recording) if run.from_store else run.profile
    whose = [run.id, recording.id, run.batch, profile, run.trace_id, run.number, run.pipeline_hash]
    connection.execute(_RUN, [*whose, *times, *facts, *rests_on])
    words = encode_spoken(content.words)
    connection.execute(
        "insert into ingest.words (run, format, content) values (%s, %s, %b)", [run.id, FORMAT_VERSION, words]
    )


def _profile_of(connection: Connection, recording: Recording) -> str | None:
    """The profile of the run that heard it: whoever judges it again does not decide how long it is kept."""
    row = connection.execute(
        "select r.profile from ingest.recording v join ingest.run r on r.id = v.current_run where v.id = %s",
        [recording.id],
    ).fetchone()
    return None if row is None else row[0]


def _copy_segments(connection: Connection, run: Run, content: Content) -> list[int]:
    """Returns the segments' ids, in their order.
    The ids are allocated first, because COPY returns nothing."""
    drawn = "select nextval(pg_get_serial_sequence('ingest.segment', 'id')) from generate_series(1, %s)"
    ids = [row[0] for row in connection.execute(drawn, [len(content.segments)])]
    statement = (
        "copy ingest.segment (id, run, seq, start_seconds, end_seconds, speaker, text, first_word, end_word, "
        "language) from stdin (format binary)"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "uuid", "int4", "float8", "float8", "int4", "text", "int4", "int4", "text"])
        for seq, (number, s) in enumerate(zip(ids, content.segments, strict=True)):
            copy.write_row(
                (number, run.id, seq, s.start, s.end, s.speaker, s.text, *s.words, content.language)
            )
    return ids


def _copy_vectors(connection: Connection, segments: list[int], vectors: Vectors) -> None:
    model = _model(connection, vectors)
    table = f"embeddings_{vectors.dimension}"
    statement = sql.SQL("copy {} (segment, model, vector) from stdin (format binary)").format(
        sql.Identifier("ingest", table)
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int4", "halfvec"])
        for segment, row in zip(segments, vectors.values, strict=True):
            copy.write_row((segment, model, HalfVector(row)))


def _model(connection: Connection, vectors: Vectors) -> int:
    """The model's number in the store. Others see the insert only after the commit, and a second insert waits
    for it."""
    connection.execute(
        "insert into ingest.embedding_model (model, dimension) values (%s, %s) "
        "on conflict (model) do nothing",
        [vectors.model, vectors.dimension],
    )
    require_vector_table(connection, TextModel(vectors.model, vectors.dimension))
    row = connection.execute(
        "select id from ingest.embedding_model where model = %s", [vectors.model]
    ).fetchone()
    assert row is not None  # noqa: S101  inserted above or there before, and never deleted
    return int(row[0])


def _copy_turns(connection: Connection, run: Run, content: Content) -> None:
    statement = "copy ingest.turn (run, seq, speaker, start_seconds, end_seconds) from stdin (format binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["uuid", "int4", "int4", "float8", "float8"])
        for seq, turn in enumerate(content.diarization.turns):
            copy.write_row((run.id, seq, turn.speaker, turn.start, turn.end))


def _copy_speakers(connection: Connection, run: Run, content: Content, numbers: dict[int, int]) -> None:
    statement = (
        "copy ingest.speaker (run, speaker, decision, name, unknown, score, runner_up, runner_up_score, "
        "threshold, seconds, voice_model, voice, evidence) from stdin (format binary)"
    )
    said = content.diarization
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(
            [
                "uuid",
                "int4",
                "text",
                "text",
                "int4",
                "float8",
                "text",
                "float8",
                "float8",
                "float8",
                "text",
                "vector",
                "jsonb",
            ],
        )
        for i in content.identities:
            voice = Vector(said.vectors[i.speaker]) if said.has_vector(i.speaker) else None
            compared = (i.score, i.runner_up, i.runner_up_score, i.threshold, said.seconds_of(i.speaker))
            copy.write_row(
                (
                    run.id,
                    i.speaker,
                    i.decision.value,
                    i.name,
                    numbers.get(i.speaker),
                    *compared,
                    content.voice_model,
                    voice,
                    _evidence(i.evidence),
                )
            )


def _evidence(evidence: Evidence | None) -> Jsonb | None:
    return None if evidence is None else Jsonb(asdict(evidence))


def _supersede(connection: Connection, recording: Recording, run: Run) -> None:
    """Make the new run the current one. Earlier runs keep their row and lose their content; vectors are
    deleted with their segments."""
    for table in ("segment", "turn", "words", "speaker"):
        connection.execute(
            sql.SQL(
                "delete from {} where run in (select id from ingest.run where recording = %s and id <> %s)"
            ).format(sql.Identifier("ingest", table)),
            [recording.id, run.id],
        )
    connection.execute(
        "update ingest.run set superseded_at = now() "
        "where recording = %s and id <> %s and superseded_at is null",
        [recording.id, run.id],
    )
    connection.execute("update ingest.recording set current_run = %s where id = %s", [run.id, recording.id])
    connection.execute("delete from ingest.outcome where recording = %s", [recording.id])
