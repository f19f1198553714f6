"""How right the result is, against recordings whose words and turns are known: what `docs/accuracy.md` says
and the tests hold to. `testkit/speech/accuracy.py` says how it is counted.

    python -m bench.accuracy
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.batches import keep, run_batch
from ingest_worker.store.connect import connect
from ingest_worker.store.embedded import embedded
from ingest_worker.store.reads import transcript
from testkit.media import packing
from testkit.media.server import serving
from testkit.results.machine import machine
from testkit.speech import catalogue
from testkit.speech.accuracy import Accuracy, accuracy

FILES: Final = {"call.webm": "sample", "talk.mp4": "dialogue"}
"""Media file -> the recording in it."""


def measured(home: Path) -> dict[str, Accuracy]:
    """Ingest the recordings and read them back from the store."""
    with serving(packing.folder()) as base:
        status = run_batch(home, [f"{base}/{file}" for file in FILES])
    plan = json.loads((home / "batches" / "default" / "demo" / "plan-0.json").read_text())["document"][
        "items"
    ]
    names = {item["id"]: item["url"].rsplit("/", 1)[-1] for item in plan}
    found: dict[str, Accuracy] = {}
    with embedded(home / "postgres") as dsn, connect(dsn, application="bench") as connection:
        for row in status["recordings"]:
            stored = transcript(connection, row["id"])
            assert stored is not None
            found[names[row["id"]]] = accuracy(catalogue.recordings()[FILES[names[row["id"]]]], stored)
    return found


def main() -> int:
    """Measure, keep, print."""
    with tempfile.TemporaryDirectory(prefix="ingest-accuracy-") as home:
        rows = {name: asdict(figures) for name, figures in measured(Path(home)).items()}
    keep("accuracy", {"machine": machine(), "models": "demo", "rows": rows})
    columns = tuple(next(iter(rows.values())))
    print(f"| recording | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|", sep="\n")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
