"""Plots are drawn from the kept results and from nothing else."""

from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["memory-by-length", "word-errors-by-sound"])
def test_a_plot_is_the_same_whatever_its_drawer_has_in_a_matplotlibrc(name: str) -> None:
    # here, because whoever collects tests would wait for matplotlib
    import matplotlib as mpl

    from bench.plots import drawn

    with mpl.rc_context({"axes.grid": True, "lines.linewidth": 5, "font.size": 20}):
        assert drawn(name) == (HOUSE / f"docs/plots/{name}.svg").read_text(encoding="utf-8")
