"""A batch on disk: the resource with its status in exactly the form it has in a cluster, and the settings of
its plan."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ingest_contract.batch import IngestBatch
from ingest_contract.changes import refused_changes
from ingest_contract.documents import InvalidDocumentError
from ingest_contract.order import Settings
from ingest_contract.status import IngestBatchStatus
from ingest_operator.local.folders import BatchFolder, write_atomically


class BatchBusyError(RuntimeError):
    """Another process runs this batch on this machine."""


@contextmanager
def holding(folder: BatchFolder) -> Iterator[None]:
    """Hold the exclusive lock of a batch. Raises `BatchBusyError` at once if another process holds it."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with (folder.path / "lock").open("w") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BatchBusyError(
                f"another `ingestctl run` works on this batch ({folder.path}); "
                "`ingestctl status` shows how far it is"
            ) from error
        yield


@contextmanager
def marked_alive(folder: BatchFolder, trace_id: str) -> Iterator[None]:
    """Let other sessions see, while the block runs, that somebody works on this batch (`alive`). Another lock
    than the one of `holding`: whoever looks holds it for a moment, and must turn nobody away."""
    with (folder.path / "session").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(trace_id)
        file.flush()
        yield


def alive(home: Path) -> frozenset[str]:
    """The trace ids of the batches that sessions on this machine work on. That of a session that was killed
    is none of them: its lock went with it."""
    found = (_session(folder.path / "session") for folder in BatchFolder.every(home))
    return frozenset(trace_id for trace_id in found if trace_id is not None)


def is_alive(folder: BatchFolder) -> bool:
    """Whether a session works on this batch."""
    return _session(folder.path / "session") is not None


def _session(path: Path) -> str | None:
    """The trace id of a live session, by its file."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
    except OSError:  # there was none yet, or its batch was forgotten meanwhile
        return None
    return None


def read_batch(folder: BatchFolder) -> IngestBatch | None:
    """The batch as it was last run, with its status."""
    try:
        return IngestBatch.model_validate_json(folder.status.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, ValidationError) as error:
        raise of_another_version(folder.status) from error


def of_another_version(path: Path) -> InvalidDocumentError:
    """What is said of a file of ours that cannot be read."""
    return InvalidDocumentError(
        (f"{path}: written by another version, or damaged; `ingestctl forget` starts the batch again",)
    )


def succeeded_by(old: IngestBatch | None, new: IngestBatch) -> IngestBatch:
    """The batch to run: the new spec, on the old batch's generation. Raises `InvalidDocumentError` for
    changes that are not allowed."""
    if old is None:
        return new.model_copy(
            update={"metadata": new.metadata.model_copy(update={"generation": 1}), "status": None}
        )
    if mistakes := refused_changes(old.spec, new.spec):
        raise InvalidDocumentError(
            (
                *mistakes,
                (
                    f"(`ingestctl forget {new.metadata.name}` drops the old batch; "
                    "its results stay in the store)"
                ),
            )
        )
    generation = old.metadata.generation + (old.spec != new.spec)
    return new.model_copy(
        update={"metadata": new.metadata.model_copy(update={"generation": generation}), "status": old.status}
    )


@dataclass(slots=True)
class FileStatusStore:
    """Stores a status beside its batch, whole or not at all."""

    folder: BatchFolder
    batch: IngestBatch

    def read(self) -> IngestBatchStatus | None:
        """The last status that was written."""
        return self.batch.status

    async def write(self, status: IngestBatchStatus) -> int:
        """Write the resource with its status."""
        self.batch = self.batch.model_copy(update={"status": status})
        text = self.batch.model_dump_json(exclude_none=True, indent=1)
        write_atomically(self.folder.status, text)
        return len(text)


def settings_of_plan(folder: BatchFolder, wanted: Settings) -> tuple[Settings, bool]:
    """(the settings that the batch was planned with, whether `wanted` differs from them). The first call
    freezes `wanted`."""
    path = folder.path / "settings.json"
    try:
        frozen = Settings.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_atomically(path, wanted.to_json())
        return wanted, False
    except ValidationError as error:
        raise of_another_version(path) from error
    return frozen, frozen != wanted
