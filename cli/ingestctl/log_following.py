"""`ingestctl logs --follow`: the logs of a recording's runs, or of a batch's, as they are written: the run
that is on, then the next one, to the end of the recording or of the batch."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ingest_contract.intervals import decode
from ingest_contract.order import Item
from ingest_contract.recording_status import RecordingState
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.failed import is_pass_asked
from ingestctl.backends.port import Batches, Found, MissingError, PassingError, RunSeen
from ingestctl.causes import state_of
from ingestctl.watching import EVERY_SECONDS, batch_of, is_over, with_rows
from ingestctl.why import chosen

FOLLOWED_RUNS: Final = 32
"""Logs that are followed at a time: each is a connection to the API server. Others wait for a place, and lose
nothing while their pods are kept."""

_FINAL: Final = frozenset({RecordingState.SUCCEEDED, RecordingState.SKIPPED, RecordingState.FAILED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which logs."""

    batch: str
    recording: str | None = None
    """None: of every recording."""
    number: int | None = None
    """This run alone."""
    tail: int | None = None
    """The last lines first, of what ran already when the following began."""


Printed = Callable[[tuple[Item, ...], RunSeen, str], None]
"""Called with each line, its run, and the recordings of the run: several where they share a pod."""


@dataclass(slots=True)
class _Streams:
    """The logs that are followed."""

    batches: Batches
    printed: Printed
    said: Callable[[str], None]
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """By the names of the runs."""
    _marks: dict[str, str] = field(default_factory=dict)
    """The last line that was printed of each."""
    _of: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    """The recordings of each."""
    _broken: dict[str, str] = field(default_factory=dict)
    """Runs whose log is to be asked for again, and what was said of it."""
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FOLLOWED_RUNS))
    _turns: dict[tuple[int, ...], asyncio.Lock] = field(default_factory=dict)
    """A recording's runs come one after the other, whole."""

    def go_on(self, found: Found, items: tuple[Item, ...], run: RunSeen, tail: int | None = None) -> None:
        """Follow a run from its beginning, or from where its log was left while the run goes on."""
        task = self.tasks.get(run.name)
        if task is None:
            self.said(f"run {run.number} ({run.phase}) of {_names(items)}")
        elif not task.done() or (run.ended_at is not None and run.name not in self._broken):
            return
        else:
            task.result()  # raises what was no passing error
        self.tasks[run.name] = asyncio.create_task(self._follow(found, items, run, tail))
        self._of[run.name] = items

    def unfinished(self) -> frozenset[int]:
        """The recordings whose logs have not ended yet, or are to be asked for again. Raises what was no
        passing error, a closed standard output too."""
        found: set[int] = set()
        for name, task in self.tasks.items():
            if task.done():
                task.result()
            if not task.done() or name in self._broken:
                found.update(item.index for item in self._of[name])
        return frozenset(found)

    async def drained(self) -> None:
        """Return when every log has ended."""
        await asyncio.gather(*self.tasks.values())

    def cancel(self) -> None:
        """Follow none of them any more."""
        for task in self.tasks.values():
            task.cancel()

    async def _follow(self, found: Found, items: tuple[Item, ...], run: RunSeen, tail: int | None) -> None:
        turn = self._turns.setdefault(tuple(item.index for item in items), asyncio.Lock())
        async with turn, self._places:
            mark = self._marks.get(run.name, "")
            lines = self.batches.log_lines(found, run, after=mark, tail=None if mark else tail)
            try:
                async for line in lines:
                    self.printed(items, run, line.text)
                    self._marks[run.name] = line.mark
            except (MissingError, PassingError) as error:
                if self._broken.get(run.name) != str(error):
                    self.said(f"{_names(items)}: {error}")
                self._broken[run.name] = str(error)
            else:
                self._broken.pop(run.name, None)


async def follow_logs(
    batches: Batches,
    wanted: Wanted,
    printed: Printed,
    said: Callable[[str], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Found:
    """Pass on each line as it is written, until the recording or the batch is over, or nobody carries it on.
    Raises `CommandError`."""
    streams, polls = _Streams(batches, printed, said), _Polls(batches, wanted)
    try:
        while True:
            try:
                found, over = await polls.next(streams)
            except PassingError as error:
                said(f"{error}; asked again")
            else:
                if over:
                    await streams.drained()
                    said(over)
                    return found
            await pause(EVERY_SECONDS)
    finally:
        streams.cancel()


@dataclass(slots=True)
class _Polls:
    """What was seen so far of a batch whose logs are followed."""

    batches: Batches
    wanted: Wanted
    _items: Mapping[int, Item] = field(default_factory=dict)
    _planned: int = -1
    _final: frozenset[int] = frozenset()
    """The recordings that were final at the last look."""
    _passed: frozenset[str] | None = None
    """The runs that were over at the first look; None before it."""

    async def next(self, streams: _Streams) -> tuple[Found, str]:
        """Look once more, and follow what runs now: (the batch, why it is over, or "")."""
        # before all else: what a batch that is over then has written is whole
        live = await self.batches.is_live(found := await self.batches.get(self.wanted.batch))
        batch = batch_of(found)
        status = batch.status or IngestBatchStatus()
        if status.plan is not None and status.plan.recordings != self._planned:
            self._items, self._planned = await self.batches.items(found), status.plan.recordings
        items = with_rows(status, self._items)
        item = chosen(text, items, status, found.name) if (text := self.wanted.recording) else None
        final = status.final_recordings
        ended = frozenset[int]().union(*map(decode, (final.succeeded, final.skipped, final.failed)))
        unfinished = streams.unfinished()
        wanted = {item.index} if item else {*self._indexes(status, ended, items), *unfinished}
        runs = await self.batches.runs(found, wanted)
        self._final = ended  # only now: whoever ended is looked for again where the cluster did not answer
        if item is not None:
            self._require(item, runs[item.index])
        tail = self.wanted.tail if self._passed is None else None
        if self._passed is None:
            self._passed = frozenset(self._over(runs))
        for several, run in _by_name(runs, items):
            has_begun = run.state != "Pending" and run.name not in self._passed
            if has_begun and self.wanted.number in (None, run.number):
                streams.go_on(found, several, run, tail)
        return found, self._end(found, status, item, runs, live=live)

    def _indexes(
        self, status: IngestBatchStatus, ended: frozenset[int], items: Mapping[int, Item]
    ) -> Collection[int]:
        """All at first, and then those that are not final, or became it since the last look: they may have
        run in between. Those that run are rows of the status while they are few, and groups of many."""
        if self._passed is None:
            return items.keys()
        rows = {row.index for row in status.recordings if row.state not in _FINAL}
        fresh = ended - self._final
        return fresh.union(rows, *(decode(group.indexes) for group in status.running))

    def _require(self, item: Item, runs: tuple[RunSeen, ...]) -> None:
        """Raises `MissingError` for a run that is gone: a later one is there, and it does not come back."""
        number, there = self.wanted.number, [run.number for run in runs]
        if number is not None and number not in there and any(number < each for each in there):
            seen = ", ".join(map(str, there))
            raise MissingError(f"no such run of {item.id} is to be seen any more; there: {seen}")

    def _over(self, runs: Mapping[int, tuple[RunSeen, ...]]) -> Iterator[str]:
        """Of a batch, each run that has ended; of a recording, all but its last run, or the one asked for."""
        for several in runs.values():
            for run in several:
                if self.wanted.recording is None:
                    if run.ended_at is not None:
                        yield run.name
                elif run != several[-1] and run.number != self.wanted.number:
                    yield run.name

    def _end(
        self,
        found: Found,
        status: IngestBatchStatus,
        item: Item | None,
        runs: Mapping[int, tuple[RunSeen, ...]],
        *,
        live: bool,
    ) -> str:
        """Why nothing more is written, or ""."""
        batch = batch_of(found)
        if item is not None:
            state = state_of(status, item.index)
            again = state == RecordingState.FAILED and is_pass_asked(batch.spec, status.retry_failed)
            asked = next((run for run in runs[item.index] if run.number == self.wanted.number), None)
            if asked is not None and asked.ended_at is not None:
                return f"run {asked.number} of {item.id}: {asked.state}"
            if state in _FINAL and not (again and live):
                return f"{item.id}: {state}"
        if is_over(batch):
            return f"{found.namespace}/{found.name}: {status.state}"
        if not live:
            return f"nobody carries {found.namespace}/{found.name} on: `ingestctl run` with its file does"
        return ""


def _by_name(
    runs: Mapping[int, tuple[RunSeen, ...]], items: Mapping[int, Item]
) -> Iterator[tuple[tuple[Item, ...], RunSeen]]:
    """Each run once, the earliest first, with its recordings: several may share a pod, and its log."""
    sharing: dict[str, list[int]] = {}
    by_name: dict[str, RunSeen] = {}
    for index, several in runs.items():
        for run in several:
            by_name.setdefault(run.name, run)
            if index in items:
                sharing.setdefault(run.name, []).append(index)
    for name, indexes in sharing.items():
        yield tuple(items[index] for index in sorted(indexes)), by_name[name]


def _names(items: tuple[Item, ...]) -> str:
    return ", ".join(item.id for item in items)


def prefix_of(items: tuple[Item, ...]) -> str:
    """What stands in front of a line among those of other recordings: `[#3 CNxH0rHS320] `."""
    names = (f"#{item.index} {item.id.rpartition(':')[2]}" for item in items)
    return f"[{', '.join(names)}] "
