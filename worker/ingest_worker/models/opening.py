"""Opening models for work: a model's path is returned only after every file below it has been compared with
its lock.

Called by the worker's composition root when it starts. Hashing happens in `path`, in the thread that is about
to load the model, so that models are checked in parallel and a model that this run does not need costs
nothing. Must not reach a network.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest_worker.errors import StageError
from ingest_worker.models.dimension import dimension_of
from ingest_worker.models.locks import LockedModel, files_of, read_lock, sha256_of, unavailable
from ingest_worker.models.model_set import PinnedFile, Role

_HASHER_THREADS = 4
"""Threads that hash one model's files: more than a disk or a memory bus can serve."""


log = logging.getLogger(__name__)


class Models:
    """The models of one set on this machine."""

    def __init__(self, folder: Path, set_name: str) -> None:
        """Read the lock of `<folder>/<set_name>`. Raises `StageError(MODELS_UNAVAILABLE)`."""
        self._lock = read_lock(folder, set_name)
        self._place = folder / set_name

    def identity(self, role: Role, name: str) -> str:
        """`name@first 12 digits of a sha256` over the model's files:
        the label of vectors and stage hashes."""
        return self._find(role, name).identity

    def path(self, role: Role, name: str) -> Path:
        """The folder of a model, after a check of every file. Takes as long as reading its files.

        Raises:
            StageError: `MODELS_UNAVAILABLE`, naming the first file that is missing, unexpected, or different.
        """
        model = self._find(role, name)
        place = self._place / name
        if extra := set(files_of(place, self._lock.set)) - {file.path for file in model.files}:
            raise unavailable(f"{place / min(extra)} is not in the lock.", self._lock.set)
        with ThreadPoolExecutor(_HASHER_THREADS, "hash") as threads:
            for file, fault in zip(
                model.files, threads.map(lambda file: _fault(place, file), model.files), strict=True
            ):
                if fault:
                    raise unavailable(f"{place / file.path} {fault}.", self._lock.set)
        return place

    def languages(self, name: str) -> tuple[str, ...]:
        """Those that a transcription model knows, if its set says so; empty if it does not."""
        return self._find(Role.TRANSCRIPTION, name).languages

    def dimension(self, name: str) -> int | None:
        """Numbers per vector of a text model, by its configuration alone; None if that does not say it."""
        self._find(Role.EMBEDDING, name)
        try:
            return dimension_of(self._place / name)
        except StageError as error:
            log.info("%s It shows when passages are stored.", error, extra={"action": "not-ask-for-table"})
            return None

    def size_of(self, role: Role, name: str) -> int:
        """Bytes of a model's largest file: its weights."""
        return max(file.size for file in self._find(role, name).files)

    def _find(self, role: Role, name: str) -> LockedModel:
        model = self._lock.of(name)
        if model is None or model.role is not role:
            known = ", ".join(model.name for model in self._lock.models if model.role is role) or "none"
            raise unavailable(
                f"The set {self._lock.set!r} has no {role.value} model {name!r} (it has: {known}).",
                self._lock.set,
            )
        return model


def _fault(place: Path, file: PinnedFile) -> str | None:
    path = place / file.path
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size} bytes instead of {file.size}"
        return None if sha256_of(path) == file.sha256 else "differs from its lock"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def open_models(folder: Path, set_name: str) -> Models:
    """The models of a set below `folder`.
    Raises `StageError(MODELS_UNAVAILABLE)` if the set was never fetched."""
    return Models(folder, set_name)
