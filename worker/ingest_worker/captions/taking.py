"""Captions compared with the sound, and made a transcript. Pure.

Called by the pipeline. Nothing is moved to where it would fit: captions of another cut are refused, and the
recording is heard. A word gets its share of its caption's time by its letters; no model is asked.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final

from ingest_contract.captions import CaptionsProblem, TranscriptSource
from ingest_worker.captions.values import Captions, Cue, NoCaptions
from ingest_worker.domain import UNSPACED, Transcript, Word

Spans = Sequence[tuple[float, float]]
"""(start, end) in seconds: disjoint, in order."""

END_SECONDS: Final = 2.0
"""Seconds by which a caption may begin after the end of the sound: pictures and sound of one file end that
far apart, no more."""

NEAR_SECONDS: Final = 1.0
"""Seconds by which a caption may be early or late: they come early and stay to be read."""

LEAST_SHARE: Final = 0.5
"""Share of speech that captions must cover, and of words that must stand where somebody speaks. The same as
of heard words (`engines.whisper`): beyond it a transcript misses most of the speech and is not a result."""

FASTEST_CHARACTERS: Final = 50.0
"""Characters a second, over the whole recording. Fast speech has 25 (six syllables); text beyond twice that
was not spoken in it."""

MOST_AT_ONCE_CHARACTERS: Final = 1000
"""Characters that may be shown at once whatever time they have: ten full captions."""

SHORTEST_SECONDS: Final = 0.02
"""Length of a word for which its caption leaves no time: one frame of Whisper's times."""

UNCAPTIONED_SECONDS: Final = 2.0
"""Speech without a caption that is longer is reported, as speech without a heard word is."""


def taken(captions: Captions, seconds: float, speech: Spans) -> Transcript | NoCaptions:
    """The captions as a transcript of a recording; or why they are none.

    Args:
        captions: As they were read.
        seconds: Length of the sound.
        speech: Where somebody speaks, by voice activity.
    """
    late = next((cue for cue in captions.cues if cue.start > seconds + END_SECONDS), None)
    if late is not None:
        return _unfit(f"one begins at {late.start:.0f} s, and the sound has {seconds:.0f} s")
    characters = sum(len(cue.text) for cue in captions.cues)
    if characters > FASTEST_CHARACTERS * max(seconds, 1.0):
        return _unfit(f"{characters} characters for {seconds:.0f} s of sound")
    cues = in_turn(captions.cues, seconds)
    crowded = next((cue for cue in cues if _is_crowded(cue)), None)
    if crowded is not None:
        return _unfit(
            f"{len(crowded.text)} characters at {crowded.start:.0f} s, "
            f"and {crowded.end - crowded.start:.1f} s for them"
        )
    words = tuple(word for cue in cues for word in spread(cue, captions.language))
    spoken = sum(end - start for start, end in speech)
    shown = _wider([(cue.start, cue.end) for cue in cues], NEAR_SECONDS)
    bare = _without(speech, shown)
    covered = spoken - sum(end - start for start, end in bare)
    if covered < LEAST_SHARE * spoken:
        return _unfit(f"they cover {covered:.0f} of {spoken:.0f} s of speech")
    heard = _inside(words, _wider(speech, NEAR_SECONDS))
    if heard < LEAST_SHARE * len(words):
        return _unfit(f"{len(words) - heard} of {len(words)} words stand where nobody speaks")
    return Transcript(
        words=words,
        language=captions.language,
        language_probability=1.0,
        speech_seconds=spoken,
        chunks=0,
        redecoded=0,
        dropped=tuple(span for span in bare if span[1] - span[0] > UNCAPTIONED_SECONDS),
        source=TranscriptSource.AUTOMATIC_CAPTIONS if captions.automatic else TranscriptSource.CAPTIONS,
    )


def _unfit(message: str) -> NoCaptions:
    return NoCaptions(CaptionsProblem.OTHER_CUT, message)


def in_turn(cues: Sequence[Cue], seconds: float) -> list[Cue]:
    """The captions one after the other, within the sound: those that begin at once are one, and each ends
    when the next begins, at the latest. No text is lost."""
    latest = max(0.0, seconds - SHORTEST_SECONDS)
    inside = [replace(cue, start=min(cue.start, latest), end=min(cue.end, seconds)) for cue in cues]
    merged = []
    for start, group in groupby(sorted(inside, key=lambda cue: cue.start), key=lambda cue: cue.start):
        same = list(group)
        merged.append(Cue(start, max(cue.end for cue in same), " ".join(cue.text for cue in same)))
    edges = [*(cue.start for cue in merged), seconds]
    return [
        replace(cue, end=_end(cue, following))
        for cue, (_, following) in zip(merged, pairwise(edges), strict=True)
    ]


def _is_crowded(cue: Cue) -> bool:
    """Whether far more is shown at once than anybody says in that time: captions whose times are lost all
    begin together, and would be one passage without end."""
    fitting = FASTEST_CHARACTERS * (cue.end - cue.start)
    return len(cue.text) > max(MOST_AT_ONCE_CHARACTERS, fitting)


def _end(cue: Cue, following: float) -> float:
    """When a caption ends; one that ends before it begins has the time that reading it takes."""
    wanted = cue.end if cue.end > cue.start else cue.start + len(cue.text) / FASTEST_CHARACTERS * 2
    return max(min(wanted, following), min(cue.start + SHORTEST_SECONDS, following))


def spread(cue: Cue, language: str) -> Iterator[Word]:
    """The words of a caption, each with a part of its time by the number of its characters."""
    parts = list(_parts(cue.text, spaced=language not in UNSPACED))
    whole = sum(len(text) + 1 for text, _ in parts)
    done, length = 0, cue.end - cue.start
    for text, spaced in parts:
        begin, done = done, done + len(text) + 1
        yield Word(
            cue.start + length * begin / whole,
            cue.start + length * done / whole,
            text,
            1.0,
            spaced,
        )


def _parts(text: str, *, spaced: bool) -> Iterator[tuple[str, bool]]:
    """(word, whether there is a space before it). In scripts without spaces each character is a word, with
    its marks; what is written in letters of ASCII is not taken apart."""
    for place, token in enumerate(text.split()):
        if spaced:
            yield token, True
            continue
        pieces = list[str]()
        for character in token:
            joined = pieces and (
                unicodedata.category(character)[0] in "MP"
                or (character.isascii() and pieces[-1][-1].isascii())
            )
            if joined:
                pieces[-1] += character
            else:
                pieces.append(character)
        for number, piece in enumerate(pieces):
            yield piece, number == 0 and place > 0


def _wider(spans: Spans, by: float) -> list[tuple[float, float]]:
    """Spans with an edge on each side, joined where they touch."""
    found = list[tuple[float, float]]()
    for start, end in spans:
        if found and start - by <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end + by))
        else:
            found.append((start - by, end + by))
    return found


def _without(spans: Spans, others: Spans) -> list[tuple[float, float]]:
    """The parts of spans that lie in none of the others."""
    found, place = list[tuple[float, float]](), 0
    for start, end in spans:
        while place < len(others) and others[place][1] <= start:
            place += 1
        free = start
        for first, last in others[place:]:
            if first >= end:
                break
            if first > free:
                found.append((free, first))
            free = max(free, last)
        if free < end:
            found.append((free, end))
    return found


def _inside(words: Sequence[Word], spans: Spans) -> int:
    """How many words have their middle in a span."""
    count = place = 0
    for word in words:
        middle = (word.start + word.end) / 2
        while place < len(spans) and spans[place][1] < middle:
            place += 1
        count += place < len(spans) and spans[place][0] <= middle
    return count
