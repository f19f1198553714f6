"""The plots of docs/accuracy.md and docs/performance.md, drawn from `bench/results`; the same results give
the same bytes, and `make check` compares them.

    python -m bench.plots [--check]
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.rows import known

FOLDER: Final = Path(__file__).parents[1] / "docs" / "plots"
WAYS: Final = {"ours": "this project", "sequential": "stock, sequential", "batched": "stock, batched"}
MARKS: Final = {"ours": "o", "sequential": "x", "batched": "+"}
STEPS: Final = {"segmentation": "segmentation", "pooling": "pooling", "clustering": "clustering"}
FIXED: Final[dict[Any, Any]] = {
    "svg.hashsalt": "video-ingest-operator",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""Without a salt the names inside a drawing are new each time; text stays text, in the reader's own font."""


def errors_by_sound() -> Figure:
    """Word error rates of every sound of `bench.hearing`, ours and both stock loops', from good to bad within
    each recording."""
    rows = known("hearing")
    figure, axes = _empty("word error rate", width=10)
    place = 0
    ticks: list[tuple[float, str]] = []
    for recording, names in groupby(sorted(rows, key=_heard), key=_heard):
        errors = sorted((rows[name]["wer"] for name in names), key=lambda wer: wer["sequential"])
        places = range(place, place + len(errors))
        for way in WAYS:
            axes.scatter(places, [each[way] for each in errors], marker=MARKS[way], color=COLOURS[way], s=22)
        ticks.append((place + (len(errors) - 1) / 2, recording))
        place += len(errors) + 2
        axes.axvline(place - 1.5, color="#dddddd", linewidth=0.8)
    axes.set_xticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=8)
    _legend(axes, WAYS, MARKS)
    return figure


def _heard(name: str) -> str:
    """Model and recording of a row."""
    model, recording, *_ = name.split("/")
    return f"{model}\n{recording}"


def memory_by_length() -> Figure:
    """The most resident memory of each step of a diarization, by the recording's length (`bench.lengths`)."""
    rows = list(known("lengths").values())
    figure, axes = _empty("most resident memory, MiB", width=6)
    for step, mark in zip(STEPS, MARKS.values(), strict=True):
        found = [row["peaks"][step] for row in rows]
        axes.plot([row["hours"] for row in rows], found, marker=mark, label=STEPS[step])
    axes.set_xlabel("hours of sound")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def seconds_by_way() -> Figure:
    """Seconds and processor seconds of each way to hear ten minutes (`bench.stacks`)."""
    rows = known("stacks")
    ways = {"bare": "bare engines", "worker": "this project", "batched": "stock, batched"}
    ways["sequential"] = "stock, sequential"
    figure, axes = _empty("seconds for ten minutes of dialogue", width=6)
    for offset, kind, name, colour in (
        (-0.2, "seconds", "from start to end", COLOURS["ours"]),
        (0.2, "cpu", "processor seconds", COLOURS["sequential"]),
    ):
        spent = [rows[f"ten/{way}"][kind] for way in ways]
        bars = axes.bar([at + offset for at in range(len(ways))], spent, 0.38, label=name, color=colour)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(range(len(ways)), list(ways.values()))
    axes.legend(frameon=False)
    return figure


COLOURS: Final = {"ours": "#0b6e4f", "sequential": "#b5651d", "batched": "#7a4fb0"}
PLOTS: Final[Mapping[str, Callable[[], Figure]]] = {
    "word-errors-by-sound": errors_by_sound,
    "memory-by-length": memory_by_length,
    "seconds-by-way": seconds_by_way,
}


def drawn(name: str) -> str:
    """A plot as SVG."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever its reader has in a matplotlibrc
        mpl.rcParams.update(FIXED)
        figure = PLOTS[name]()
        file = StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _empty(about: str, *, width: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(about)
    return figure, axes


def _legend(axes: Any, names: Mapping[str, str], marks: Mapping[str, str]) -> None:
    for way, name in names.items():
        axes.scatter([], [], marker=marks[way], color=COLOURS[way], s=22, label=name)
    axes.legend(frameon=False)


def main() -> int:
    """Draw all of them, or with `--check` only say which are not those of the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.plots")
    parser.add_argument("--check", action="store_true", help="change nothing, and fail if one has drifted")
    check = parser.parse_args().check
    drifted = [name for name in PLOTS if not _path(name).exists() or _path(name).read_text() != drawn(name)]
    for name in drifted:
        if check:
            print(f"docs/plots/{name}.svg: has drifted; run `make generate`")
        else:
            FOLDER.mkdir(exist_ok=True)
            _path(name).write_text(drawn(name), encoding="utf-8")
    return int(check and bool(drifted))


def _path(name: str) -> Path:
    return FOLDER / f"{name}.svg"


if __name__ == "__main__":
    sys.exit(main())
