"""`python -m bench.gpu.child WHAT ...`: what a row does in a process of its own. Prints one line of JSON.

cold DEVICE KIT SECONDS   loading, the first call and the second
full DEVICE KIT SECONDS   the trunk, with smaller batches while the GPU is full
hold MIB                  hold the GPU's memory but this much, until standard input ends
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from bench.gpu.device import MIB, Device
from bench.gpu.trunk import BATCH, Trunk


def cold(device: Device, kit: Path, seconds: int) -> dict[str, Any]:
    """Seconds of each."""
    start = time.perf_counter()
    trunk = Trunk(kit, device, seconds)
    device.wait()
    loaded = time.perf_counter() - start
    first, second = (device.seconds(trunk.once) for _ in range(2))
    return {"load": round(loaded, 3), "first_call": round(first, 3), "second_call": round(second, 3)}


def full(device: Device, kit: Path, seconds: int) -> dict[str, Any]:
    """What was raised, the batch that fitted, and the voices."""
    trunk, batch = Trunk(kit, device, seconds), BATCH
    raised: list[dict[str, str]] = []
    while (voices := tried(trunk, batch, raised)) is None:
        batch //= 2
        torch.cuda.empty_cache()
    return {"raised": raised, "batch": batch, "voices": voices}


def tried(trunk: Trunk, batch: int, raised: list[dict[str, str]]) -> list[list[float]] | None:
    """The voices; None if that batch does not fit. Raises what one block alone raises."""
    try:
        found: list[list[float]] = trunk.once(batch).cpu().tolist()
    except (RuntimeError, MemoryError) as error:
        if batch == 1:
            raise
        raised.append(
            {
                "type": type(error).__name__,
                "text": str(error)[:160],
                "taken_for": taken_for(error),
            }
        )
        return None
    return found


def taken_for(error: Exception) -> str:
    """The worker's reason for it; where the worker cannot be imported, that."""
    try:
        from ingest_worker.memory import classify
    except ImportError as missing:
        return f"the worker is not here: {missing}"
    reason = classify(error)
    return reason.value if reason else "nothing that it knows"


def hold(leave_mib: int) -> None:
    """Until standard input ends."""
    free, _ = torch.cuda.mem_get_info()
    wanted = max(0, free - leave_mib * MIB)
    kept = torch.empty(wanted, dtype=torch.uint8, device="cuda")
    print(kept.numel() // MIB, flush=True)
    sys.stdin.readline()


def main() -> None:
    """By the first argument."""
    what, *rest = sys.argv[1:]
    if what == "hold":
        hold(int(rest[0]))
        return
    work = {"cold": cold, "full": full}[what]
    print(json.dumps(work(Device(rest[0]), Path(rest[1]), int(rest[2]))))


if __name__ == "__main__":
    main()
