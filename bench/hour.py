"""Whether a person keeps one label through a recording of ten minutes, and of an hour, in which known people
speak in turn, come back, and are joined by others.

It is made of recordings and conversations of the catalogue, one after the other in an order that a fixed seed
draws, with a pause between them, each time at another level and with noise of its own: eight people, real and
synthetic ones. An hour has each of them three or four times. Speakers are ours, and those of pyannote's own
pipeline (`bench.counts` says how). Kept row by row, and what was heard is kept beside: run it again to go on.

    python -m bench.hour [--again] [ROW ...]
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.counts import WAYS, Speakers, speakers
from bench.rows import Figures, rows_main
from testkit.speech import audio, conversations, dialogue
from testkit.speech.accuracy import annotation, diarization_errors
from testkit.speech.catalogue import recordings
from testkit.speech.dialogue import Turn

MINUTES: Final = {"10 min": 10, "1 h": 60}
RECORDINGS: Final = ("dialogue", "sample")
CONVERSATIONS: Final = (
    "2 synthetic", "3 synthetic", "4 synthetic", "2 mixed", "3 mixed", "4 mixed",
)  # fmt: skip
"""Of people who come again in others of them: mina, joe and ken in most."""
PAUSE_SECONDS: Final = 1.5
LOWEST_DB: Final = -9.0
FRAME_SECONDS: Final = 0.01
NOBODY: Final = -1

Sound = tuple[audio.Samples, tuple[Turn, ...]]
Numbers = NDArray[np.int64]


@cache
def pieces() -> tuple[Sound, ...]:
    """Every piece: its sound, and who speaks when."""
    known = [recordings()[name] for name in RECORDINGS]
    read = [(audio.read(each.path), each.turns or ()) for each in known]
    return (*read, *(conversations.conversation(name) for name in CONVERSATIONS))


def assembled(minutes: int) -> Sound:
    """The pieces in drawn order, again and again, until the minutes are full."""
    random = np.random.default_rng(minutes)
    sounds: list[audio.Samples] = []
    turns: list[Turn] = []
    place = 0
    while True:
        for number in random.permutation(len(pieces())).tolist():
            sound, said = pieces()[number]
            if place + sound.size > minutes * 60 * audio.RATE and sounds:
                return np.concatenate(sounds), tuple(turns)
            loud = dialogue.levelled(sound) * 10 ** (random.uniform(LOWEST_DB, 0.0) / 20)
            padded = np.concatenate([loud, np.zeros(round(PAUSE_SECONDS * audio.RATE), np.float32)])
            noisy = padded + random.normal(0, dialogue.NOISE, padded.size)
            start = place / audio.RATE
            turns += [replace(turn, start=turn.start + start, end=turn.end + start) for turn in said]
            sounds.append(noisy.astype(np.float32))
            place += padded.size


def measured(minutes: int, way: str) -> Figures:
    """One length, one way."""
    sound, turns = assembled(minutes)
    people = len({turn.speaker for turn in turns})
    return scored(speakers(sound, way, people), turns, sound.size / audio.RATE)


def scored(found: Speakers, turns: Sequence[Turn], seconds: float) -> Figures:
    """Speakers, the error rate of diarization, and how each person's label holds."""
    reference = annotation((turn.start, turn.end, turn.speaker) for turn in turns)
    exclusive = annotation((turn.start, turn.end, str(turn.speaker)) for turn in found.exclusive)
    alone = diarization_errors(reference, exclusive, seconds, skip_overlap=True)
    names = sorted({turn.speaker for turn in turns})
    who = painted([(turn.start, turn.end, names.index(turn.speaker)) for turn in turns], seconds)
    label = painted([(turn.start, turn.end, turn.speaker) for turn in found.exclusive], seconds)
    return {
        "seconds": round(seconds),
        "people": len(names),
        "speakers": len({turn.speaker for turn in found.exclusive}),
        "der": round(alone["diarization error rate"], 4),
        "kept": {name: kept(who == number, label) for number, name in enumerate(names)},
        "same in both halves": same_in_both_halves(who, label, len(names)),
    }


def painted(spans: Sequence[tuple[float, float, int]], seconds: float) -> Numbers:
    """(frames,) the number that speaks in each hundredth of a second; `NOBODY` where none or several do."""
    line = np.full(round(seconds / FRAME_SECONDS) + 1, NOBODY)
    count = np.zeros(line.size, int)
    for start, end, number in spans:
        part = slice(round(start / FRAME_SECONDS), round(end / FRAME_SECONDS))
        line[part], count[part] = number, count[part] + 1
    return np.where(count == 1, line, NOBODY)


def main_label(label: Numbers) -> int:
    """The label that most frames have; `NOBODY` where none has one."""
    labels = label[label != NOBODY]
    return int(np.bincount(labels).argmax()) if labels.size else NOBODY


def kept(his: NDArray[np.bool_], label: Numbers) -> float:
    """Of the frames in which a person speaks and somebody is found, the share that has his main label."""
    found = label[his & (label != NOBODY)]
    return round(float((found == main_label(found)).mean()), 4) if found.size else 0.0


def same_in_both_halves(who: Numbers, label: Numbers, people: int) -> str:
    """How many people have the same main label in the first half and in the second, of those who speak in
    both."""
    parts = [(who[part], label[part]) for part in (slice(who.size // 2), slice(who.size // 2, None))]
    halves = [[main_label(said[his == number]) for his, said in parts] for number in range(people)]
    both = [pair for pair in halves if NOBODY not in pair]
    return f"{sum(first == second for first, second in both)} of {len(both)}"


def table(rows: dict[str, Figures]) -> str:
    """A line for each row."""
    head = "| recording | s | people | speakers found | DER | least of a person's time with one label, whose"
    lines = [f"{head} | people with the same label in both halves |", "|---" * 7 + "|"]
    for name, row in rows.items():
        worst = min(row["kept"], key=row["kept"].__getitem__)
        facts = f"{row['seconds']} | {row['people']} | {row['speakers']} | {row['der']:.3f}"
        held = f"{row['kept'][worst]:.3f}, {worst}"
        lines.append(f"| {name} | {facts} | {held} | {row['same in both halves']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    rows = {
        f"{name}, {way}": partial(measured, minutes, way) for name, minutes in MINUTES.items() for way in WAYS
    }
    sys.exit(rows_main("hour", __doc__, rows, table))
