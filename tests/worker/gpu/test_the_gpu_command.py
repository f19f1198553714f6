"""`make test-gpu` on a CPU: it runs what it can, names what it cannot have, and keeps the table.

The command is run as people run it; nothing here is a figure of a GPU."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.models, pytest.mark.slow]

LIMIT_BYTES = 64 << 20
ONLY_ON_A_GPU = {"ten-runs", "trunk-peaks", "busy", "neighbour"}
BARE = """
import runpy, sys
for name in ("pyannote", "lightning", "faster_whisper", "ctranslate2", "pydantic", "testkit"):
    sys.modules[name] = None
sys.argv[0] = "bench.gpu"
runpy.run_module("bench.gpu", run_name="__main__")
"""
"""A machine that has torch, and nothing of the project but the kit."""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit") / "kit"
    made = subprocess.run(
        [sys.executable, "-m", "bench.gpu.kit", "--into", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return folder


def on_a_bare_machine(kit: Path, *rows: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the rows of the table."""
    line = [sys.executable, "-c", BARE, "--device", "cpu", "--kit", ".", "--seconds", "11", *rows]
    ran = subprocess.run(line, cwd=kit, capture_output=True, text=True, check=False)
    assert (kit / "gpu-table.json").exists(), ran.stdout + ran.stderr
    return ran.returncode, json.loads((kit / "gpu-table.json").read_text())["rows"]


def test_what_travels_is_whole_and_within_its_limit(kit: Path) -> None:
    files = [each for each in kit.rglob("*") if each.is_file()]
    assert {"trunk.ts", "features.pt"} <= {each.name for each in files}
    assert 20 << 20 < sum(each.stat().st_size for each in files) < LIMIT_BYTES


def test_with_torch_alone_its_rows_are_measured_and_others_say_what_is_missing(kit: Path) -> None:
    line = [sys.executable, "-m", "bench.gpu", "--kit", "."]
    ran = subprocess.run(
        line, cwd=kit, capture_output=True, text=True, check=False, env={"CUDA_VISIBLE_DEVICES": ""}
    )
    assert ran.returncode == 2
    assert "torch finds no GPU" in ran.stdout


REWRITE = """
import sys
from pathlib import Path
from bench.gpu.residency_table import rewritten
measured = {"batch_8_mib": 700, "batch_8_planned_mib": 640, "batch_32_mib": 1500, "row_seconds": 3.0}
print(rewritten(Path(sys.argv[1]).read_text(), measured, "an L4"))
"""


def test_the_residency_plan_takes_what_was_measured() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", REWRITE, "worker/ingest_worker/gpu/residency.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    plan: dict[str, Any] = {"__name__": "plan"}
    exec(compile(ran.stdout, "plan", "exec"), plan)  # noqa: S102 - our own file
    assert plan["_DIARIZATION_MIB"] == ((8, 700), (32, 1500))
    assert plan["diarization_mib"](32) == 1500 * 1.25
