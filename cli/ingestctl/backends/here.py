"""The batches that ran on this machine, read from their folders."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ingest_contract.documents import InvalidDocumentError
from ingest_contract.order import Item
from ingest_operator.core.outcome import outcome_of
from ingest_operator.local.folders import BatchFolder, RunFolder
from ingest_operator.local.planning import read_items
from ingest_operator.local.processes import Started, read_ended, read_started
from ingest_operator.local.status_store import is_alive, read_batch
from ingestctl.backends.near import near_names
from ingestctl.backends.port import EventSeen, Found, LogLine, MissingError, RunSeen, moment_of

POLL_SECONDS: Final = 0.5
"""Seconds between two looks at a log that grows."""


@dataclass(frozen=True, slots=True)
class Here:
    """`Batches` of this machine."""

    home: Path
    namespace: str | None
    """None: of every namespace."""

    @property
    def where(self) -> str:
        """In words."""
        return f"this machine ({self.home})"

    async def all(self) -> tuple[Found, ...]:
        """Every batch that has a status."""
        folders = sorted(path.parent for path in (self.home / "batches").glob("*/*/status.json"))
        return tuple(_found(path) for path in folders if self.namespace in (None, path.parent.name))

    async def get(self, name: str) -> Found:
        """One batch."""
        try:
            return _found(folder_here(self.home, self.namespace or "default", name, begun=True).path)
        except MissingError as error:
            raise MissingError(
                f"{error}; for a cluster's add --context NAME or --cluster, or use `kubectl ingest`"
            ) from error

    async def is_live(self, found: Found) -> bool:
        """Whether an `ingestctl run` works on it."""
        return is_alive(self._folder(found))

    async def items(self, found: Found) -> Mapping[int, Item]:
        """From the frozen plans."""
        return {item.index: item for item in read_items(self._folder(found))}

    async def runs(self, found: Found, indexes: Collection[int]) -> Mapping[int, tuple[RunSeen, ...]]:
        """From the folders of its runs, which stay until the batch is forgotten."""
        return {index: tuple(_runs(self._folder(found), index)) for index in indexes}

    async def events(self, found: Found) -> tuple[EventSeen, ...]:  # noqa: ARG002  the protocol's
        """None: `ingestctl run` says what happens as it happens."""
        return ()

    async def log(self, found: Found, run: RunSeen, tail: int | None) -> str:
        """The worker's log."""
        path = self._run(found, run).log
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError as error:
            raise MissingError(f"run {run.number} left no log ({path})") from error
        return text if tail is None else "".join(text.splitlines(keepends=True)[-tail:])

    async def log_lines(
        self, found: Found, run: RunSeen, *, after: str = "", tail: int | None = None
    ) -> AsyncIterator[LogLine]:
        """The worker's log, as it grows. A mark is a place in the file, in bytes."""
        folder, place = self._run(found, run), int(after or 0)
        while True:
            # asked first: what is written before the end is read after it
            over = folder.ended.exists() or not await self.is_live(found)
            try:
                with folder.log.open("rb") as file:
                    file.seek(place)
                    content = file.read()
            except FileNotFoundError as error:
                raise MissingError(f"run {run.number} left no log ({folder.log})") from error
            whole = content if over else content[: content.rfind(b"\n") + 1]
            lines = whole.splitlines(keepends=True)
            skipped = 0 if tail is None else max(0, len(lines) - tail)
            for number, line in enumerate(lines):
                place += len(line)
                if number >= skipped:
                    yield LogLine(line.decode(errors="replace").rstrip("\r\n"), str(place))
            if over:
                return
            tail = None
            await asyncio.sleep(POLL_SECONDS)

    async def change(self, found: Found, fields: Mapping[str, Any]) -> None:
        """Never: who runs a batch here holds it in the foreground."""
        words = {
            "suspend": "Ctrl-C in `ingestctl run` suspends it, and the same command resumes",
            "retryFailed": "`ingestctl run FILE --retry-failed` gives failed recordings another pass, "
            "`--retry RECORDING` one of them",
        }
        advice = "; ".join(text for field, text in words.items() if field in fields)
        raise MissingError(
            f"{found.namespace}/{found.name} is a batch of this machine: {advice}; "
            "for a cluster's add --context NAME or --cluster, or use `kubectl ingest`"
        )

    def _run(self, found: Found, run: RunSeen) -> RunFolder:
        return RunFolder(self._folder(found).path / "runs" / run.name)

    def _folder(self, found: Found) -> BatchFolder:
        return BatchFolder.of(self.home, found.namespace, found.name)


def folder_here(home: Path, namespace: str, name: str, *, begun: bool = False) -> BatchFolder:
    """The folder of a batch of this machine. Only what lies there counts: no name leads elsewhere, neither
    `..` nor an empty one. `begun` takes only one that has a status. Raises `MissingError` with names that are
    near."""
    there = [path for path in _folders(home / "batches") if path.name == namespace]
    names = [path.name for folder in there for path in _folders(folder)]
    folder = BatchFolder.of(home, namespace, name)
    if name in names and begun and not folder.status.is_file():
        raise MissingError(
            f"{namespace}/{name} has no status yet: `ingestctl run` with its file plans it first"
        )
    if name in names:
        return folder
    raise MissingError(
        f"no batch {namespace}/{name} has run on this machine ({home}){near_names(name, names)}"
    )


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(each for each in path.iterdir() if each.is_dir())
    except (FileNotFoundError, NotADirectoryError):  # nothing has run here yet
        return []


def _found(path: Path) -> Found:
    folder = BatchFolder(path)
    settings = path / "settings.json"
    created = moment_of(int((settings if settings.exists() else folder.status).stat().st_mtime))
    try:
        return Found(path.parent.name, path.name, read_batch(folder), created, is_here=True)
    except InvalidDocumentError as error:
        mistakes = "; ".join(error.mistakes)
        return Found(path.parent.name, path.name, None, created, mistakes, is_here=True)


def _runs(folder: BatchFolder, index: int) -> Iterator[RunSeen]:
    for path in sorted((folder.path / "runs").glob(f"{index:05d}-*")):
        run = RunFolder(path)
        if (started := read_started(run)) is not None:
            yield _run(run, started, int(path.name.rpartition("-")[2]))


def _run(run: RunFolder, started: Started, number: int) -> RunSeen:
    end = read_ended(run)
    outcome = outcome_of(end[0]) if end else None
    state = "Running" if outcome is None else outcome.reason.value if outcome.reason else "Succeeded"
    return RunSeen(
        number,
        started.phase.value,
        run.path.name,
        state,
        moment_of(started.started_at),
        moment_of(end[1]) if end else None,
        outcome.message if outcome else "",
        started.rung,
        started.charged_attempts,
        end[0].exit_code if end else None,
    )
