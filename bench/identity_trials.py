"""How often a voice is taken for another, and how often it is not known again: trials of every take of a
voice against every other take, real and synthetic, by the threshold.

Which thresholds are allowed is found with some voices (`calibration`) and tried with others that had no part
in it (`test`). The voices are `testkit.speech.cast`'s at three speeds: people of AMI meetings, of a telephone
call and of a reading, and synthetic ones. A take is one voice alone, made a vector as enrolment makes it.
Kept row by row, and what the network heard is kept beside: run it again to go on.

    python -m bench.identity_trials [--again] [ROW ...]
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations
from typing import Any, Final

import numpy as np

from bench.heard import voice
from bench.rows import Figures, rows_main
from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import FloatArray
from ingest_worker.identification.scores import similarity
from testkit.speech import audio, cast

TAKE_SECONDS: Final = 6.0
"""Seconds of a take at least: enrolment asks for five of speech."""
TAKES: Final = 6
"""Takes of one person at one speed, at most."""
SPEEDS: Final = (0.9, 1.0, 1.1)
"""Each is a voice of its own (`testkit.speech.cast`)."""
THRESHOLDS: Final = tuple(round(0.20 + 0.05 * step, 2) for step in range(11))
MARGINS: Final = (0.0, 0.05, 0.10)
ALLOWED: Final = {"false accepts": 0.01, "false rejects": 0.05}


@dataclass(frozen=True, slots=True)
class Take:
    """One voice alone."""

    who: str
    speed: float
    place: str
    """The recording that it is from."""
    sound: audio.Samples

    @property
    def voice(self) -> str:
        """Person and speed."""
        return f"{self.who} at {self.speed:.1f}"

    @property
    def real(self) -> bool:
        """Whether a person said it."""
        return self.who not in cast.SYNTHETIC


def takes() -> Iterator[Take]:
    """Every person's, at every speed; none of two recordings."""
    for who, said in cast.utterances().items():
        made = 0
        for place in dict.fromkeys(each.place for each in said):
            held: list[audio.Samples] = []
            for each in (each for each in said if each.place == place):
                held.append(each.sound)
                if (
                    sum(part.size for part in held) >= TAKE_SECONDS * max(SPEEDS) * audio.RATE
                    and made < TAKES
                ):
                    made += 1
                    whole = np.concatenate(held)
                    held = []
                    for speed in SPEEDS:
                        yield Take(who, speed, place, cast.at_speed(whole, speed))


Heard = list[tuple[Take, FloatArray]]


@cache
def sides() -> tuple[tuple[Heard, Heard], int]:
    """Takes with their vectors for `calibration` and for `test`: every other person, real and synthetic
    apart; and how many takes enrolment refused."""
    every = list(takes())
    people = {real: sorted({take.who for take in every if take.real is real}) for real in (True, False)}
    first = {who for each in people.values() for who in each[::2]}
    sorted_out: tuple[Heard, Heard] = ([], [])
    refused = 0
    for take in every:
        vector = voice(take.sound)
        if vector is None:
            refused += 1
        else:
            sorted_out[take.who not in first].append((take, vector))
    return sorted_out, refused


def measured(side: int) -> Figures:
    """False accepts and rejects by threshold, of all trials and of the real ones; and what a gallery of all
    names."""
    both_sides, refused = sides()
    heard = both_sides[side]
    scores: dict[str, list[float]] = defaultdict(list)
    for (one, mine), (other, theirs) in combinations(heard, 2):
        if one.who == other.who and one.speed != other.speed:
            continue  # made of one another
        score = similarity(mine, theirs[None])
        kind = "same" if one.voice == other.voice else "different"
        both = one.real and other.real
        for where in ("all", *(["real"] if both else [])):
            scores[f"{where} {kind}"].append(score)
        if kind == "same" and both and one.place != other.place:
            scores["real same, other recording"].append(score)
    figures: Figures = {
        "people": {
            "real": len({take.who for take, _ in heard if take.real}),
            "synthetic": len({take.who for take, _ in heard if not take.real}),
        },
        "takes": len(heard),
        "refused takes of both": refused,
        "trials": {kind: len(each) for kind, each in scores.items()},
        "false accepts": {
            where: _above(scores[f"{where} different"], above=True) for where in ("all", "real")
        },
        "false rejects": {where: _above(scores[f"{where} same"], above=False) for where in ("all", "real")},
        "false rejects, other recording": _above(scores["real same, other recording"], above=False),
        "scores": {kind: _spread(each) for kind, each in scores.items()},
    }
    return figures | {"gallery": _gallery(heard, float(IdentificationProfile().threshold))}


def _above(scores: Sequence[float], *, above: bool) -> list[float]:
    """Share of scores at or above each threshold, or below it."""
    values = np.array(scores)
    shares = [float((values >= threshold).mean()) if values.size else 0.0 for threshold in THRESHOLDS]
    return [round(share if above else 1 - share, 4) for share in shares]


def _spread(scores: Sequence[float]) -> list[float]:
    """Least, mean and largest."""
    return [round(float(f(scores)), 3) for f in (np.min, np.mean, np.max)] if scores else []


def _gallery(heard: Heard, threshold: float) -> dict[str, Any]:
    """Each voice enrolled by its first take and looked for in its other ones, once among all of them and once
    with itself left out."""
    first: dict[str, FloatArray] = {}
    probes: Heard = []
    for take, vector in heard:
        if take.voice in first:
            probes.append((take, vector))
        first.setdefault(take.voice, vector)
    table: dict[str, Any] = {"threshold": threshold, "probes": len(probes), "people": len(first)}
    for margin in MARGINS:
        right = wrong = stranger = 0
        for take, vector in probes:
            others = {f"{take.who} at {speed:.1f}" for speed in SPEEDS} - {take.voice}
            pool = {voice: ref for voice, ref in first.items() if voice not in others}
            name = _named(vector, pool, threshold, margin)
            right += name == take.voice
            wrong += name not in {None, take.voice}
            pool.pop(take.voice)
            stranger += _named(vector, pool, threshold, margin) is not None
        table[f"margin {margin:.2f}"] = {"right": right, "wrong": wrong, "stranger named": stranger}
    return table


def _named(vector: FloatArray, pool: dict[str, FloatArray], threshold: float, margin: float) -> str | None:
    ranked = sorted(((similarity(vector, ref[None]), who) for who, ref in pool.items()), reverse=True)
    second = ranked[1][0] if len(ranked) > 1 else -1.0
    return ranked[0][1] if ranked[0][0] >= threshold and ranked[0][0] - second >= margin else None


def allowed(figures: Figures) -> list[float]:
    """The thresholds at which both rates are within what is allowed, over all trials and over the real
    ones."""
    return [
        threshold
        for index, threshold in enumerate(THRESHOLDS)
        if all(
            figures[kind][where][index] <= most for kind, most in ALLOWED.items() for where in ("all", "real")
        )
    ]


def table(rows: dict[str, Figures]) -> str:
    """The curve of both sides, and what was chosen."""
    lines = [
        "| threshold | " + " | ".join(f"{side}: {kind}" for side in rows for kind in ALLOWED) + " |",
        "|---" * (1 + 2 * len(rows)) + "|",
    ]
    for index, threshold in enumerate(THRESHOLDS):
        shares = [
            f"{row[kind]['all'][index]:.2%} ({row[kind]['real'][index]:.2%})"
            for row in rows.values()
            for kind in ALLOWED
        ]
        lines.append(f"| {threshold:.2f} | " + " | ".join(shares) + " |")
    for side, row in rows.items():
        within = allowed(row)
        lines.append(
            f"{side}: allowed {within[0]:.2f} to {within[-1]:.2f}; {row['people']}; {row['trials']}; "
            f"scores (least, mean, largest) {row['scores']}; gallery {row['gallery']}"
        )
    return "\n".join(lines)


ROWS: Final = {"calibration": partial(measured, 0), "test": partial(measured, 1)}

if __name__ == "__main__":
    sys.exit(rows_main("identity_trials", __doc__, ROWS, table))
