"""What a search answers, as pydantic models: passages to be cited, and how they were found."""

from typing import Any, Self

from ingest_contract.text import without_credentials
from ingest_reader.api.values import Cited, Moment, Value
from ingest_reader.corpus import link_of
from ingest_reader.exports.links import clock
from ingest_worker.store.search import Answer, Folded, Hit


class Piece(Value):
    """A stretch of a snippet, as plain text."""

    text: str
    marked: bool
    """It is a word that was asked for."""


class SameSaid(Value):
    """A passage that says nearly the same as the one above it."""

    segment: int
    recording: str
    title: str
    url: str
    speaker: str | None
    start: float
    end: float
    link: str


class FoundPassage(Cited):
    """A passage that was found."""

    segment: int
    """Its number in the store, as in the view `current_segments`."""
    run: str
    seq: int
    """Its place in the run."""
    url: str
    """The recording's."""
    channel: str | None
    language: str
    published_at: Moment | None
    score: float
    """0 to 1, made of the next two (docs/search.md)."""
    similarity: float | None
    """Cosine of meaning; null if nothing was compared."""
    word_score: float | None
    """0 to 1: how much of the question's weight in words it holds; null if no word was asked."""
    matched: tuple[str, ...]
    snippet: tuple[Piece, ...]
    folded: tuple[SameSaid, ...]

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """From the store's."""
        return cls(
            **_cited(hit),
            run=str(hit.run),
            seq=hit.seq,
            text=hit.text,
            transcript_source=hit.transcript_source,
            time=clock(hit.start),
            channel=hit.channel,
            language=hit.language,
            published_at=hit.published_at,
            score=hit.score,
            similarity=hit.similarity,
            word_score=hit.word_score,
            matched=hit.matched,
            snippet=tuple(Piece.model_validate(each) for each in hit.snippet),
            folded=tuple(SameSaid(**_cited(each)) for each in hit.folded),
        )


def _cited(found: Hit | Folded) -> dict[str, Any]:
    """What a citation takes of a hit."""
    return {
        "segment": found.segment,
        "recording": found.recording,
        "url": without_credentials(found.url),
        "title": found.title,
        "speaker": found.speaker,
        "start": found.start,
        "end": found.end,
        "link": link_of(found.url, found.start),
    }


class FoundAnswer(Value):
    """Passages, best first, and how they were found."""

    items: tuple[FoundPassage, ...]
    by: str
    """`Both`, `Words` or `Meaning`."""
    words: tuple[str, ...]
    """The words and phrases that were searched for."""
    ignored: tuple[str, ...]
    """Words of the question that say nothing."""
    notes: tuple[str, ...]
    """What a reader must know about the answer."""

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """From the store's."""
        return cls(
            items=tuple(FoundPassage.of(hit) for hit in answer.hits),
            by=answer.by,
            words=answer.words,
            ignored=answer.ignored,
            notes=answer.notes,
        )
