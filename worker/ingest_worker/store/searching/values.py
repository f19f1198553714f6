"""What a search is asked and what it answers, as values. Pure."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from ingest_contract.captions import TranscriptSource
from ingest_contract.text import spellings
from ingest_worker.domain import FloatArray


@dataclass(frozen=True, slots=True)
class Filters:
    """What a hit must be; None asks for nothing."""

    speaker: str | None = None
    """A name, or `unknown #k`."""
    recording: str | None = None
    channel: str | None = None
    batch: str | None = None
    """As the store has it: `namespace/name` of the batch that made the run."""
    language: str | None = None
    """ISO 639 code of the recording's language."""
    published_from: date | None = None
    """The first day, in UTC. A recording without a date is left out if either bound is given."""
    published_before: date | None = None
    """The first day that no longer counts."""
    shortest_seconds: float | None = None
    """Length of the recording, not of the passage."""
    longest_seconds: float | None = None

    def asked(self) -> dict[str, Any]:
        """By name, as statements compare them: names of people and channels in each of their spellings."""
        of_names = ("speaker", "channel")
        return {
            name: spellings(value) if name in of_names and value is not None else value
            for name, value in asdict(self).items()
        }

    @property
    def fault(self) -> str | None:
        """Why nothing can ever fit, as the end of a sentence; None if something can."""
        first, end = self.published_from, self.published_before
        if first is not None and end is not None and end <= first:
            return "the last day is before the first"
        shortest, longest = self.shortest_seconds, self.longest_seconds
        if shortest is not None and longest is not None and longest < shortest:
            return "the longest is shorter than the shortest"
        return None


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for."""

    text: str
    vector: FloatArray | None
    """(dimension,) vector of the text, by `model`; None to search by words alone."""
    model: str | None
    """`name@sha256-prefix`: only vectors of this model are compared. None with the vector."""
    limit: int = 10
    """Hits, from 1 to `terms.MOST_FOUND_PASSAGES`."""
    filters: Filters = field(default_factory=Filters)


class By(StrEnum):
    """What found the hits."""

    BOTH = "Both"
    WORDS = "Words"
    """No vector was given, or nothing is embedded by its model."""
    MEANING = "Meaning"
    """The question has no word that a text could be found by, only such as `what` and `the`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a snippet, as plain text."""

    text: str
    marked: bool
    """It is a word that was asked for."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A passage that says nearly the same as the hit above it."""

    segment: int
    recording: str
    title: str
    url: str
    speaker: str | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    segment: int
    run: UUID
    seq: int
    recording: str
    title: str
    channel: str | None
    url: str
    published_at: datetime | None
    language: str
    speaker: str | None
    start: float
    end: float
    text: str
    transcript_source: TranscriptSource
    """Where its words are from."""
    score: float
    """0 to 1: `fusion.fused` of the next two."""
    similarity: float | None
    """Cosine similarity of passage and question; None if nothing was compared."""
    word_score: float | None
    """0 to 1: how much of the question's weight in words the passage holds; None if no word was asked."""
    matched: tuple[str, ...]
    """The words of the question that it, or its title, holds."""
    snippet: tuple[Piece, ...] = ()
    folded: tuple[Folded, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits, and what a reader must know about how they were found."""

    hits: tuple[Hit, ...]
    by: By
    words: tuple[str, ...]
    """The words and phrases that were searched for."""
    ignored: tuple[str, ...]
    """Words of the question that say nothing, such as `what`, and those beyond the most that are compared."""
    notes: tuple[str, ...]
    """Sentences to show: what was not compared, and what endangers the answer."""
