"""The corpus as every door of the reader sees it: pages, API and MCP ask the same questions in the same way.

Blocking: doors that serve many at once call it in threads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

from ingest_contract.text import legible, without_credentials
from ingest_reader.bounds import MOST_COMPARED_VOICES
from ingest_reader.exports.links import link_at
from ingest_worker.domain import FloatArray
from ingest_worker.store.reading.heard import (
    HeardIn,
    Nearest,
    SpeakersAsked,
    SpeakerSums,
    heard_in,
    heard_speakers,
    nearest_voices,
)
from ingest_worker.store.reading.listed import ListedRecording, RecordingsAsked, listed, one_recording
from ingest_worker.store.reading.pool import ReadingPool
from ingest_worker.store.reading.progress import (
    BatchSums,
    LeftOutCount,
    RunsAsked,
    ShownRun,
    batches,
    left_out,
    one_batch,
    shown_runs,
)
from ingest_worker.store.reading.surroundings import AROUND_SECONDS, Surrounded, surrounded
from ingest_worker.store.reads import StoredTranscript, transcript
from ingest_worker.store.search import Answer, By, Filters, Query, fault_of, search

MAX_APPEARANCE_RECORDINGS: Final = 1_000
"""Recordings that a speaker's page lists."""


class UnknownError(LookupError):
    """What was asked for is not in the store; the message says what and what to do."""


class QuestionError(ValueError):
    """A question that cannot be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A question as numbers."""

    vector: FloatArray
    """(dimension,), by `model`."""
    model: str
    """`name@sha256-prefix`."""
    notes: tuple[str, ...] = ()
    """What is to be told about how it came about."""


Embed = Callable[[str], Embedded | None]
"""The vector of a question by the store's model; None if the store has no vectors. May raise `StageError`."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to find."""

    text: str
    limit: int = 10
    filters: Filters = field(default_factory=Filters)
    words_only: bool = False
    """Without its meaning, and so without a text model."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice without a name."""

    sums: SpeakerSums
    nearest: Nearest | None
    """None where it can be compared with no named one."""


@dataclass(frozen=True, slots=True)
class Appearances:
    """One speaker in the corpus."""

    sums: SpeakerSums
    """Over all recordings."""
    rows: tuple[HeardIn, ...]
    """Where they speak longest, at most `MAX_APPEARANCE_RECORDINGS`."""
    more: bool
    """Whether there are others."""


class Corpus:
    """Everything that can be asked. Every method may raise `StageError`."""

    def __init__(self, pool: ReadingPool, embed: Embed) -> None:
        self._pool = pool
        self._embed = embed

    def check(self) -> None:
        """Raises `StageError` if the store does not answer, or is of another version."""
        self._pool.check_schema()

    def search(self, question: Question) -> Answer:
        """The passages that answer best, best first, and how they were found. Raises `QuestionError`."""
        if fault := fault_of(question.text):
            raise QuestionError(f"The question {fault}.")
        _require_possible(question.filters)
        embedded = None if question.words_only else self._embed(question.text)
        if embedded is None and not question.words_only:
            return Answer((), By.BOTH, (), (), ())
        vector, model = (embedded.vector, embedded.model) if embedded else (None, None)
        query = Query(question.text, vector, model, question.limit, question.filters)
        with self._pool.connection() as connection:
            found = search(connection, query)
        return replace(found, notes=(*(embedded.notes if embedded else ()), *found.notes))

    def recordings(self, asked: RecordingsAsked) -> tuple[tuple[ListedRecording, ...], str | None]:
        """A page of recordings and the next one's cursor. Raises `CursorError` and `QuestionError`."""
        _require_possible(asked.filters)
        with self._pool.connection() as connection:
            return listed(connection, asked)

    def recording(self, recording: str) -> ListedRecording:
        """One recording. Raises `UnknownError`."""
        with self._pool.connection() as connection:
            found = one_recording(connection, recording)
        if found is None:
            raise UnknownError(f"There is no recording {recording!r} in this store.")
        return found

    def transcript(self, recording: str) -> StoredTranscript:
        """One transcript. Raises `UnknownError`, which says how the recording ended if it has none."""
        with self._pool.connection() as connection:
            found = transcript(connection, recording)
            if found is not None:
                return found
            known = one_recording(connection, recording)
        if known is None:
            raise UnknownError(f"There is no recording {recording!r} in this store.")
        why = f"it ended as {known.reason}" if known.reason else "nothing has been stored of it yet"
        raise UnknownError(f"{recording!r} has no transcript: {why}.")

    def passage(
        self, recording: str, at: float, *, around_seconds: float = AROUND_SECONDS, seq: int = 0
    ) -> Surrounded:
        """What is said at a moment, with its surroundings (`surrounded`). Raises `UnknownError`."""
        with self._pool.connection() as connection:
            found = surrounded(connection, recording, at, around_seconds=around_seconds, seq=seq)
        if found is None:
            raise UnknownError(f"There is no transcript of {recording!r} in this store.")
        return found

    def speakers(self, asked: SpeakersAsked) -> tuple[tuple[SpeakerSums, ...], str | None]:
        """A page of speakers and the next one's cursor. Raises `CursorError`."""
        with self._pool.connection() as connection:
            return heard_speakers(connection, asked)

    def speaker(self, label: str) -> Appearances:
        """How long and where one speaker speaks. Raises `UnknownError`."""
        with self._pool.connection() as connection:
            sums, _ = heard_speakers(connection, SpeakersAsked(1, label=label))
            rows = heard_in(connection, label, MAX_APPEARANCE_RECORDINGS + 1)
        if not sums or not rows:  # not there, or forgotten in between
            raise UnknownError(f"Nobody is called {label!r} in this store.")
        kept = rows[:MAX_APPEARANCE_RECORDINGS]
        return Appearances(sums[0], kept, more=len(rows) > len(kept))

    def voices(self, limit: int, cursor: str | None = None) -> tuple[tuple[Voice, ...], str | None]:
        """A page of voices without a name, at most `MOST_COMPARED_VOICES`, and the next one's cursor. Raises
        `CursorError`."""
        asked = SpeakersAsked(min(limit, MOST_COMPARED_VOICES), cursor, named=False)
        with self._pool.connection() as connection:
            rows, after = heard_speakers(connection, asked)
            nearest = {each.label: each for each in nearest_voices(connection, [row.speaker for row in rows])}
        return tuple(Voice(row, nearest.get(row.speaker)) for row in rows), after

    def batches(self, limit: int, cursor: str | None = None) -> tuple[tuple[BatchSums, ...], str | None]:
        """A page of batches and the next one's cursor. Raises `CursorError`."""
        with self._pool.connection() as connection:
            return batches(connection, limit, cursor)

    def batch(self, name: str) -> BatchSums:
        """One batch. Raises `UnknownError`."""
        with self._pool.connection() as connection:
            found = one_batch(connection, name)
        if found is None:
            raise UnknownError(f"Nothing of a batch {name!r} is in this store.")
        return found

    def runs(self, asked: RunsAsked) -> tuple[tuple[ShownRun, ...], str | None]:
        """A page of runs and the next one's cursor. Raises `CursorError`."""
        with self._pool.connection() as connection:
            return shown_runs(connection, asked)

    def left_out(self, batch: str | None = None) -> tuple[LeftOutCount, ...]:
        """Recordings without a transcript, by reason: of all batches, or of one."""
        with self._pool.connection() as connection:
            return left_out(connection, batch)


def _require_possible(filters: Filters) -> None:
    """Raises `QuestionError` for filters that exclude each other: no hit would read as "there is nothing"."""
    if fault := filters.fault:
        raise QuestionError(f"Nothing can fit these filters: {fault}.")


def link_of(url: str, seconds: float) -> str:
    """The public address of a moment."""
    return legible(link_at(without_credentials(url), seconds))


def day_after(day: date | None) -> date | None:
    """The first day that no longer counts; None if every day counts."""
    return None if day is None or day == date.max else day + timedelta(days=1)
