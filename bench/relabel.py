"""What it costs to bring another threshold, or another text model, to a thousand recordings, beside what
hearing them again would cost.

One recording is heard by the demo's models on this machine's CPU. What was heard of it is laid down a
thousand times in SQL, as artifacts of a thousand recordings, and batches of the store do a hundred of them
again: once by another threshold, once with other passages, which costs what another text model does. Seconds
are those of the processes, and of the batch on the wall with its plan, with `parallelism` 2.

    python -m bench.relabel [--again] [ROW ...]
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from bench.batches import ROOT
from bench.rows import Figures, rows_main
from ingest_worker.store.connect import connect
from ingest_worker.store.embedded import embedded
from scripts.environment import cache_folder
from testkit.models.demo_set import models
from testkit.speech import catalogue

RECORDINGS: Final = 1000
DONE: Final = 100
"""Of them, in each row."""
PARALLELISM: Final = 2
_API: Final = "video-ingest.dev/v1alpha1"

_COPIES: Final = """
with heard as (
  select r.* from ingest.recording v join ingest.run r on r.id = v.current_run
   where v.id not like 'bench:%%' limit 1
), made as (
  insert into ingest.recording (id, url, title, duration_seconds)
  select 'bench:' || i, 'https://media.example/' || i, 'Talk ' || i, h.media_seconds
    from (select media_seconds from heard) h, generate_series(1, %(recordings)s) i
  on conflict do nothing returning id
), runs as (
  insert into ingest.run (id, recording, batch, trace_id, number, pipeline_hash, started_at, finished_at,
                          seconds, media_seconds, language, models, figures,
                          transcribe_hash, diarize_hash, voices)
  select gen_random_uuid(), m.id, h.batch, h.trace_id, 1, h.pipeline_hash, now(), now(), h.seconds,
         h.media_seconds, h.language, h.models, h.figures, h.transcribe_hash, h.diarize_hash, h.voices
    from made m, heard h returning id, recording
)
insert into ingest.artifact (recording, stage, stage_hash, format, content)
select r.recording, a.stage, a.stage_hash, a.format, a.content
  from runs r, heard h join ingest.artifact a on a.recording = h.recording
"""
_CURRENT: Final = """
update ingest.recording v set current_run = r.id from ingest.run r
 where r.recording = v.id and v.current_run is null and r.superseded_at is null
"""


@cache
def home() -> Path:
    """Where everything is; an interrupted bench goes on there."""
    folder = cache_folder() / "bench-relabel"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def heard() -> Figures:
    """One recording, with everything."""
    shutil.rmtree(home())
    home.cache_clear()
    media = home() / "dialogue.wav"
    shutil.copyfile(catalogue.recordings()["dialogue"].path, media)
    _ran("heard", {"sources": [{"url": media.as_uri()}], "transcription": {"language": "en"}}, {})
    (receipt,) = _receipts("heard", "Ingest")
    with embedded(home() / "postgres") as dsn, connect(dsn, application="bench") as connection:
        connection.execute(_COPIES.encode(), {"recordings": RECORDINGS})
        connection.execute(_CURRENT.encode())
    return {"recordings": 1, "media seconds": receipt["mediaSeconds"], "each": receipt["seconds"]}


def done_again(name: str, changed: dict[str, Any]) -> Figures:
    """Some recordings of the store, by a changed profile."""
    spec = {
        "sources": [{"store": {}}],
        "reprocess": "IfPipelineChanged",
        "parallelism": PARALLELISM,
        "select": {"titles": ["Talk *"], "limit": DONE},
    }
    began = time.monotonic()
    _ran(name, spec, changed)
    seconds = [each["seconds"] for each in _receipts(name, "Ingest")]
    return {
        "recordings": len(seconds),
        "wall": round(time.monotonic() - began, 1),
        "each": round(statistics.mean(seconds), 3),
    }


def _ran(name: str, spec: dict[str, Any], changed: dict[str, Any]) -> None:
    documents = yaml.safe_load_all((ROOT / "demo" / "batch.yaml").read_text())
    (profile,) = [document for document in documents if document["kind"] == "IngestProfile"]
    profile["spec"]["fetch"]["allow"]["folders"] = [str(home())]
    profile["spec"] |= changed
    batch = {
        "apiVersion": _API,
        "kind": "IngestBatch",
        "metadata": {"name": name},
        "spec": {"profileRef": profile["metadata"], **spec},
    }
    path = home() / f"{name}.yaml"
    path.write_text(yaml.dump_all([batch, profile]))
    environment = os.environ | {"INGEST_HOME": str(home()), "INGEST_MODELS": str(models())}
    command = [sys.executable, "-m", "ingestctl", "run", str(path), "--output", "json"]
    subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd=ROOT)


def _receipts(name: str, kind: str) -> list[dict[str, Any]]:
    folder = home() / "batches" / "default" / name / "runs"
    return [
        json.loads((each.parent / "receipt.json").read_text())
        for each in sorted(folder.glob("*/order.json"))
        if json.loads(each.read_text())["kind"] == kind
    ]


ROWS: Final = {
    "heard": heard,
    "another threshold": lambda: done_again("threshold", {"identification": {"threshold": "0.55"}}),
    "other passages": lambda: done_again("passages", {"segmentation": {"maxSeconds": 30}}),
}


def table(rows: dict[str, Figures]) -> str:
    """Seconds of each, beside hearing."""
    lines = [
        "| | recordings | s of each process | s on the wall for each | hearing costs |",
        "|---" * 5 + "|",
    ]
    hearing = rows.get("heard", {}).get("each", 0.0)
    for name, row in rows.items():
        wall = f"{row['wall'] / row['recordings']:.2f}" if "wall" in row else ""
        times = f"{hearing / row['each']:.0f} x" if name != "heard" else ""
        lines.append(f"| {name} | {row['recordings']:,} | {row['each']:.2f} | {wall} | {times} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("relabel", __doc__, ROWS, table))
