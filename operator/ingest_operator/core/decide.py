"""What follows from what is wanted, remembered and seen. Pure: touches nothing, logs nothing, reads no
clock."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from ingest_contract.batch import IngestBatchSpec, SuspendMode
from ingest_contract.status import MAX_WAITING, IngestBatchStatus
from ingest_operator.core.actions import Action, Start, Stop
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.conditions import failed_too_often
from ingest_operator.core.fold import fold, is_recorded
from ingest_operator.core.ledger import Ledger, restore, within
from ingest_operator.core.nodes import none_left, sent, stranded
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.setup_failures import mended
from ingest_operator.core.status import render
from ingest_operator.core.vanished import vanished


@dataclass(frozen=True, slots=True)
class Previous:
    """The last accepted status of a batch, and the ledger that it holds: restored once, for all who go by
    it."""

    status: IngestBatchStatus | None
    ledger: Ledger

    @classmethod
    def of(cls, batch: Batch, status: IngestBatchStatus | None) -> "Previous":
        """What a status means for this batch."""
        ledger = within(restore(status), len(batch.items))
        return cls(status, mended(ledger) if batch.setup_mended else ledger)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one reconcile comes to."""

    seen: Observation
    """What it goes by."""
    status: IngestBatchStatus
    ledger: Ledger
    """What the status holds."""
    ended: tuple[Run, ...]
    """Runs whose ends this status is the first to record, each once."""
    recorded: tuple[Run, ...]
    """Runs that are over and whose ends the status records: what they leave behind may be cleaned up."""
    actions: tuple[Action, ...]
    """To be performed once the status is accepted."""
    next_at: float = inf
    """Epoch seconds at which more may be decided though nothing happens; infinity where something must."""
    written: int = 0
    """Bytes of the status as it was written; 0 before that, and where it says nothing new."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the batch was seen to run, and nothing is started."""
        return not self.seen.live and not any(isinstance(action, Start) for action in self.actions)


def decide(batch: Batch, previous: Previous, seen: Observation, now: float) -> Decision:
    """What follows from what is seen at `now` (epoch seconds): the new status, and what to do once it
    stands."""
    before, ledger = previous.ledger, previous.ledger
    if batch.planned is not None:  # without a plan nothing runs, and no pass of `retryFailed` can begin
        ledger = fold(before, seen.runs, batch.spec, {item.index: item.id for item in batch.items}, now)
    told = (*none_left(ledger, seen.runs, now), *vanished(ledger, now))
    shown = replace(seen, blockers=(*seen.blockers, *told))
    recorded = tuple(run for run in seen.runs if run.ended is not None and is_recorded(ledger, run))
    ended = {(run.index, run.number): run for run in recorded if not is_recorded(before, run)}
    return Decision(
        seen=seen,
        status=render(batch, shown, ledger, previous.status, now),
        ledger=ledger,
        ended=tuple(ended.values()),
        recorded=recorded,
        actions=_actions(batch, ledger, seen, now),
        next_at=min((moment for moment in _moments(ledger, seen) if moment > now), default=inf),
    )


def _actions(batch: Batch, ledger: Ledger, seen: Observation, now: float) -> tuple[Action, ...]:
    """What to do next, nodes that are avoided or tried again considered."""
    spec, total = batch.spec, len(batch.items)
    held = spec.suspend or ledger.breaker is not None or is_held(spec, total, ledger, now, seen.blockers)
    anew = (
        () if held else stranded(ledger, seen.runs, now)
    )  # where nothing may start it would not start again
    stops = tuple(Stop(run.index, run.number) for run in anew)
    wanted = plan(spec, total, ledger, seen.live, now, seen.blockers)
    return (*stops, *sent(ledger, seen.runs, wanted))


def _moments(ledger: Ledger, seen: Observation) -> Iterator[float]:
    """When something may happen by itself: retries, the probe of an open breaker, starts that were
    refused."""
    yield from (ledger.trying[index].not_before for index in ledger.waiting)
    if ledger.breaker is not None:
        yield ledger.breaker.until
    yield from (each.until for each in seen.blockers)


def plan(
    spec: IngestBatchSpec,
    total: int,
    ledger: Ledger,
    live: Collection[int],
    now: float,
    hindrances: Sequence[Hindrance] = (),
) -> tuple[Action, ...]:
    """The actions that bring a planned batch of `total` items nearer to done, in a stated order: retries that
    are due, then new items.

    `live` are the items of which a process is seen to run. Others may count as running for as long as no row
    is free to remember by how they ended: they hold no slot, or those that wait would wait for them.
    """
    if spec.dry_run:
        return ()
    if spec.suspend:
        killed = ledger.running if spec.suspend_mode is SuspendMode.KILL else ()
        return tuple(Stop(index, ledger.trying[index].number) for index in killed)
    if is_held(spec, total, ledger, now, hindrances):
        return ()
    blocked = {each.index for each in hindrances if each.until > now}
    running = [index for index in ledger.running if index in live]
    candidates = _due(ledger, now)
    if len(running) == len(ledger.running) and len(ledger.waiting) < MAX_WAITING:
        candidates += _untouched(total, ledger)
    free = [index for index in candidates if index not in blocked][: _free(spec, ledger, running, now)]
    return tuple(_start(ledger, index) for index in free)


def is_held(
    spec: IngestBatchSpec, total: int, ledger: Ledger, now: float, hindrances: Sequence[Hindrance]
) -> bool:
    """Whether nothing of the batch may start, whatever else is the case: what runs, or waits for a node, goes
    on."""
    return failed_too_often(spec, total, ledger) or any(
        each.index is None and each.until > now for each in hindrances
    )


def _free(spec: IngestBatchSpec, ledger: Ledger, running: Sequence[int], now: float) -> int:
    """How many processes may start: the free slots, or one probe where the breaker's time has come, or none
    while it is open."""
    slots = max(0, spec.parallelism - len(running))
    if ledger.breaker is None:
        return slots
    until = ledger.breaker.until
    probing = any(ledger.trying[index].not_before >= until for index in running)
    return min(slots, 1) if now >= until and not probing else 0


def _due(ledger: Ledger, now: float) -> list[int]:
    """Items whose next try may start."""
    return [index for index in ledger.waiting if ledger.trying[index].not_before <= now]


def _untouched(total: int, ledger: Ledger) -> list[int]:
    """Items that were not tried yet."""
    taken = ledger.final | set(ledger.trying)
    return [index for index in range(total) if index not in taken]


def _start(ledger: Ledger, index: int) -> Start:
    item = ledger.trying.get(index)
    if item is None:
        return Start(
            index, ledger.tries.get(index, 0) + 1, attempts=0, rung=ledger.learned_rung, disruptions=0
        )
    return Start(index, item.number + 1, item.attempts, max(item.rung, ledger.learned_rung), item.disruptions)
