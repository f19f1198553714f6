"""A transcript as its page shows it: passages with words, who speaks in which colour, who speaks how long.
Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest_reader.exports.document import names_of
from ingest_reader.exports.links import NOBODY
from ingest_worker.domain import Segment, SpokenWord
from ingest_worker.store.reads import StoredTranscript

PART_PASSAGES: Final = 200
"""Passages on a page: half an hour to an hour of talk, about 8,000 words, half a megabyte."""

DOUBTFUL_PROBABILITY: Final = 0.5
"""Below it a word is marked: the engine itself holds another one for as likely."""

SPEAKER_COLOURS: Final = 8

ROUNDED_SECONDS: Final = 0.006
"""Links name moments in hundredths: a passage that begins at 2.004 is asked for as 2.00."""


@dataclass(frozen=True, slots=True)
class ShownWord:
    """One word."""

    text: str
    start: float
    end: float
    spaced: bool
    doubtful: bool
    overlap: bool


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """One passage of one speaker."""

    number: int
    start: float
    speaker: str
    colour: int | None
    """None for words in nobody's turn."""
    speaks_on: bool
    """Whether the same speaker spoke before it."""
    words: tuple[ShownWord, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How long one speaker speaks."""

    speaker: str
    colour: int
    named: bool
    seconds: float
    share: float
    """Of all speech, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a transcript that is on one page."""

    passages: tuple[ShownPassage, ...]
    start: float
    """Where it begins: 0 for the first."""
    before: float | None
    """A moment of the part before this one; None on the first."""
    after: float | None
    """Where the next part begins; None on the last."""
    number: int
    parts: int


def colours_of(transcript: StoredTranscript) -> dict[int, int]:
    """The colour of each speaker: who speaks most has the first."""
    ordered = sorted(transcript.speakers, key=lambda each: (-each.seconds, each.speaker))
    return {each.speaker: place % SPEAKER_COLOURS for place, each in enumerate(ordered)}


def shares(transcript: StoredTranscript) -> tuple[Share, ...]:
    """Who speaks how long, most first."""
    colours = colours_of(transcript)
    total = sum(each.seconds for each in transcript.speakers) or 1.0
    return tuple(
        Share(each.label, colours[each.speaker], each.name is not None, each.seconds, each.seconds / total)
        for each in sorted(transcript.speakers, key=lambda each: (-each.seconds, each.speaker))
    )


def part_at(transcript: StoredTranscript, at: float) -> Part:
    """The part that has the passage said at `at` seconds."""
    segments = transcript.segments
    place = max((i for i, each in enumerate(segments) if each.start <= at + ROUNDED_SECONDS), default=0)
    number = place // PART_PASSAGES
    parts = max(1, -(-len(segments) // PART_PASSAGES))
    first, end = number * PART_PASSAGES, (number + 1) * PART_PASSAGES
    return Part(
        _passages(transcript, first, segments[first:end]),
        segments[first].start if number else 0.0,
        segments[first - PART_PASSAGES].start if number else None,
        segments[end].start if end < len(segments) else None,
        number + 1,
        parts,
    )


def passage_at(part: Part, at: float) -> ShownPassage | None:
    """The passage that is said at `at` seconds, or was before it; None before the first."""
    return next((each for each in reversed(part.passages) if each.start <= at + ROUNDED_SECONDS), None)


def _passages(
    transcript: StoredTranscript, first: int, segments: Sequence[Segment]
) -> tuple[ShownPassage, ...]:
    names, colours = names_of(transcript), colours_of(transcript)
    made: list[ShownPassage] = []
    speaker: int | None = -1
    for number, each in enumerate(segments, first):
        words = tuple(
            _word(word, heard=transcript.run.is_heard) for word in transcript.words[slice(*each.words)]
        )
        colour = None if each.speaker is None else colours.get(each.speaker)
        label = names.get(each.speaker, NOBODY)
        made.append(ShownPassage(number, each.start, label, colour, each.speaker == speaker, words))
        speaker = each.speaker
    return tuple(made)


def _word(spoken: SpokenWord, *, heard: bool) -> ShownWord:
    word = spoken.word
    doubtful = heard and word.probability < DOUBTFUL_PROBABILITY
    return ShownWord(word.text, word.start, word.end, word.spaced, doubtful, spoken.overlap)
