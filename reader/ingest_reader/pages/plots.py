"""Points of a batch's plots, in a box of 100 by 100 with its origin above. Pure.

Drawn as SVG by a template: the page's policy allows neither scripts nor styles of a plotting library, and two
scatter plots and a few bars need none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from typing import Any

from ingest_worker.store.reading.progress import ShownRun


@dataclass(frozen=True, slots=True)
class Point:
    """One run in a plot."""

    x: float
    y: float
    said: str
    recording: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """Runs by two measures."""

    points: tuple[Point, ...]
    left: str
    right: str
    top: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    name: str
    value: float
    share: float
    """Of the longest, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was said has words, speakers and vectors."""

    words: int
    attributed: int
    segments: int
    vectors: int
    speech_seconds: float
    wordless_seconds: float


def over_time(runs: Sequence[ShownRun]) -> Scatter | None:
    """RTF of each run by when it ended."""
    rated = [(run.finished_at.timestamp(), run) for run in runs if run.rtf is not None]
    if not rated:
        return None
    first, last = min(rated, key=lambda each: each[0])[1], max(rated, key=lambda each: each[0])[1]
    form = "%H:%M" if first.finished_at.date() == last.finished_at.date() else "%Y-%m-%d"
    return _scatter(rated, f"{first.finished_at:{form}}", f"{last.finished_at:{form}}")


def by_length(runs: Sequence[ShownRun]) -> Scatter | None:
    """RTF of each run by how long its recording is, on a logarithmic scale."""
    rated = [(log10(max(run.media_seconds, 1.0)), run) for run in runs if run.rtf is not None]
    if not rated:
        return None
    lengths = [run.media_seconds for _, run in rated]
    return _scatter(rated, _length(min(lengths)), _length(max(lengths)))


def time_by_stage(runs: Sequence[ShownRun]) -> tuple[Bar, ...]:
    """Seconds of each stage over all runs, longest first, and what was outside every stage."""
    sums: Counter[str] = Counter()
    for run in runs:
        for stage, figures in run.figures.get("stages", {}).items():
            sums[stage] += figures.get("seconds", 0.0)
        sums["outside every stage"] += run.figures.get("overhead_seconds", 0.0)
    found = [(name, seconds) for name, seconds in sums.items() if seconds > 0]
    return bars(sorted(found, key=lambda each: (-each[1], each[0])))


def bars(values: Sequence[tuple[str, float]]) -> tuple[Bar, ...]:
    """Bars, the longest of which is whole."""
    longest = max((value for _, value in values), default=0) or 1
    return tuple(Bar(name, value, value / longest) for name, value in values)


def coverage(runs: Sequence[ShownRun]) -> Coverage | None:
    """Summed over runs; None if no receipt says it."""
    said = [run.figures["coverage"] for run in runs if run.figures.get("coverage")]
    if not said:
        return None

    def total(name: str) -> float:
        return float(sum(each.get(name, 0) for each in said))

    return Coverage(
        round(total("words")),
        round(total("attributed_words")),
        round(total("segments")),
        round(total("vectors")),
        total("speech_seconds"),
        total("wordless_seconds"),
    )


def doubted(runs: Sequence[ShownRun]) -> int:
    """Runs of recordings that are surely in another language than the one ordered."""
    return sum(sounds_like(run.figures) is not None for run in runs)


def sounds_like(figures: Mapping[str, Any]) -> str | None:
    """The language that a run's recording is surely in, where another was ordered."""
    quality = figures.get("quality") or {}
    return quality.get("sounds_like")


def _scatter(rated: Sequence[tuple[float, ShownRun]], left: str, right: str) -> Scatter:
    places = [x for x, _ in rated]
    low, width = min(places), max(places) - min(places)
    rates = [run.rtf or 0.0 for _, run in rated]
    top = _round_up(max(rates))
    points = tuple(
        Point(
            round(2 + 96 * (x - low) / width, 2) if width else 50.0,
            round(98 - 96 * rate / top, 2),
            f"{run.title or run.recording}: {rate:.3f}",
            run.recording,
        )
        for (x, run), rate in zip(rated, rates, strict=True)
    )
    return Scatter(points, left, right, f"{top:g}")


def _round_up(value: float) -> float:
    """The next number of one digit."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** (ceil(log10(value)) - 1)
    return float(ceil(value / unit) * unit)


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004  a minute
