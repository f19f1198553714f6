"""What naming people costs each video: 20 voices of three recordings each, and ten videos of half a minute.

`each worker hears them` is what every pod did that named anybody: fetch, decode and hear sixty recordings,
here in one process with the model loaded, in processor seconds of the networks alone. `each worker reads
them` is what every run does now. `heard once` is a batch of the ten videos with the same voices, enrolled
before it; `another batch` is one of ten other videos with the same voices, in the same store. Voices are made
from the test kit's, faster and slower: what they cost counts here, not who they are.

    python -m bench.enrolment [--again] [ROW ...]
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from bench.batches import ROOT
from bench.rows import Figures, rows_main
from scripts.environment import cache_folder
from testkit.models.demo_set import models
from testkit.speech import audio, catalogue

VOICES: Final = 20
RECORDINGS: Final = 3
VIDEOS: Final = 10
RECORDING_SECONDS: Final = 12
VIDEO_SECONDS: Final = 30
ROW_SECONDS: Final = 300
"""After this a row tells the mean of what it has heard, times sixty; begun again, it hears more."""
_BASES: Final = ("voice-joe", "voice-ken", "voice-mina", "two_cities")
_SPEEDS: Final = (0.85, 0.93, 1.0, 1.08, 1.16)
_API: Final = "video-ingest.dev/v1alpha1"


@cache
def home() -> Path:
    """Where everything is; an interrupted bench goes on there."""
    folder = cache_folder() / "bench-enrolment"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def voices() -> dict[str, list[Path]]:
    """Name to recordings."""
    made: dict[str, list[Path]] = {}
    for base in _BASES:
        clip = audio.read(catalogue.recordings()[base].path)
        for speed in _SPEEDS:
            name = f"v{len(made):02d}"
            said = audio.resampled(clip, round(audio.RATE * speed))
            made[name] = [_written(f"{name}-{k}", _slice(said, k)) for k in range(RECORDINGS)]
    assert len(made) == VOICES
    return made


def _slice(said: audio.Samples, number: int) -> audio.Samples:
    length = min(len(said), RECORDING_SECONDS * audio.RATE)
    first = (len(said) - length) * number // max(1, RECORDINGS - 1)
    return said[first : first + length]


def videos(first: int) -> list[Path]:
    """Ten stretches of the dialogue."""
    said = audio.read(catalogue.recordings()["dialogue"].path)
    length = VIDEO_SECONDS * audio.RATE
    step = (len(said) - length) // (2 * VIDEOS)
    starts = [(first + number) * step for number in range(VIDEOS)]
    return [_written(f"video-{start}", said[start : start + length]) for start in starts]


def _written(name: str, samples: audio.Samples) -> Path:
    path = home() / "media" / f"{name}.wav"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        audio.write(path, samples)
    return path


def each_worker() -> Figures:
    """Sixty recordings in one process, as every pod did."""
    from ingest_contract.order import Item, SpeakerCount
    from ingest_contract.profile import AllowedSources, FetchProfile
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from ingest_worker.tools import media_for

    fetch = FetchProfile(allow=AllowedSources(folders=(str(home() / "media"),)))
    ear = PyannoteDiarizer(models() / "demo" / "community-1", device="cpu", batch=32)
    fetcher, decoder = media_for(fetch, (), lambda _: None)
    scratch, kept = home() / "scratch", home() / "each.json"
    seconds: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    until = time.monotonic() + ROW_SECONDS
    for path in _all_recordings():
        if path.stem in seconds or time.monotonic() > until:
            continue
        media = fetcher.fetch(Item(index=0, id=f"voice:{path.stem}", url=str(path)), scratch, lambda _: None)
        audio, began = decoder.decode(media, scratch, lambda _: None), time.process_time()
        ear.diarize(audio, SpeakerCount(), lambda _: None)
        seconds[path.stem] = round(time.process_time() - began, 2)
        kept.write_text(json.dumps(seconds))
    read = sum(path.stat().st_size for path in _all_recordings())
    total = round(statistics.mean(seconds.values()) * VOICES * RECORDINGS, 1)
    return {
        "measured": len(seconds),
        "heard": 60,
        "bytes": read,
        "identify": [total],
        "bytes per video": read,
    }


def each_reads() -> Figures:
    """Vectors of sixty recordings read from a real store, and ten speakers compared with them, as every run
    does now."""
    import tempfile

    import numpy as np

    from ingest_contract.profile import IdentificationProfile
    from ingest_contract.voices import WantedVoice
    from ingest_worker.domain import Diarization, Turn
    from ingest_worker.identification.identify import identify
    from ingest_worker.store import enrolment
    from ingest_worker.store.claims import claim
    from ingest_worker.store.connect import connect
    from ingest_worker.store.embedded import embedded
    from ingest_worker.store.schema import migrate

    random = np.random.default_rng(0)
    rows = {
        name: [(str(path), random.standard_normal(256).astype(np.float32)) for path in paths]
        for name, paths in voices().items()
    }
    wanted = [
        WantedVoice(name=name, sources=tuple(source for source, _ in each)) for name, each in rows.items()
    ]
    turns = tuple(Turn(20.0 * speaker, 20.0 * speaker + 20, speaker) for speaker in range(10))
    said = Diarization(turns, (), random.standard_normal((10, 256)).astype(np.float32))
    taken = []
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder) / "postgres") as dsn:
        migrate(dsn)
        with connect(dsn, application="bench") as connection:
            for name, each in rows.items():
                held = claim(connection, f"voice:default/{name}", "bench")
                heard = [enrolment.HeardSource(source, "", vector, 12.0) for source, vector in each]
                enrolment.keep(connection, held, ("default", name, "m"), heard, [row.source for row in heard])
        for _ in range(VIDEOS):
            began = time.monotonic()
            with connect(dsn, application="bench") as connection:
                known = enrolment.voices(connection, "default", "m", wanted)
            identify(said, known, IdentificationProfile())
            taken.append(round(time.monotonic() - began, 3))
    return {"heard": 0, "bytes": 0, "identify": taken, "bytes per video": 0}


def _all_recordings() -> Iterator[Path]:
    for recordings in voices().values():
        yield from recordings


def a_batch(name: str, first: int) -> Figures:
    """A batch with every voice: what its enrolments and its videos took."""
    environment = os.environ | {"INGEST_HOME": str(home()), "INGEST_MODELS": str(models())}
    command = [sys.executable, "-m", "ingestctl", "run", str(_batch(name, first)), "--output", "json"]
    subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    folder = home() / "batches" / "default" / name
    enrolled = [json.loads(path.read_text()) for path in sorted(folder.glob("voices/*/receipt.json"))]
    heard = [
        source for receipt in enrolled for source in receipt["enrolled"]["sources"] if source.get("heard")
    ]
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/receipt.json"))]
    named = [receipt["stages"]["identify"]["seconds"] for receipt in runs if "identify" in receipt["stages"]]
    return {
        "processes": len(enrolled),
        "heard": len(heard),
        "bytes": sum(receipt["enrolled"].get("bytesRead", 0) for receipt in enrolled),
        "enrolling": round(sum(receipt["seconds"] for receipt in enrolled), 1),
        "identify": named,
        "bytes per video": 0,
    }


def _batch(name: str, first: int) -> Path:
    profile = yaml.safe_load_all((ROOT / "demo" / "batch.yaml").read_text())
    (shared,) = [document for document in profile if document["kind"] == "IngestProfile"]
    shared["spec"]["fetch"]["allow"]["folders"] = [str(home() / "media")]
    batch: dict[str, Any] = {
        "profileRef": shared["metadata"],
        "sources": [{"url": path.as_uri()} for path in videos(first)],
        "transcription": {"language": "en"},
    }
    documents = [_document("IngestBatch", name, batch), shared]
    for voice, paths in voices().items():
        spec = {"profileRef": shared["metadata"], "recordings": [{"url": path.as_uri()} for path in paths]}
        documents.append(_document("SpeakerProfile", voice, spec))
    path = home() / f"{name}.yaml"
    path.write_text(yaml.dump_all(documents))
    return path


def _document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name}, "spec": spec}


ROWS: Final = {
    "each worker hears them": each_worker,
    "each worker reads them": each_reads,
    "heard once": lambda: a_batch("first", 0),
    "another batch": lambda: a_batch("second", VIDEOS),
}


def table(rows: dict[str, Figures]) -> str:
    """Per video: seconds of identification, and bytes of voices read for it."""
    lines = [
        "| | enrolment processes | recordings heard | MB read | identification, s per video | MB per video |",
        "|---" * 6 + "|",
    ]
    for name, row in rows.items():
        identify = f"{statistics.median(row['identify']):.2f}"
        mb = [f"{row[each] / 1e6:.1f}" for each in ("bytes", "bytes per video")]
        lines.append(
            f"| {name} | {row.get('processes', '-')} | {row['heard']} | {mb[0]} | {identify} | {mb[1]} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("enrolment", __doc__, ROWS, table))
