"""Plots are drawn from the kept results and from nothing else."""

import os
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).parents[2]


def test_plots_are_the_same_whatever_their_drawer_has_in_a_matplotlibrc(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.grid: True\nlines.linewidth: 5\nfont.size: 20\n")
    checked = subprocess.run(
        [sys.executable, "-m", "bench.plots", "--check"],
        cwd=HOUSE,
        env=os.environ | {"MATPLOTLIBRC": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
