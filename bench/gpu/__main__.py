"""Every row that this machine can give: printed, kept in `gpu-table.json`; what it lacks is named.

    python -m bench.gpu [--device cuda|cpu] [--kit FOLDER] [--seconds N] [--rewrite-residency] [ROW ...]

The exit code is 1 if a row failed, and 0 if others were only not to be had.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.gpu.device import Device, NotHere
from bench.gpu.residency_table import rewritten
from bench.gpu.rows import BARE, Bench, Row

KIT, TABLE = Path(".gpu-kit"), Path("gpu-table.json")
BUDGET_SECONDS = 540
"""Rows that would begin later are named as left out: the command stays under ten minutes."""
RESIDENCY = Path("worker/ingest_worker/gpu/residency.py")


def all_rows() -> dict[str, Row]:
    """Those of torch alone first: the others may not be importable."""
    try:
        from bench.gpu.product import WHOLE
    except ImportError:
        return dict(BARE)
    return BARE | WHOLE


def measured(bench: Bench, rows: dict[str, Row]) -> dict[str, dict[str, Any]]:
    """Each row's figures, or why there are none."""
    began, found = time.monotonic(), dict[str, dict[str, Any]]()
    for name, row in rows.items():
        start = time.monotonic()
        if start - began > BUDGET_SECONDS:
            found[name] = {"not_here": "nine minutes were over"}
            continue
        try:
            found[name] = row(bench)
        except NotHere as missing:
            found[name] = {"not_here": str(missing)}
        except Exception as error:  # noqa: BLE001 -- the other rows are worth having
            found[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
        found[name]["row_seconds"] = round(time.monotonic() - start, 1)
        print(line(name, found[name]), flush=True)
    return found


def line(name: str, figures: dict[str, Any]) -> str:
    """A row for people."""
    told = ", ".join(f"{key} {value}" for key, value in figures.items())
    return f"{name:16} {told}"


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--kit", type=Path, default=KIT)
    parser.add_argument("--seconds", type=int, default=300, help="of sound")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--rewrite-residency", action="store_true")
    chosen = parser.parse_args()
    rows = all_rows()
    if unknown := [each for each in chosen.rows if each not in rows]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(rows)}")
    if not chosen.kit.is_dir():
        parser.error(f"{chosen.kit} is missing: `make gpu-kit` makes it")
    try:
        device = Device(chosen.device)
        facts = device.facts()
    except NotHere as missing:
        print(f"nothing can be measured here: {missing}. `--device cpu` tries the command itself.")
        return 2
    print(json.dumps(facts))
    bench = Bench(device, chosen.kit, chosen.seconds)
    found = measured(bench, {name: rows[name] for name in chosen.rows or rows})
    chosen.table.write_text(json.dumps({"machine": facts, "rows": found}, indent=1) + "\n", encoding="utf-8")
    if chosen.rewrite_residency:
        told = rewritten(RESIDENCY.read_text(encoding="utf-8"), found["residency"], facts.get("gpu", "a CPU"))
        RESIDENCY.write_text(told, encoding="utf-8")
    return 1 if any("failed" in each for each in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
