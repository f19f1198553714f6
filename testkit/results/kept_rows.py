"""The result of a long run, kept in the tree row by row as it comes in, so that an interrupted run goes on
where it was."""

import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from testkit.results.machine import machine

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"
OPERATOR = ("crds/ingest_contract", "operator/ingest_operator")

Row = dict[str, Any]


def version_of(*paths: str) -> str:
    """Changes whenever what stands in these files and folders does."""
    digest = sha256()
    for path in (ROOT / each for each in paths):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class KeptRows:
    """One result file. Rows of another version of what was run are forgotten."""

    def __init__(self, name: str, version: str, order: Callable[[Row], Any], *, again: bool) -> None:
        self.path, self._order = RESULTS / f"{name}.json", order
        found = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() and not again else {}
        if found.get("version") != version:
            found = {"version": version, "machine": machine(), "rows": []}
        self.rows: list[Row] = found.pop("rows")
        self.facts: dict[str, Any] = found

    def take(self, coming: Iterable[Row], count: int, tell: Callable[[Row], str]) -> None:
        """Keep each row as it comes, and say so."""
        for number, row in enumerate(coming, 1):
            self.rows = sorted([*self.rows, row], key=self._order)
            self._write()
            print(f"{number}/{count} {tell(row)}", flush=True)

    def _write(self) -> None:
        facts = json.dumps(self.facts, indent=1).removesuffix("\n}")
        rows = ",\n  ".join(json.dumps(row) for row in self.rows)
        self.path.write_text(f'{facts},\n "rows": [\n  {rows}\n ]\n}}\n', encoding="utf-8")
