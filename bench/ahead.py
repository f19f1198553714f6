"""Two recordings of an hour over a link of two megabytes a second: fetched ahead, fetched by the ingest runs
themselves, and beside both the same files on the disk.

Each row is one batch by `ingestctl run`, with the demo's models, one recording at a time. A row's name begins
with the minutes of a recording; three or ten minutes show the same in a small part of the time.

    python -m bench.ahead [--again] [ROW ...]
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from typing_extensions import override

from bench.batches import ROOT, run_batch
from bench.rows import Figures, rows_main
from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.audio.flac import pack, unpack
from ingest_worker.domain import Media
from testkit.cache import key, once
from testkit.media import server
from testkit.speech import audio, catalogue, dialogue

BYTES_PER_SECOND: Final = 2_000_000
CHUNK_BYTES: Final = 64 << 10
FORMS: Final = (("first.m4a", "aac", 44_100), ("second.webm", "libopus", 48_000))
"""File, encoder, samples per second."""
BITS_PER_SECOND: Final = 128_000
"""As sites have sound: an hour is 58 MB."""
PORT: Final = 18_084
VERSION: Final = 1


def _record(minutes: int, folder: Path) -> None:
    """Two recordings of so many minutes: the dialogue, over and over, each time from another place."""
    spoken = audio.read(catalogue.recordings()["dialogue"].path)
    wanted = minutes * 60 * audio.RATE
    for number, (name, codec, rate) in enumerate(FORMS):
        turns = -(-wanted // spoken.size)
        parts = [np.roll(spoken, -(turn * 7 + number * 31) * audio.RATE) for turn in range(turns)]
        _write(folder / name, codec, rate, np.concatenate(parts)[:wanted])


def _write(path: Path, codec: str, rate: int, samples: audio.Samples) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="stereo", bit_rate=BITS_PER_SECOND)
        resampler = av.AudioResampler(stream.format, "stereo", rate)
        for start in range(0, samples.size, audio.RATE):
            block = np.ascontiguousarray(samples[None, start : start + audio.RATE])
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = audio.RATE, start, Fraction(1, audio.RATE)
            for each in resampler.resample(frame):
                container.mux(stream.encode(each))
        for last in (*resampler.resample(None), None):
            container.mux(stream.encode(last))


def recordings(minutes: int) -> Path:
    """The folder with both."""
    return once(f"ahead-{minutes}", key(str(VERSION), dialogue.version()), partial(_record, minutes))


class Link:
    """So many bytes a second, for all connections together."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate, self._free_at, self._gate = bytes_per_second, 0.0, threading.Lock()

    def wait(self, bytes_: int) -> None:
        """Until so many bytes have gone through."""
        with self._gate:
            self._free_at = max(self._free_at, time.monotonic()) + bytes_ / self._rate
            pause = self._free_at - time.monotonic()
        if pause > 0:
            time.sleep(pause)


@contextmanager
def slowly(folder: Path) -> Iterator[str]:
    """The folder, served over the link."""
    link = Link(BYTES_PER_SECOND)

    class Handler(server.Handler):
        @override
        def copyfile(self, source: Any, outputfile: Any) -> None:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK_BYTES)
            while chunk := source.read(CHUNK_BYTES):
                link.wait(len(chunk))
                outputfile.write(chunk)

    with server.serving(folder, PORT, Handler) as base:
        yield base


def measured(minutes: int, way: str) -> Figures:
    """One batch; its figures."""
    folder = recordings(minutes)
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as place:
        home = Path(place)
        fetch: dict[str, Any] = {"mode": "Ahead" if way == "ahead" else "Inline"}
        if way == "disk":
            fetch["allow"] = {"privateAddresses": True, "folders": [str(folder), str(home / "voices")]}
        with nullcontext(folder.as_uri()) if way == "disk" else slowly(folder) as base:
            status = run_batch(home, [f"{base}/{name}" for name, _, _ in FORMS], **fetch)
        return _figures(home, status)


def _figures(home: Path, status: dict[str, Any]) -> Figures:
    sums = status["sums"]
    held, computing = float(sums["heldSeconds"]), float(sums["computingSeconds"])
    runs = [
        json.loads(path.read_text()) for path in sorted(home.glob("batches/default/demo/runs/*/receipt.json"))
    ]
    return {
        "succeeded": status["counts"]["succeeded"],
        "seconds": float(status["activeSeconds"]),
        "held": held,
        "computing": computing,
        "share": round(computing / held, 4),
        "not hidden": [round(run["overheadSeconds"], 1) for run in runs],
        "words": _words(home, status),
    }


def _words(home: Path, status: dict[str, Any]) -> list[str]:
    """What was heard, of each recording: a digest of all words with their times and speakers."""
    found = []
    for row in sorted(status["recordings"], key=lambda each: int(each["index"])):
        command = [sys.executable, "-m", "ingestctl", "export", row["id"], "--format", "json"]
        told = subprocess.run(
            command,
            env=os.environ | {"INGEST_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        document = json.loads(told.stdout)
        found.append(hashlib.sha256(json.dumps(document["segments"]).encode()).hexdigest()[:16])
    return found


def compared(minutes: int) -> Figures:
    """The samples that an inline run hears beside those of one from the cache, byte for byte."""
    same = []
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as place:
        for name, _, _ in FORMS:
            into = Path(place) / name
            into.mkdir()
            media = Media(recordings(minutes) / name, name, None)
            heard = LimitedDecoder(FetchProfile()).decode(media, into, lambda _: None)
            pack(heard.path, heard.samples, into / "cached.flac", lambda _: None)
            unpack(into / "cached.flac", heard.samples, into / "again.pcm", lambda _: None)
            same.append(heard.path.read_bytes() == (into / "again.pcm").read_bytes())
    return {"files": len(same), "identical": sum(same)}


def table(rows: dict[str, Figures]) -> str:
    """Both questions, answered."""
    lines = [
        "| row | batch, s | ingest runs, s | engines, s | share | of the disk's | not hidden, s | words |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        minutes, _, way = name.partition("-")
        if way == "audio":
            lines.append(f"| {name} | {row['identical']} of {row['files']} identical byte for byte |")
            continue
        disk, inline = rows.get(f"{minutes}-disk"), rows.get(f"{minutes}-inline")
        of_disk = f"{row['share'] / disk['share']:.3f}" if disk else ""
        same = "the same" if inline and row["words"] == inline["words"] else "others"
        waits = " ".join(str(each) for each in row["not hidden"])
        lines.append(
            f"| {name} | {row['seconds']:.0f} | {row['held']:.0f} | {row['computing']:.0f} "
            f"| {row['share']:.3f} | {of_disk} | {waits} | {same} |"
        )
    return "\n".join(lines)


ROWS: Final = {
    f"{minutes}-{way}": partial(compared, minutes) if way == "audio" else partial(measured, minutes, way)
    for minutes in (3, 10, 60)
    for way in ("audio", "ahead", "inline", "disk")
}

if __name__ == "__main__":
    sys.exit(rows_main("ahead", __doc__, ROWS, table))
