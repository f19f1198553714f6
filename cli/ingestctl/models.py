"""`ingestctl models`: model sets on this machine, as the worker's `models` package manages them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from ingest_worker.errors import StageError
from ingest_worker.models import ModelSet, fetch, load_set, open_models
from ingest_worker.models.locks import LOCK_FILE, Lock, read_lock
from ingest_worker.models.model_set import BUILT_IN
from ingestctl.progress import Step, going

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Row:
    """One model of one set, as a row of a list."""

    set_name: str
    model: str
    role: str
    size: int | None
    """Bytes; None for a model that is not here and whose files are not pinned."""
    licence: str
    state: str


def listed(folder: Path) -> tuple[Row, ...]:
    """Every model of the sets that come with the program and of those that were fetched."""
    brought = {path.stem: load_set(path.stem) for path in BUILT_IN.glob("*.yaml")}
    here = {path.parent.name for path in folder.glob(f"*/{LOCK_FILE}")}
    rows: list[Row] = []
    for name in sorted(brought.keys() | here):
        rows += _locked_rows(read_lock(folder, name)) if name in here else _wanted_rows(brought[name])
    return tuple(rows)


def _locked_rows(lock: Lock) -> list[Row]:
    return [
        Row(
            lock.set,
            model.name,
            model.role.value,
            sum(file.size for file in model.files),
            model.licence,
            f"here, {model.identity}",
        )
        for model in lock.models
    ]


def _wanted_rows(model_set: ModelSet) -> list[Row]:
    return [
        Row(
            model_set.name,
            model.name,
            model.role.value,
            sum(file.size for file in model.files) or None,
            model.licence,
            "not fetched",
        )
        for model in model_set.models
    ]


def table_of(rows: Sequence[Row]) -> Table:
    """The list as a table for people."""
    table = Table("set", "model", "role", "size", "licence", "state", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.set_name, row.model, row.role, size(row.size), row.licence, row.state)
    return table


def size(count: int | None) -> str:
    """A number of bytes, for people."""
    if count is None:
        return "-"
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / 2**20:.0f} MiB"


def fetch_with_bars(model_set: ModelSet, folder: Path, console: Console) -> Lock:
    """Fetch a set, showing a bar per model; without a terminal, plain lines."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:3.0f}%"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {model.name: bars.add_task(model.name, total=1.0) for model in model_set.models}
        begun: set[str] = set()

        says: AbstractContextManager[Step] = (
            nullcontext(Step("")) if console.is_terminal else going("checking what is here", console)
        )
        with says as step:

            def report(name: str, share: float) -> None:
                bars.update(tasks[name], completed=share)
                step.text = f"{name}: {share:.0%}"
                if not console.is_terminal and name not in begun:
                    begun.add(name)
                    console.print(f"{name}: {'here' if share >= 1 else 'fetching'}")

            return fetch(model_set, folder, report)


def verdict_text(lock: Lock, model_set: ModelSet, folder: Path) -> str:
    """The result of a fetch."""
    total = sum(file.size for model in lock.models for file in model.files)
    text = f"{lock.set}: {len(lock.models)} models, {size(total)}, locked in {folder / lock.set / LOCK_FILE}"
    if not model_set.verified:
        text += (
            "\nThe set itself does not pin every file's hash: "
            "what was fetched first is what the lock holds, and nothing else is opened from now on. "
            "Keep the lock to have the same models elsewhere."
        )
    return text


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one model matches its lock."""

    model: str
    fault: str | None


def verified(folder: Path, set_name: str) -> Iterator[Verdict]:
    """Verify every model of a fetched set by hashing each file; each is told as soon as it is known. Raises
    `StageError(MODELS_UNAVAILABLE)` for a set that is not here."""
    models = open_models(folder, set_name)
    for model in read_lock(folder, set_name).models:
        try:
            models.path(model.role, model.name)
        except StageError as error:
            yield Verdict(model.name, str(error))
        else:
            yield Verdict(model.name, None)
