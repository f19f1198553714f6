"""The rows that torch alone can give."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.gpu.device import Device, NotHere, busy
from bench.gpu.trunk import Trunk, likeness, tf32

Figures = dict[str, Any]

RUNS = 10
LEFT_MIB = 32
"""Free memory that may be missing after a process has ended: other programs of the driver come and go."""
NEIGHBOUR_LEAVES_MIB = 700
"""What the neighbour leaves: a context (about 300 MiB), the weights, some blocks, not `BATCH` of them."""


@dataclass(frozen=True)
class Bench:
    """What rows are given."""

    device: Device
    kit: Path
    seconds: int
    """Of sound."""

    def trunk(self) -> Trunk:
        """The network, loaded."""
        return Trunk(self.kit, self.device, self.seconds)


Row = Callable[[Bench], Figures]


def ways(bench: Bench) -> Figures:
    """The trunk: stock, once per window, once. Seconds, and how alike the voices are."""
    trunk = bench.trunk()
    trunk.once()  # warm
    found: dict[str, Any] = {"sound_seconds": bench.seconds}
    results = {}
    for name in ("stock", "once_per_window", "once"):
        seconds, results[name] = bench.device.timed(getattr(trunk, name))
        found[f"{name}_seconds"] = round(seconds, 3)
    found["times_faster"] = round(found["stock_seconds"] / found["once_seconds"], 1)
    found["likeness"] = likeness(results["stock"], results["once"])
    return found


def tf32_trunk(bench: Bench) -> Figures:
    """The trunk in TF32 against full precision: seconds, and what it does to voices."""
    trunk = bench.trunk()
    trunk.once()  # warm
    plain, exact = bench.device.timed(trunk.once)
    with tf32():
        trunk.once()
        quick, rounded = bench.device.timed(trunk.once)
    return {
        "full_seconds": round(plain, 3),
        "tf32_seconds": round(quick, 3),
        "times_faster": round(plain / quick, 2),
        "likeness": likeness(exact, rounded),
        "largest_difference": round(float((exact - rounded).abs().max()), 6),
    }


def cold_and_warm(bench: Bench) -> Figures:
    """Loading, the first call and the second, in a process of its own."""
    return in_process(bench, "cold")


def peaks(bench: Bench) -> Figures:
    """The most memory that the trunk takes, by blocks at once."""
    trunk = bench.trunk()
    return {
        f"{batch}_blocks_mib": bench.device.peak_mib(lambda batch=batch: trunk.once(batch))  # type: ignore[misc]  # the default binds it
        for batch in (1, 2, 5, 10, 21)
    }


def busy_share(bench: Bench) -> Figures:
    """How busy the driver says the GPU is while the trunk runs."""
    bench.device.require_gpu()
    trunk = bench.trunk()
    trunk.once()
    with busy() as seen:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            trunk.once()
            bench.device.wait()
    if seen.percent is None:
        raise NotHere("the driver gave no sample of its utilisation")
    return {"percent": seen.percent, "samples": len(seen.samples)}


def ten_runs(bench: Bench) -> Figures:
    """Free memory before and after each of ten processes that compute: one that ends gives all back."""
    free = [bench.device.free_mib()]
    for _ in range(RUNS):
        in_process(bench, "cold")
        free.append(bench.device.free_mib())
    lost = max(free[0] - each for each in free)
    return {"free_mib": free, "lost_mib": lost, "holds": lost <= LEFT_MIB}


def neighbour(bench: Bench) -> Figures:
    """A full GPU, for real: a second process holds all memory but a little, and the trunk runs beside it.

    What torch raised is written down as it came, and how the worker takes it, where that is here.
    """
    bench.device.require_gpu()
    alone = bench.trunk().once(1).cpu()
    torch.cuda.empty_cache()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.gpu.child", "hold", str(NEIGHBOUR_LEAVES_MIB)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        held = holder.stdout.readline().strip()
        try:
            beside = in_process(bench, "full")
        finally:
            holder.communicate("\n")
    same = likeness(alone, torch.tensor(beside.pop("voices")))
    return {"neighbour_holds_mib": held, **beside, "likeness": same}


def in_process(bench: Bench, what: str) -> Figures:
    """What `bench.gpu.child` gives for it."""
    line = [
        sys.executable,
        "-m",
        "bench.gpu.child",
        what,
        bench.device.name,
        str(bench.kit),
        str(bench.seconds),
    ]
    found = subprocess.run(line, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise NotHere(f"the process for {what!r} ended with {found.returncode}: {found.stderr[-300:]}")
    return dict(json.loads(found.stdout.splitlines()[-1]))


BARE: dict[str, Row] = {
    "ten-runs": ten_runs,
    "cold-and-warm": cold_and_warm,
    "trunk-peaks": peaks,
    "busy": busy_share,
    "trunk-ways": ways,
    "trunk-tf32": tf32_trunk,
    "neighbour": neighbour,
}
