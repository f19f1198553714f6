"""Which language is spoken where: a vote for the recording, and the pieces that are surely in another
language.

Called by the Whisper adapter. With the wrong language, Whisper translates: English under a German prompt
comes out as German sentences that nobody said. Pure: it sees probabilities and spans.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from ingest_worker.engines.chunks import Chunk

Ballot = Mapping[str, float]
"""Language -> its probability for one sound; empty where a model knows one language only."""

SURE_PROBABILITY: Final = 0.8
"""Probability above which a sound is in another language than the recording's. Music and noise seldom reach
half of it."""

DIVIDED_PROBABILITY: Final = 0.08
"""Probability of all other languages together above which a sound may contain two. Of 14 s of English before
8 s of Japanese `base` was 0.83 sure of the later one, and wrote nothing of the English; of 6 s of English
after Japanese and Mandarin 0.91. Of the demo's dialogue in one language it leaves 0.01 to 0.04, and 0.04 to
0.06 at -40 dB over a telephone."""

NEAR: Final = (
    frozenset({"da", "nn", "no", "sv"}),
    frozenset({"cs", "sk"}),
    frozenset({"bs", "hr", "sr"}),
    frozenset({"bg", "mk"}),
    frozenset({"hi", "ur"}),
    frozenset({"id", "ms"}),
)
"""Languages whose speakers understand each other, so nobody interprets between them, and whose sounds are so
alike that a ballot is divided between them in every chunk, or surely for one and then for the other. For the
question whether a language changes they are one: a test costs up to nine times as much encoding as the
chunk."""

_NAME_OF_NEAR: Final = {language: min(near) for near in NEAR for language in near}

FEW_DIVIDED_CHUNKS: Final = 2
DIVIDED_SHARE: Final = 0.05
"""How many chunks are tested in pieces for this alone and in vain: two, plus a twentieth of the recording's.
Languages that Whisper cannot tell apart and that are not `NEAR` divide every chunk, and a piece costs as much
encoding as a chunk. Where an interpreter speaks after every sentence, every chunk has two languages, and no
test is in vain."""

LIKELY_PROBABILITY: Final = 0.5
"""Probability above which a piece is in a language that other sounds of the recording surely have: of four
seconds between two other languages Whisper is seldom surer (`bench.languages`). Without that condition a
piece of German became Latvian at 0.57."""

MIN_SECONDS: Final = 3.0
"""Length of a sound that is tested for its language by itself. With less, Whisper is seldom sure
(openai/whisper discussion 284)."""


def voted_by(ballot: Ballot) -> str | None:
    """The most probable language of a sound; None without a ballot."""
    return max(ballot, key=lambda language: ballot[language], default=None)


def sure_of(ballot: Ballot, least: float = SURE_PROBABILITY) -> str | None:
    """The language of a sound if its probability is at least that; otherwise None."""
    language = voted_by(ballot)
    return language if language is not None and ballot[language] >= least else None


def sure_languages(ballots: Iterable[Ballot]) -> set[str]:
    """The languages that some sound is sure of."""
    return {language for ballot in ballots if (language := sure_of(ballot)) is not None}


def near_as_one(ballot: Ballot) -> dict[str, float]:
    """The ballot with the votes for languages that are `NEAR` each other together, under one name."""
    sums: dict[str, float] = {}
    for language, probability in ballot.items():
        name = _NAME_OF_NEAR.get(language, language)
        sums[name] = sums.get(name, 0.0) + probability
    return sums


def several(ballots: Iterable[Ballot]) -> bool:
    """Whether the sounds are surely in languages between which somebody interprets."""
    return len(sure_languages(map(near_as_one, ballots))) > 1


def elected(ballots: Sequence[Ballot], weights: Sequence[float] | None = None) -> tuple[str, float] | None:
    """The language with the largest sum of probabilities, and its mean; None if nobody voted. Sums, not
    majorities: a sure piece outweighs a doubtful one. A sound without a ballot has no weight: it speaks for
    no language and against none."""
    given = [1.0] * len(ballots) if weights is None else weights
    votes = [(weight, ballot) for weight, ballot in zip(given, ballots, strict=True) if ballot]
    sums = {
        language: sum(weight * ballot.get(language, 0.0) for weight, ballot in votes)
        for language in sorted({language for _, ballot in votes for language in ballot})
    }
    if not sums:
        return None
    winner = max(sums, key=lambda language: sums[language])
    return winner, sums[winner] / sum(weight for weight, _ in votes)


def contradicted(language: str, ballots: Sequence[Ballot], weights: Sequence[float]) -> str | None:
    """The language that the sounds are surely in together, if it is not the one ordered; None if nobody
    voted."""
    winner, mean = elected(ballots, weights) or (language, 0.0)
    return winner if winner != language and mean >= SURE_PROBABILITY else None


def at_borders(chunks: Sequence[Chunk], ballots: Mapping[Chunk, Ballot]) -> list[Chunk]:
    """The chunks in which the language may change because it does so in the recording: those that are not
    sure of any, or are next to one that is sure of another.

    Only if two chunks are sure of different languages: one language is the rule, and each test costs an
    encoding.
    """
    sure = [sure_of(near_as_one(ballots.get(chunk, {}))) for chunk in chunks]
    if not several(ballots.values()):
        return []
    beside = [{*sure[max(0, i - 1) : i + 2]} for i in range(len(sure))]
    return [
        chunk
        for chunk, languages in zip(chunks, beside, strict=True)
        if len(languages) > 1 or None in languages
    ]


def divided(chunks: Sequence[Chunk], ballots: Mapping[Chunk, Ballot]) -> list[Chunk]:
    """The chunks that may contain two languages by their own sound, the likeliest first."""
    others = {
        chunk: 1.0 - max(near_as_one(ballots[chunk]).values()) for chunk in chunks if ballots.get(chunk)
    }
    found = [chunk for chunk, share in others.items() if share >= DIVIDED_PROBABILITY]
    return sorted(found, key=lambda chunk: -others[chunk])


def tests_in_vain(chunks: Sequence[Chunk]) -> int:
    """How many divided chunks may be tested without a change of language being found in one."""
    return FEW_DIVIDED_CHUNKS + int(DIVIDED_SHARE * len(chunks))


def pieces_of(chunk: Chunk) -> list[Chunk]:
    """A chunk in runs of its spans, each long enough for a test of its language."""
    pieces: list[Chunk] = []
    spans: list[tuple[int, int]] = []
    for span in chunk.spans:
        spans.append(span)
        if Chunk(tuple(spans)).seconds >= MIN_SECONDS:
            pieces.append(Chunk(tuple(spans)))
            spans = []
    if spans and pieces:
        pieces[-1] = Chunk((*pieces[-1].spans, *spans))
    elif spans:
        pieces.append(Chunk(tuple(spans)))
    return pieces


def by_language(
    pieces: Sequence[Chunk], ballots: Sequence[Ballot], known: Collection[str] = ()
) -> list[Chunk]:
    """Joins neighbours of one language again. A piece that is neither sure of a language nor likely in one of
    the `known` ones belongs to the piece before it."""
    languages = [sure_of(ballot) or _likely(ballot, known) for ballot in ballots]
    before = next((language for language in languages if language is not None), None)
    for i, language in enumerate(languages):
        languages[i] = before = language if language is not None else before
    runs = groupby(zip(languages, pieces, strict=True), key=lambda pair: pair[0])
    return [Chunk(tuple(span for _, piece in run for span in piece.spans)) for _, run in runs]


def _likely(ballot: Ballot, known: Collection[str]) -> str | None:
    language = sure_of(ballot, LIKELY_PROBABILITY)
    return language if language in known else None


def languages_of(parts: Sequence[Chunk], pieces: Sequence[Chunk], ballots: Sequence[Ballot]) -> list[str]:
    """The language that each part has by its surest piece: as a whole, a part that ends with a piece of both
    languages may be sure of none."""
    found = []
    for part in parts:
        its = [ballot for piece, ballot in zip(pieces, ballots, strict=True) if piece.spans[0] in part.spans]
        surest = max(its, key=lambda ballot: max(ballot.values(), default=0.0))
        found.append(max(surest, key=lambda language: surest[language]))
    return found
