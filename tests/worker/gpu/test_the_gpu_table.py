"""How the command of `make test-gpu` tells what it found, with a network that is an average: exit codes, the
table after each row, the time that rows have, and what a GPU's rows do where nothing is a GPU's.

Scripts of one process each; nothing here needs a model or is a figure of a GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

KIT = """
import sys
from pathlib import Path
import torch

class Average(torch.nn.Module):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool1d(batch.transpose(1, 2), 8, ceil_mode=True)[:, None]

folder = Path(sys.argv[1])
torch.jit.script(Average()).save(str(folder / "trunk.ts"))
torch.save(torch.rand(3000, 4), folder / "features.pt")
"""

COMMAND = """
import json, sys, threading
from pathlib import Path
from bench.gpu import __main__ as command, rows
from bench.gpu.device import Device, NotHere

def cheap(bench): return {"figure": 1}
def lacking(bench): raise NotHere("no such card")
def crashing(bench):
    with rows.child("cold", "cpu", "/no/kit", "1") as process:
        return process.figures()
def lossy(bench):
    free = iter(range(1000, 0, -50))
    Device.free_mib = lambda self: next(free)
    rows.cold_and_warm = lambda bench: {}
    return rows.ten_runs(bench)
def reading(bench): return {"there": sorted(json.loads(Path("gpu-table.json").read_text())["rows"])}
def waiting(bench): threading.Event().wait()
def child_waiting(bench):
    with rows.child("loaded", "cpu", sys.argv[1], "30") as process:
        process.line()
        process.line()

ROWS = {name: row for name, row in globals().items() if callable(row) and name.islower()}
command.all_rows = lambda: ROWS
def run(*words):
    sys.argv[1:] = ["--device", "cpu", "--kit", kit, *words]
    return command.main(), json.loads(Path("gpu-table.json").read_text())["rows"]
kit = sys.argv[1]
told = [run("cheap", "lacking", "reading"), run("crashing"), run("lossy"),
        run("--budget", "0.2", "waiting", "cheap"), run("--budget", "1", "child_waiting")]
print(json.dumps(told))
"""


def last_line(source: str, *words: str, cwd: Path, **env: str) -> Any:
    """What a script prints last, as JSON."""
    surroundings = os.environ | {"PYTHONPATH": str(Path.cwd())} | env
    script = cwd / "script.py"  # a file, because TorchScript reads its classes' source
    script.write_text(source)
    line = [sys.executable, str(script), *words]
    ran = subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False, env=surroundings)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.splitlines()[-1]) if ran.stdout else None


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("average")
    last_line(KIT, str(folder), cwd=folder)
    return folder


def test_what_failed_is_no_success_and_what_was_found_is_kept(kit: Path) -> None:
    told = last_line(COMMAND, str(kit), cwd=kit)
    (fine, rows), (crashed, crash), (lost, loss), (late, cut), (hung, hanging) = told
    assert (fine, crashed, lost, late, hung) == (0, 1, 1, 1, 1)
    assert rows["lacking"]["not_here"] == "no such card"
    assert rows["reading"]["there"] == ["cheap", "lacking"]
    assert "the process for 'cold' ended with 1" in crash["crashing"]["failed"]
    assert "/no/kit" in crash["crashing"]["failed"]
    assert "500 MiB did not come back" in loss["lossy"]["failed"]
    assert loss["lossy"]["holds"] is False
    assert cut["waiting"]["failed"].startswith("TimeoutError")
    assert "over before it began" in cut["cheap"]["not_here"]
    assert hanging["child_waiting"]["failed"].startswith("TimeoutError")


BARE = """
import json, runpy, sys
from pathlib import Path
for name in ("pyannote", "lightning", "faster_whisper", "ctranslate2", "pydantic", "testkit"):
    sys.modules[name] = None
sys.argv[1:] = ["--device", "cpu", "--kit", ".", "--seconds", "61"]
try:
    runpy.run_module("bench.gpu", run_name="__main__")
except SystemExit as end:
    print(json.dumps([end.code, json.loads(Path("gpu-table.json").read_text())["rows"]]))
"""
ONLY_ON_A_GPU = {"ten-runs", "context", "trunk-peaks", "busy", "neighbour"}
MEASURED_ANYWHERE = {"cold-and-warm", "trunk-ways", "trunk-tf32"}


def test_with_torch_alone_its_rows_are_measured_and_others_say_what_is_missing(kit: Path) -> None:
    code, rows = last_line(BARE, cwd=kit)
    lacking = {name: row["not_here"] for name, row in rows.items() if "not_here" in row}
    assert code == 0
    assert {name for name, why in lacking.items() if "a CPU" in why} == ONLY_ON_A_GPU | {"tests"}
    assert lacking["diarization"] == "pyannote is not installed"
    assert rows.keys() - lacking.keys() == MEASURED_ANYWHERE
    assert rows["trunk-ways"]["likeness"] > 0.99
    assert rows["trunk-tf32"]["largest_difference"] == 0.0


GPU = """
import json, sys
from types import SimpleNamespace
import torch
from bench.gpu.device import Device, NotHere

torch.cuda.is_available = lambda: True
torch.cuda.get_device_properties = lambda _: SimpleNamespace(
    name="a card", major=9, minor=0, total_memory=1 << 37, uuid="0a1b")
flags = torch.backends.cuda.matmul, torch.backends.cudnn
for each in flags:
    each.allow_tf32 = True
device = Device("cuda")
off = [each.allow_tf32 for each in flags]
from bench.gpu.trunk import tf32
with tf32():
    on = [each.allow_tf32 for each in flags]
def told(what):
    try:
        return device.number(what)
    except NotHere as missing:
        return str(missing)
print(json.dumps([off, on, [each.allow_tf32 for each in flags], device.facts(), told("memory.free"),
    told("utilization.gpu")]))
"""
TOOL = """#!/bin/sh
case "$1 $2" in
"--id=GPU-0a1b --query-gpu=driver_version") echo 570.1 ;;
"--id=GPU-0a1b --query-gpu=memory.free") echo 1234 ;;
*) echo "[N/A]" ;;
esac
"""


def test_tf32_is_off_on_a_gpu_but_where_a_row_has_it_and_the_driver_is_asked_for_torchs_own(
    tmp_path: Path,
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    off, on, after, facts, free, busy = last_line(GPU, cwd=tmp_path, PATH=f"{tmp_path}:/bin")
    assert (off, on, after) == ([False] * 2, [True] * 2, [False] * 2)
    assert (facts["driver"], free) == ("570.1", 1234)
    assert "[N/A]" in busy


def test_without_the_drivers_tool_only_what_it_tells_is_missing(tmp_path: Path) -> None:
    *_, facts, free, _ = last_line(GPU, cwd=tmp_path, PATH=str(tmp_path))
    assert facts["gpu"] == "a card"
    assert facts["driver"] == "not told: there is no nvidia-smi"
    assert free == "there is no nvidia-smi"


TRACED = """
import json
import torch
from bench.gpu.kit import traced

class Resnet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)
        self.down = torch.nn.Sequential(torch.nn.Conv2d(2, 2, 1), torch.nn.BatchNorm2d(2))
    def forward_frames(self, batch):
        return self.down(self.conv(batch.transpose(1, 2)[:, None]))

net = Resnet().eval()
batch = torch.rand(2, 40, 4)
with torch.inference_mode():
    told = net.forward_frames(batch)
made = traced(net, 4)
graph = str(made.inlined_graph)
print(json.dumps([graph.count("aten::conv2d"), graph.count("aten::_convolution"),
    torch.equal(made(batch), told)]))
"""


def test_the_trunk_that_travels_does_not_carry_the_precision_of_where_it_was_made(tmp_path: Path) -> None:
    assert last_line(TRACED, cwd=tmp_path) == [2, 0, True]


FULL = """
import json, sys
from contextlib import contextmanager
from pathlib import Path
import torch
from bench.gpu import child, rows, trunk
from bench.gpu.device import Device, NotHere

kit = Path(sys.argv[1])
device = Device("cpu")
sizes = {seconds: trunk.Trunk(kit, device, seconds).most_at_once for seconds in (300, 690)}

with rows.child("full", "cpu", str(kit), "690") as real:
    real.line()
    real.go_on()
    fitting = real.figures()

def frames(self, batch, inner=trunk.Trunk.frames):
    if len(batch) > 5:
        raise RuntimeError("The following operation failed.\\nRuntimeError: CUDA out of memory. Tried")
    return inner(self, batch)
whole = trunk.Trunk(kit, device, 690)
trunk.Trunk.frames = frames
raised = []
tries = [child.tried(whole, batch, raised) is not None for batch in (21, 10, 5)]

steps = []
def neighbour(raised, held):
    class Played:
        def __init__(self, what): self.what = what
        def line(self): steps.append(self.what); return json.dumps({"held_mib": held, "left_mib": 150})
        def go_on(self): steps.append("go on")
        def figures(self): return {"raised": raised, "batch": 5}
    @contextmanager
    def played(what, *_): yield Played(what)
    rows.child = played
    device.require_gpu = lambda: None
    try:
        return rows.neighbour(rows.Bench(device, kit, 690))
    except RuntimeError as error:
        return str(error)
found = [neighbour([{}], 9000), neighbour([{}], 0), neighbour([], 9000)]

def peaks(seconds):
    device.peak_mib = lambda work: work() is None
    try:
        return sorted(rows.peaks(rows.Bench(device, kit, seconds)))
    except NotHere as missing:
        return str(missing)
trunk.Trunk.frames = lambda self, batch: torch.zeros(len(batch), 1, batch.shape[1] // 8 + 1)
print(json.dumps([sizes, fitting, tries, raised, found, steps[:3], peaks(300), len(peaks(690))]))
"""


def test_a_batch_is_what_it_says_and_a_full_gpu_is_full(kit: Path) -> None:
    sizes, fitting, tries, raised, found, steps, short, enough = last_line(FULL, str(kit), cwd=kit)
    assert sizes == {"300": 8, "690": 21}
    assert (fitting["batch"], fitting["raised"], fitting["likeness"]) == (21, [], 1.0)
    assert tries == [False, False, True]
    assert [each["text"] for each in raised] == ["CUDA out of memory. Tried"] * 2
    assert [each["taken_for"] for each in raised] == ["GpuOutOfMemory"] * 2
    assert steps == ["full", "hold", "go on"]
    assert found[0]["neighbour_held_mib"] == 9000
    assert "holds nothing" in found[1]
    assert "not full" in found[2]
    assert short == "300 s of sound have 8 blocks alike, and 21 are wanted"
    assert enough == 5


WHOLE = """
import json, subprocess, sys
from types import SimpleNamespace
from bench.gpu import product, residency_table
from ingest_worker.engines.trunk import Trunk

blocks = SimpleNamespace(_block=3000, _context=112)
blocks._bounds = lambda start, total: Trunk._bounds(blocks, start, total)
filled = [(batch // 3, product.most_alike(blocks, 16000 * product.filled_seconds(batch)))
          for batch in product.CEILINGS]
product.subprocess.run = lambda *_, **__: SimpleNamespace(returncode=1, stdout="1 failed", stderr="")
bench = SimpleNamespace(device=SimpleNamespace(require_gpu=lambda: None))
try:
    failed = product.marked_tests(bench)
except RuntimeError as error:
    failed = str(error)
print(json.dumps([filled, failed]))
"""


def test_the_plans_batches_are_filled_and_a_failed_test_is_no_figure(tmp_path: Path) -> None:
    filled, failed = last_line(WHOLE, cwd=tmp_path)
    assert [wanted <= alike for wanted, alike in filled] == [True] * 5
    assert failed == "pytest ended with 1: 1 failed"
