"""This machine behind the `Cluster` protocol: one worker process per run. A later session finds a run through
its run folder."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

from pydantic import ValidationError

from ingest_contract.cache import cache_key, is_mark, mark_name
from ingest_contract.order import FetchOrder, IngestOrder, Item
from ingest_contract.place import Place
from ingest_contract.progress import Progress
from ingest_operator.core.actions import Start
from ingest_operator.core.deadlines import deadline_seconds, fetch_deadline_seconds
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.orders import Orders
from ingest_operator.core.outcome import Ended, Observation, Run
from ingest_operator.core.phases import Phase
from ingest_operator.local.folders import BatchFolder, RunFolder, read_json
from ingest_operator.local.forks import Forks
from ingest_operator.local.processes import (
    Limits,
    RunFacts,
    Started,
    WorkerProcess,
    bury_orphan,
    launch,
    read_ended,
    read_started,
)


@dataclass(frozen=True, slots=True)
class Site:
    """What every worker of a batch gets on this machine."""

    folder: BatchFolder
    models: str
    dsn: str
    memory_bytes: int | None
    cache: str
    """The folder in which fetched audio waits, for every batch of this home."""


class LocalCluster:
    """Workers as processes of this machine: started by themselves, or forked from one that `forks` keeps."""

    def __init__(
        self, orders: Orders, site: Site, clock: Callable[[], float], forks: Forks | None = None
    ) -> None:
        self._orders, self._site, self._clock, self._forks = orders, site, clock, forks
        self._importing = asyncio.Lock()
        self._live: dict[tuple[int, int], WorkerProcess] = {}
        self._over: dict[tuple[int, int], Run] = {}

    def adopt(self) -> int:
        """Take over what earlier sessions left: ends are read, orphans are ended.
        Returns the number of orphans."""
        orphans = 0
        for path in sorted((self._site.folder.path / "runs").glob("?????-*")):
            index, number = (int(part) for part in path.name.split("-"))
            folder = RunFolder(path)
            started = read_started(folder)
            if started is None:
                continue
            seen = read_ended(folder)
            orphans += seen is None
            ended, at = seen or (bury_orphan(folder, started, self._clock()), self._clock())
            self._over[index, number] = self._ended(_run(index, number, started), ended, at)
        return orphans

    async def observe(self, ledger: Ledger) -> Observation:
        """Live runs with their progress, and ended ones that are not forgotten. All are its own processes:
        none is unknown to it.

        There are no blockers here: whatever keeps a process of this machine from starting ends it, and the
        failure table says what that means.
        """
        del ledger
        for (index, number), process in list(self._live.items()):
            ended = process.poll(self._clock())
            if ended is not None:
                self._finish(index, number, process, ended)
        live = [
            replace(_run(index, number, process.started), progress=read_progress(process.folder))
            for (index, number), process in self._live.items()
        ]
        return Observation((*live, *self._over.values()))

    async def start(self, start: Start, item: Item, *others: Item) -> None:
        """Launch a worker, unless this run exists already. Here every recording has its own."""
        assert not others  # noqa: S101 -- a batch of this machine has no packing
        key = (start.index, start.number)
        if key in self._live or key in self._over:
            return
        folder, scratch = self._site.folder.run(*key), self._site.folder.scratch(start.index)
        scratch.mkdir(parents=True, exist_ok=True)
        place = Place(
            models=self._site.models,
            scratch=str(scratch),
            receipt=str(folder.receipt),
            progress_file=str(folder.progress),
            cache=self._site.cache,
        )
        order = self._orders.to_run(item, start, place)
        if self._forks is not None and isinstance(order, IngestOrder):
            async with self._importing:
                await asyncio.to_thread(self._forks.ready, order.runtime.threads)
        facts = RunFacts(self._clock(), start.charged_attempts, start.rung, start.disruptions, start.phase)
        forks = self._forks if start.phase is Phase.INGEST else None
        self._live[key] = launch(folder, order.to_json(), self._site.dsn, self._limits(order), facts, forks)

    async def stop(self, index: int, number: int) -> None:
        """Ask a worker to end."""
        if process := self._live.get((index, number)):
            process.stop(self._clock())

    async def forget(self, run: Run, *, final: bool) -> None:
        """Keep the run's folder for the user; for a final recording, remove the media."""
        self._over.pop((run.index, run.number), None)
        if final:
            self._clear_cache(run)
            rmtree(self._site.folder.scratch(run.index), ignore_errors=True)

    def _clear_cache(self, run: Run) -> None:
        """Remove what is left of a recording's fetched audio, unless another batch wants it. A worker does
        that itself when it ends well; one that is killed cannot."""
        order = read_json(self._site.folder.run(run.index, run.number).order)
        if order is None:
            return
        item = Item.from_object(order["item"])
        key = cache_key(order["batch"], item.id, self._orders.settings.captions_of(item))
        cache = Path(self._site.cache)
        (cache / mark_name(key, order["batch"], item.index)).unlink(missing_ok=True)
        left = list(cache.glob(f"{key}.*"))
        if not any(is_mark(each.name) for each in left):
            for each in left:
                each.unlink(missing_ok=True)

    def _limits(self, order: FetchOrder | IngestOrder) -> Limits:
        seconds = order.item.duration_seconds
        if isinstance(order, FetchOrder):
            return Limits(
                self._site.memory_bytes, fetch_deadline_seconds(seconds, order.fetch.timeout_seconds)
            )
        return Limits(self._site.memory_bytes, deadline_seconds(seconds, order.runtime.device))

    def _finish(self, index: int, number: int, process: WorkerProcess, ended: Ended) -> None:
        del self._live[index, number]
        run = _run(index, number, process.started)
        self._over[index, number] = self._ended(run, ended, self._clock())

    def _ended(self, run: Run, ended: Ended, at: float) -> Run:
        """A run that is over: the device of this machine was its own from its start to its end, unless it
        only fetched."""
        held = max(0.0, at - run.started_at) if run.phase is Phase.INGEST else 0.0
        gpus = int(self._orders.runtime.device == "cuda")
        return replace(run, ended_at=at, ended=ended, held_seconds=held, gpu_seconds=gpus * held)


def _run(index: int, number: int, started: Started) -> Run:
    return Run(
        index,
        number,
        started.charged_attempts,
        started.rung,
        started.disruptions,
        started.started_at,
        phase=started.phase,
    )


def read_progress(folder: RunFolder) -> Progress | None:
    """What the worker last reported; None for a file that is missing or half written."""
    try:
        return Progress.model_validate_json(folder.progress.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
