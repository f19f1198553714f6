"""Every row that this machine can give: printed, kept in `gpu-table.json`; what it lacks is named.

    python -m bench.gpu [--device cuda|cpu] [--kit FOLDER] [--seconds N] [--budget N] [--rewrite-residency]
                        [ROW ...]

The table is written after each row. The exit code is 1 if a row failed, also for want of time, and 0 if
others were only not to be had.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.gpu.device import Device, NotHere
from bench.gpu.processes import within
from bench.gpu.residency_table import rewritten
from bench.gpu.rows import BARE, Bench, Row

KIT, TABLE = Path(".gpu-kit"), Path("gpu-table.json")
BUDGET_SECONDS = 540
"""Of all rows: with the imports, the command stays under ten minutes."""
SOUND_SECONDS = 690
"""Blocks of half a minute, of which 21 are alike: a batch of 64 windows is filled."""
TOLD_LETTERS = 500
"""Of why a row failed."""
Found = dict[str, dict[str, Any]]
RESIDENCY = Path("worker/ingest_worker/gpu/residency.py")


def all_rows() -> dict[str, Row]:
    """Those of torch alone first: the others may not be importable."""
    try:
        from bench.gpu.product import WHOLE
    except ImportError:
        return dict(BARE)
    return BARE | WHOLE


def measured(bench: Bench, rows: dict[str, Row], budget: float, keep: Callable[[Found], None]) -> Found:
    """Each row's figures, or why there are none; no row goes on when the seconds of all are over. `keep` gets
    what there is after each row."""
    until, found = time.monotonic() + budget, Found()
    for name, row in rows.items():
        start = time.monotonic()
        try:
            found[name] = figures(bench, row, until - start)
        except NotHere as missing:
            found[name] = {"not_here": str(missing)}
        except Exception as error:  # noqa: BLE001 -- the other rows are worth having
            found[name] = {"failed": f"{type(error).__name__}: {error}"[:TOLD_LETTERS]}
        found[name]["row_seconds"] = round(time.monotonic() - start, 1)
        print(line(name, found[name]), flush=True)
        keep(found)
    return found


def figures(bench: Bench, row: Row, seconds: float) -> dict[str, Any]:
    """One row's, within that time."""
    if seconds <= 0:
        raise NotHere("the time was over before it began")
    with within(seconds):
        return row(bench)


def line(name: str, figures: dict[str, Any]) -> str:
    """A row for people."""
    told = ", ".join(f"{key} {value}" for key, value in figures.items())
    return f"{name:16} {told}"


def rewrite(measured_here: dict[str, Any], gpu: str) -> bool:
    """Put the row into the residency plan; whether that could be done."""
    try:
        told = rewritten(RESIDENCY.read_text(encoding="utf-8"), measured_here, gpu)
    except ValueError as error:
        print(f"{RESIDENCY}: {error}")
        return False
    RESIDENCY.write_text(told, encoding="utf-8")
    return True


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--kit", type=Path, default=KIT)
    parser.add_argument("--seconds", type=int, default=SOUND_SECONDS, help="of sound")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, help="seconds of all rows")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--rewrite-residency", action="store_true")
    chosen = parser.parse_args()
    rows = all_rows()
    if unknown := [each for each in chosen.rows if each not in rows]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(rows)}")
    wanted = {name: rows[name] for name in chosen.rows or rows}
    if chosen.rewrite_residency and "residency" not in wanted:
        parser.error("--rewrite-residency needs the row residency, and the worker's environment for it")
    if not chosen.kit.is_dir():
        parser.error(f"{chosen.kit} is missing: `make gpu-kit` makes it")
    try:
        device = Device(chosen.device)
    except NotHere as missing:
        print(f"nothing can be measured here: {missing}. `--device cpu` tries the command itself.")
        return 2
    facts = device.facts()
    print(json.dumps(facts))

    def keep(found: Found) -> None:
        table = json.dumps({"machine": facts, "rows": found}, indent=1)
        chosen.table.write_text(table + "\n", encoding="utf-8")

    found = measured(Bench(device, chosen.kit, chosen.seconds), wanted, chosen.budget, keep)
    if chosen.rewrite_residency and not rewrite(found["residency"], facts.get("gpu", "a CPU")):
        return 1
    return 1 if any("failed" in each for each in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
