"""The rows that torch alone can give."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu.device import Device, NotHere, busy
from bench.gpu.processes import child
from bench.gpu.trunk import Trunk, likeness, tf32

Figures = dict[str, Any]

RUNS = 10
LEFT_MIB = 32
"""Free memory that may be missing after a process has ended: other programs of the driver come and go."""
NEIGHBOUR_LEAVES_MIB = 150
"""What the neighbour leaves beside what a process with the trunk loaded and run has taken already: some
blocks' worth, far from the 660 MiB that a single activation of 21 blocks takes."""
AT_ONCE = (1, 2, 5, 10, 21)
"""Blocks: 10 and 21 are those of the worker's batches 32 and 64."""


@dataclass(frozen=True)
class Bench:
    """What rows are given."""

    device: Device
    kit: Path
    seconds: int
    """Of sound."""

    def trunk(self, at_once: int = 1) -> Trunk:
        """The network, loaded. Raises `NotHere` if the sound is too short for so many blocks at once."""
        trunk = Trunk(self.kit, self.device, self.seconds)
        if (most := trunk.most_at_once) < at_once:
            raise NotHere(f"{self.seconds} s of sound have {most} blocks alike, and {at_once} are wanted")
        return trunk

    def words(self, what: str) -> tuple[str, ...]:
        """The command of a child that does it on the same device and sound."""
        return what, self.device.name, str(self.kit), str(self.seconds)


Row = Callable[[Bench], Figures]


def ways(bench: Bench) -> Figures:
    """The trunk: stock, once per window, once. Seconds, and how alike the voices are."""
    trunk = bench.trunk()
    found: Figures = {"sound_seconds": bench.seconds}
    results = {}
    for name in ("stock", "once_per_window", "once"):
        seconds, results[name] = bench.device.median(getattr(trunk, name))
        found[f"{name}_seconds"] = round(seconds, 3)
    found["times_faster"] = round(found["stock_seconds"] / found["once_seconds"], 1)
    found["likeness"] = likeness(results["stock"], results["once"])
    return found


def tf32_trunk(bench: Bench) -> Figures:
    """The trunk in TF32 against full precision: seconds, and what it does to voices."""
    trunk = bench.trunk()
    plain, exact = bench.device.median(trunk.once)
    with tf32():
        quick, rounded = bench.device.median(trunk.once)
    return {
        "full_seconds": round(plain, 3),
        "tf32_seconds": round(quick, 3),
        "times_faster": round(plain / quick, 2),
        "likeness": likeness(exact, rounded),
        "largest_difference": round(float((exact - rounded).abs().max()), 6),
    }


def cold_and_warm(bench: Bench) -> Figures:
    """Loading, the first call and the second, in a process of its own."""
    with child(*bench.words("cold")) as process:
        return process.figures()


def context(bench: Bench) -> Figures:
    """What a process with the trunk takes beside torch's own memory: the CUDA context with its libraries'
    code, as the driver's tool sees it from outside. The residency plan has `CONTEXT_MIB` for it."""
    before = bench.device.free_mib()
    with child(*bench.words("loaded")) as process:
        torch_mib = int(json.loads(process.line())["torch_mib"])
        taken = before - bench.device.free_mib()
    return {"taken_mib": taken, "torch_mib": torch_mib, "context_mib": taken - torch_mib}


def peaks(bench: Bench) -> Figures:
    """The most memory that torch takes for the trunk, by blocks at once; the context comes on top."""
    bench.device.require_gpu()
    trunk = bench.trunk(AT_ONCE[-1])
    return {
        f"{blocks}_blocks_mib": bench.device.peak_mib(lambda blocks=blocks: trunk.once(blocks))  # type: ignore[misc]  # the default binds it
        for blocks in AT_ONCE
    }


def busy_share(bench: Bench) -> Figures:
    """How busy the driver says the GPU is while the trunk runs."""
    bench.device.require_gpu()
    trunk = bench.trunk()
    trunk.once()
    with busy(bench.device) as seen:
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
        cold_and_warm(bench)
        free.append(bench.device.free_mib())
    lost = max(free[0] - each for each in free)
    found: Figures = {"free_mib": free, "lost_mib": lost, "holds": lost <= LEFT_MIB}
    if not found["holds"]:
        found["failed"] = f"{lost} MiB did not come back, more than {LEFT_MIB}"
    return found


def neighbour(bench: Bench) -> Figures:
    """A full GPU, for real: beside a process that has loaded and run the trunk, a second takes all memory but
    a little, and then the first runs larger batches.

    What torch raised is written down as it came, and how the worker takes it, where that is here.
    """
    bench.device.require_gpu()
    bench.trunk(AT_ONCE[-1])
    with child(*bench.words("full")) as beside:
        beside.line()
        with child("hold", str(NEIGHBOUR_LEAVES_MIB)) as holder:
            held = json.loads(holder.line())
            if held["held_mib"] <= 0:
                raise RuntimeError(f"the neighbour holds nothing: {held}")
            beside.go_on()
            found = beside.figures()
    if not found["raised"]:
        raise RuntimeError(f"nothing was raised with {held['left_mib']} MiB left: the GPU was not full")
    return {f"neighbour_{name}": mib for name, mib in held.items()} | found


BARE: dict[str, Row] = {
    "ten-runs": ten_runs,
    "cold-and-warm": cold_and_warm,
    "context": context,
    "trunk-peaks": peaks,
    "busy": busy_share,
    "trunk-ways": ways,
    "trunk-tf32": tf32_trunk,
    "neighbour": neighbour,
}
