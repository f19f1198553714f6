"""The worker as a process: an order in its environment, and what it left behind when it ended."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest_contract.order import IngestOrder, Item, Settings, WorkOrder
from ingest_contract.order_variables import DSN_VARIABLE, ORDER_FILE_VARIABLE, ORDER_VARIABLE
from ingest_contract.place import Place, Runtime
from ingest_contract.profile import (
    AllowedSources,
    ComputeType,
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.receipt import Receipt, decode

TRACE = "0123456789abcdef" * 2
SETTINGS = Settings(
    model_set="demo",
    transcription=TranscriptionProfile(model="tiny.en"),
    diarization=DiarizationProfile(),
    identification=IdentificationProfile(),
    segmentation=SegmentationProfile(),
    embedding=EmbeddingProfile(model="all-MiniLM-L6-v2"),
)
RUNTIME = Runtime(
    device="cpu",
    compute_type=ComputeType.INT8,
    threads=2,
    transcription_batch=8,
    diarization_batch=32,
    embedding_batch_tokens=16_384,
    together=True,
    preload=True,
)


def place_in(folder: Path, models: Path) -> Place:
    """Where a worker of a test finds and leaves things."""
    return Place(
        models=str(models),
        scratch=str(folder / "scratch" / "0"),
        receipt=str(folder / "receipt.json"),
        progress_file=str(folder / "progress.json"),
    )


def order_for(recording: Path, place: Place, **changed: Any) -> IngestOrder:
    """Ingest one local file with the demo's models."""
    order = IngestOrder(
        trace_id=TRACE,
        batch="default/test",
        item=Item(index=0, id=f"file:{recording.stem}", url=str(recording)),
        run=1,
        settings=SETTINGS,
        runtime=RUNTIME,
        fetch=FetchProfile(allow=AllowedSources(folders=(str(recording.parent),))),
        place=place,
    )
    return order.model_copy(update=changed)


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a worker."""

    code: int
    output: str
    log: list[dict[str, Any]]
    """Every line, parsed: a line that is no JSON fails the test."""
    receipt: Receipt | None
    size: int
    """Bytes of the receipt."""


class Worker:
    """A worker that runs."""

    def __init__(
        self,
        order: WorkOrder | str | Path,
        dsn: str,
        folder: Path,
        program: tuple[str, ...] = ("-m", "ingest_worker"),
    ) -> None:
        """`order` may be the file that holds it.
        `program` is what Python runs, for a worker with an engine replaced."""
        told = (
            {ORDER_FILE_VARIABLE: str(order)} if isinstance(order, Path) else {ORDER_VARIABLE: _text(order)}
        )
        self._folder = folder
        environment = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "PYTHONPATH", "INGEST_YTDLP_PLUGINS")
            if name in os.environ
        }
        with (folder / "out.txt").open("w") as out, (folder / "log.jsonl").open("w") as log:
            self._popen = subprocess.Popen(
                [sys.executable, *program],
                env=environment | told | {DSN_VARIABLE: dsn},
                cwd=folder,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )

    def end(self, timeout: float = 600.0) -> Ended:
        """Wait for it."""
        code = self._popen.wait(timeout)
        receipt = self._folder / "receipt.json"
        content = receipt.read_bytes() if receipt.exists() else b""
        return Ended(
            code=code,
            output=(self._folder / "out.txt").read_text(),
            log=[json.loads(line) for line in (self._folder / "log.jsonl").read_text().splitlines()],
            receipt=decode(content) if content else None,
            size=len(content),
        )

    def signal_in(self, stage: str, number: signal.Signals, within: float = 300.0) -> float:
        """Send a signal as soon as the progress names a stage. Returns the seconds from there to the end of
        the process."""
        pause, deadline = threading.Event(), time.monotonic() + within
        while self._stage() != stage:
            assert self._popen.poll() is None, f"it ended before it came to {stage}"
            assert time.monotonic() < deadline, f"it never came to {stage}"
            pause.wait(0.005)
        asked = time.monotonic()
        self._popen.send_signal(number)
        self._popen.wait(60)
        return time.monotonic() - asked

    def _stage(self) -> str | None:
        try:
            progress: Mapping[str, str] = json.loads((self._folder / "progress.json").read_text())
        except (OSError, ValueError):
            return None
        return progress["stage"]


def _text(order: WorkOrder | str) -> str:
    return order if isinstance(order, str) else order.to_json()


NOTING = """
import json, os, sys
end = os._exit
def noting(code):
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
    end(code)
os._exit = noting
import runpy
runpy.run_module("ingest_worker", run_name="__main__")
"""
"""A program for a worker that notes what it had imported when it ended."""


def imported(folder: Path) -> set[str]:
    """The modules that such a worker had imported."""
    return set(json.loads((folder / "modules.json").read_text()))
