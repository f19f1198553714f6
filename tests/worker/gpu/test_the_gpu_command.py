"""`make test-gpu` on a CPU: it runs what it can, names what it cannot have, and keeps the table.

The command is run as people run it; nothing here is a figure of a GPU."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.models, pytest.mark.slow]

LIMIT_BYTES = 64 << 20


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


def test_what_travels_is_whole_and_within_its_limit(kit: Path) -> None:
    files = [each for each in kit.rglob("*") if each.is_file()]
    assert {"trunk.ts", "features.pt"} <= {each.name for each in files}
    assert 20 << 20 < sum(each.stat().st_size for each in files) < LIMIT_BYTES


def test_what_travelled_says_where_there_is_no_gpu(kit: Path) -> None:
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
measured = {"batch_8_mib": 700, "batch_8_planned_mib": 640, "batch_16_mib": 900, "batch_32_mib": 1500,
    "batch_64_mib": 2500, "batch_128_mib": 5000, "row_seconds": 3.0}
source = Path(sys.argv[1]).read_text()
for missing in sys.argv[2:]:
    try:
        del measured[missing]
        rewritten(source, measured, "an L4")
    except ValueError as error:
        print(error)
        sys.exit(3)
print(rewritten(source, measured, "an L4"))
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
    assert plan["_DIARIZATION_MIB"] == ((8, 700), (16, 900), (32, 1500), (64, 2500), (128, 5000))
    assert plan["diarization_mib"](32) == 1500 * 1.25


def test_the_residency_plan_stays_where_a_batch_of_it_was_not_measured() -> None:
    line = [sys.executable, "-c", REWRITE, "worker/ingest_worker/gpu/residency.py", "batch_128_mib"]
    ran = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (
        3,
        "not measured, so the plan stays as it is: batches [128]",
    )
