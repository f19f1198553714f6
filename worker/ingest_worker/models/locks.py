"""Locks: what was really fetched, file by file, written beside the models; the only description of models
that a worker trusts.

`<folder>/<set>/lock.yaml` and `<folder>/<set>/<model>/...`. Called by fetching, by the command, and by
`opening`. Must not reach a network.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from ingest_contract import plain_yaml
from ingest_contract.base import ContractModel, ModelName, Name, ShortText
from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.models.model_set import Languages, Model, ModelSet, PinnedFile, Role

LOCK_FILE = "lock.yaml"


class LockedModel(ContractModel):
    """One model as it is on the disk."""

    name: ModelName
    role: Role
    origin: ShortText
    """`Model.origin` of the requested model."""
    revision: ShortText | None = None
    """The hub's commit that was fetched."""
    licence: ShortText
    attribution: ShortText
    languages: Languages = ()
    """`Model.languages`."""
    files: tuple[PinnedFile, ...]

    @property
    def identity(self) -> str:
        """`name@` and the first 12 digits of the sha256 over its files' sorted hashes: the same weights
        always have the same identity."""
        digest = hashlib.sha256("\n".join(sorted(file.sha256 for file in self.files)).encode())
        return f"{self.name}@{digest.hexdigest()[:12]}"


class Lock(ContractModel):
    """A set as it is on the disk."""

    set: Name
    models: tuple[LockedModel, ...]

    def of(self, name: str) -> LockedModel | None:
        """A model by its name."""
        return next((model for model in self.models if model.name == name), None)


def unavailable(message: str, set_name: str) -> StageError:
    """The error: what is wrong, and the command that fixes it."""
    return StageError(Reason.MODELS_UNAVAILABLE, f"{message} Run `ingestctl models fetch {set_name}`.")


def read_lock(folder: Path, set_name: str) -> Lock:
    """The lock of a set. Raises `StageError(MODELS_UNAVAILABLE)` where there is none or it cannot be read."""
    path = folder / set_name / LOCK_FILE
    try:
        return Lock.from_object(plain_yaml.load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise unavailable(f"The model set {set_name!r} is not in {folder}.", set_name) from error
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise unavailable(f"{path} cannot be read: {error}.", set_name) from error


def lock(model_set: ModelSet, folder: Path) -> Lock:
    """Write a lock for what is in the folder, for models that were put there by hand; `fetch` has locked its
    own already.

    Raises:
        StageError: `MODELS_UNAVAILABLE` when a model is missing, or differs from what the set pins.
    """
    return write_lock(
        model_set,
        folder,
        [locked(model, folder / model_set.name / model.name, model_set.name) for model in model_set.models],
    )


def locked(model: Model, place: Path, set_name: str, revision: str | None = None) -> LockedModel:
    """A model as it is in `place`.
    Raises `StageError(MODELS_UNAVAILABLE)` when a pinned file is missing or differs."""
    files = tuple(_pinned(place, path) for path in files_of(place, set_name))
    if not files:
        raise unavailable(f"{place} holds nothing.", set_name)
    pinned = {file.path: file for file in model.files}
    found = {file.path: file for file in files}
    if pinned and pinned != found:
        wrong = sorted(path for path in pinned.keys() | found.keys() if pinned.get(path) != found.get(path))
        raise unavailable(f"{place / wrong[0]} is not the file that the set {set_name!r} pins.", set_name)
    return LockedModel(
        name=model.name,
        role=model.role,
        origin=model.origin,
        revision=revision,
        licence=model.licence,
        attribution=model.attribution,
        languages=model.languages,
        files=files,
    )


def _pinned(place: Path, path: str) -> PinnedFile:
    return PinnedFile(path=path, sha256=sha256_of(place / path), size=(place / path).stat().st_size)


def write_lock(model_set: ModelSet, folder: Path, models: list[LockedModel]) -> Lock:
    """Write the lock atomically."""
    fresh = Lock(set=model_set.name, models=tuple(models))
    path = folder / model_set.name / LOCK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{LOCK_FILE}.{os.getpid()}")
    head = (
        "# What was fetched, with the hash of every file. Workers load nothing that differs. "
        "Written by `ingestctl models fetch`.\n"
    )
    try:
        draft.write_text(
            head + yaml.safe_dump(json.loads(fresh.to_json()), sort_keys=False), encoding="utf-8"
        )
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return fresh


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex. Large files release the interpreter's lock while they are hashed, so that
    threads help."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(place: Path, set_name: str) -> list[str]:
    """Every file below a model's folder, sorted. Raises `StageError(MODELS_UNAVAILABLE)` for anything that is
    hidden or not a regular file.

    A link could point at a file that another user may change after the check.
    """
    return sorted(_walk(place, place, set_name))


def _walk(place: Path, root: Path, set_name: str) -> Iterator[str]:
    if not place.is_dir():
        raise unavailable(f"{place} is missing.", set_name)
    for entry in place.iterdir():
        mode = entry.lstat().st_mode
        if entry.name.startswith(".") or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise unavailable(
                f"{entry} is hidden, a link, or no regular file; models are plain files.", set_name
            )
        if stat.S_ISDIR(mode):
            yield from _walk(entry, root, set_name)
        else:
            yield str(entry.relative_to(root))
