"""Where a workstation keeps things: one folder of the user's, and below it one folder per batch, per run and
per recording.

<home>/models <home>/postgres <home>/cache
<home>/batches/<namespace>/<name>/{batch.json,plan-N.json,status.json,runs/,scratch/}
<home>/plans/<any>/, as long as an `ingestctl plan` takes
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


def home_folder() -> Path:
    """`$INGEST_HOME`, else the user's data folder."""
    if chosen := os.environ.get("INGEST_HOME"):
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "video-ingest"


PRIVATE_MODE: Final = 0o600
"""What a batch and its orders say is for their owner only: an address may contain credentials."""


def write_atomically(path: Path, text: str, mode: int = PRIVATE_MODE) -> None:
    """Write a file that is whole or absent, also after a power cut; `mode` as for `replacing`."""
    with replacing(path, mode) as fresh, fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if fresh != path:  # a device or a pipe cannot keep anything
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, mode: int = PRIVATE_MODE) -> Iterator[Path]:
    """The file to write in the block, which takes the place of `path` at its end; what is there stays until
    then. Behind a link it is the file that the link leads to. A device or a pipe is written itself: nothing
    may take its place.

    `mode` is as for open(2), before the umask. A file that is there keeps its own, but for what `mode` does
    not give."""
    there = path.exists()
    if there and not path.is_file() and not path.is_dir():
        yield path
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = stat.S_IMODE(path.stat().st_mode) & mode if there else mode
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, kept | stat.S_IWUSR))
    try:
        yield fresh
        if there:
            fresh.chmod(kept)  # the umask is for new files
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


APART: Final = "plans"
"""The folder of plans that are no batch's: beside `batches`, where no name of a batch leads to."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Everything about one run: its order, its reports, its end."""

    path: Path

    @property
    def order(self) -> Path:
        """The WorkOrder."""
        return self.path / "order.json"

    @property
    def started(self) -> Path:
        """Who runs it, since when, and with which budget: read by a later session that finds the run without
        an end."""
        return self.path / "started.json"

    @property
    def ended(self) -> Path:
        """How it ended, as seen from outside."""
        return self.path / "ended.json"

    @property
    def receipt(self) -> Path:
        """How it ended, as the worker reports."""
        return self.path / "receipt.json"

    @property
    def progress(self) -> Path:
        """Its progress."""
        return self.path / "progress.json"

    @property
    def log(self) -> Path:
        """Its log."""
        return self.path / "log.jsonl"

    @property
    def output(self) -> Path:
        """Its standard output: for a plan, the framed lines."""
        return self.path / "output.txt"


@dataclass(frozen=True, slots=True)
class BatchFolder:
    """Everything about one batch."""

    path: Path

    @classmethod
    def of(cls, home: Path, namespace: str, name: str) -> "BatchFolder":
        """The folder of a batch."""
        return cls(home / "batches" / namespace / name)

    @classmethod
    def every(cls, home: Path) -> "tuple[BatchFolder, ...]":
        """Those of all batches, and of plans that are made apart from them."""
        found = (*home.glob("batches/*/*"), *home.glob(f"{APART}/*"))
        return tuple(cls(path) for path in sorted(found) if path.is_dir())

    @property
    def batch(self) -> Path:
        """The batch as last run, to detect changes."""
        return self.path / "batch.json"

    @property
    def status(self) -> Path:
        """The resource with its status, in exactly the form it has in a cluster."""
        return self.path / "status.json"

    def plan(self, number: int) -> Path:
        """One frozen plan."""
        return self.path / f"plan-{number}.json"

    def run(self, index: int, number: int) -> RunFolder:
        """One run of one recording."""
        return RunFolder(self.path / "runs" / f"{index:05d}-{number:02d}")

    def scratch(self, index: int) -> Path:
        """A recording's media and audio.
        Its runs share the folder, so that none decodes what another has decoded."""
        return self.path / "scratch" / f"{index:05d}"


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where the file is missing or incomplete."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
