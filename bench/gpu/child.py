"""`python -m bench.gpu.child WHAT ...`: what a row does in a process of its own. Prints JSON, by the line.

cold DEVICE KIT SECONDS     loading, the first call and the second
loaded DEVICE KIT SECONDS   the trunk after one block at a time: what torch holds, kept until standard input
                            ends
full DEVICE KIT SECONDS     the same; at a line of standard input the trunk again, with smaller batches while
                            the GPU is full
hold MIB                    hold the GPU's memory but this much, until standard input ends
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.gpu.device import MIB, Device
from bench.gpu.trunk import BATCH, Trunk, likeness

PIECE_MIB, ROUNDED_MIB = 1024, 32
"""Memory is held in such pieces; torch rounds small ones up, to 20 MiB at most."""
TOLD_LETTERS = 300


def cold(device: Device, kit: Path, seconds: int) -> None:
    """Tell the seconds of each."""
    start = time.perf_counter()
    trunk = Trunk(kit, device, seconds)
    device.wait()
    loaded = time.perf_counter() - start
    first, second = (device.seconds(trunk.once) for _ in range(2))
    say({"load": round(loaded, 3), "first_call": round(first, 3), "second_call": round(second, 3)})


def loaded(device: Device, kit: Path, seconds: int) -> None:
    """Tell what torch holds when the trunk has run, and keep it."""
    trunk = Trunk(kit, device, seconds)
    trunk.once(1)
    device.wait()
    say({"torch_mib": reserved_mib(device)})
    sys.stdin.read()


def full(device: Device, kit: Path, seconds: int) -> None:
    """Tell what torch holds when one block at a time has run; then what is raised, the batch that fits, and
    how alike the voices are. What one block needs is reserved before, so that one always fits."""
    trunk = Trunk(kit, device, seconds)
    alone = trunk.once(1).cpu()
    device.wait()
    say({"torch_mib": reserved_mib(device)})
    sys.stdin.readline()
    batch, raised = min(BATCH, trunk.most_at_once), list[dict[str, str]]()
    while (voices := tried(trunk, batch, raised)) is None:
        batch //= 2
        torch.cuda.empty_cache()
    say({"raised": raised, "batch": batch, "likeness": likeness(alone, voices)})


def tried(trunk: Trunk, batch: int, raised: list[dict[str, str]]) -> torch.Tensor | None:
    """The voices; None if that batch does not fit. Raises what one block alone raises."""
    try:
        return trunk.once(batch).cpu()
    except (RuntimeError, MemoryError) as error:
        if batch == 1:
            raise
        raised.append(
            {
                "type": type(error).__name__,
                # TorchScript puts its own traceback before it
                "text": str(error).rpartition("RuntimeError: ")[2].strip()[:TOLD_LETTERS],
                "taken_for": taken_for(error),
            }
        )
        return None


def taken_for(error: Exception) -> str:
    """The worker's reason for it; where the worker cannot be imported, that."""
    try:
        from ingest_worker.memory import classify
    except ImportError as missing:
        return f"the worker is not here: {missing}"
    reason = classify(error)
    return reason.value if reason else "nothing that it knows"


def reserved_mib(device: Device) -> int:
    """What torch's allocator has of the GPU; on a CPU it has nothing."""
    return torch.cuda.memory_reserved() // MIB if device.is_gpu else 0


def hold(leave_mib: int) -> None:
    """Tell how much is held and how much is left; until standard input ends."""
    kept = list[torch.Tensor]()
    while (spare := torch.cuda.mem_get_info()[0] // MIB - leave_mib) > ROUNDED_MIB:
        kept.append(torch.empty(min(spare, PIECE_MIB) * MIB, dtype=torch.uint8, device="cuda"))
    left = torch.cuda.mem_get_info()[0] // MIB
    say({"held_mib": sum(each.numel() for each in kept) // MIB, "left_mib": left})
    sys.stdin.read()


def say(figures: dict[str, Any]) -> None:
    """A line for the row."""
    print(json.dumps(figures), flush=True)


WORK: dict[str, Callable[[Device, Path, int], None]] = {"cold": cold, "loaded": loaded, "full": full}


def main() -> None:
    """By the first argument."""
    what, *rest = sys.argv[1:]
    if what == "hold":
        hold(int(rest[0]))
        return
    WORK[what](Device(rest[0]), Path(rest[1]), int(rest[2]))


if __name__ == "__main__":
    main()
