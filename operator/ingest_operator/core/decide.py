"""Decides the next actions from what is wanted, remembered and observed. Pure: touches nothing, logs nothing,
reads no clock."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from ingest_contract.batch import IngestBatchSpec, SuspendMode
from ingest_contract.failures import FAILURES, SITE_BREAKERS
from ingest_contract.status import MAX_WAITING_ROWS, IngestBatchStatus
from ingest_operator.core.actions import Action, Start, Stop
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import failed_too_often
from ingest_operator.core.fold import fold, is_recorded
from ingest_operator.core.ledger import Ledger, restore, within
from ingest_operator.core.nodes import none_left, sent, stranded
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.setup_failures import without_setup_failures
from ingest_operator.core.site_states import Sites
from ingest_operator.core.sites import Gate, after_ends, without_lost_probes
from ingest_operator.core.status import render
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.core.vanished import vanished


@dataclass(frozen=True, slots=True)
class Previous:
    """The last accepted status of a batch, and the ledger that it holds: restored once, for every caller."""

    status: IngestBatchStatus | None
    ledger: Ledger

    @classmethod
    def of(cls, batch: Batch, status: IngestBatchStatus | None) -> "Previous":
        """What a status means for this batch."""
        ledger = within(restore(status), len(batch.items))
        return cls(status, without_setup_failures(ledger) if batch.setup_fixed else ledger)


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of one reconcile."""

    seen: Observation
    """The observation that it is based on."""
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
    """Epoch seconds at which more may be decided without any event;
    infinity where only an event can change something."""
    sites: Sites | None = None
    """What must be remembered of sites, before the status is written and before anything starts."""
    written: int = 0
    """Bytes of the status as it was written; 0 before that, and where it says nothing new."""

    @property
    def is_idle(self) -> bool:
        """Whether no run of the batch was observed, and none is started."""
        return not self.seen.live and not any(isinstance(action, Start) for action in self.actions)


def decide(batch: Batch, previous: Previous, seen: Observation, now: float) -> Decision:
    """The decision from what is observed at `now` (epoch seconds): the new status, and the actions to perform
    once it is accepted."""
    before, ledger = previous.ledger, previous.ledger
    if batch.planned is not None:  # without a plan nothing runs, and no pass of `retryFailed` can begin
        ids = {item.index: item.id for item in batch.items}
        ledger = fold(
            before, seen.runs, batch.spec, ids, now, SITE_BREAKERS if batch.sites is not None else frozenset()
        )
    recorded = tuple(run for run in seen.runs if run.ended is not None and is_recorded(ledger, run))
    ended = {(run.index, run.number): run for run in recorded if not is_recorded(before, run)}
    gate = _gate(batch, ended.values(), seen, now)
    actions = _actions(batch, ledger, seen, now, gate)
    more = (*none_left(ledger, seen.runs, now), *vanished(ledger, now), *_closed(gate, actions, now))
    shown = replace(seen, blockers=(*seen.blockers, *more))
    return Decision(
        seen=seen,
        status=render(batch, shown, ledger, previous.status, now),
        ledger=ledger,
        ended=tuple(ended.values()),
        recorded=recorded,
        actions=actions,
        next_at=min((moment for moment in _moments(ledger, seen, gate) if moment > now), default=inf),
        sites=gate.sites if gate is not None else None,
    )


def _gate(batch: Batch, ended: Iterable[Run], seen: Observation, now: float) -> Gate | None:
    """The gate before the sites, with all that the ends of runs tell about them."""
    if batch.sites is None:
        return None
    informed = after_ends(batch.sites, batch.trace_id, ended, batch.items, now)
    return Gate(
        without_lost_probes(informed, batch.trace_id, seen.runs, batch.other_batches), batch.trace_id, now
    )


def _closed(gate: Gate | None, actions: Sequence[Action], now: float) -> Iterator[Blocker]:
    """Sites that stop, as long as nothing else starts either. Shown, and over at once: whether a recording
    starts, the gate decides."""
    if gate is None or any(isinstance(each, Start) for each in actions):
        return
    for name, stopped in sorted(gate.stopped.items()):
        message = (
            f"{name}: {FAILURES[stopped.reason].sentence} Nothing new starts there before "
            f"{to_rfc3339(stopped.until)}; then one recording probes. {stopped.message}"
        )
        yield Blocker(stopped.reason.value, message, now)


def _actions(
    batch: Batch, ledger: Ledger, seen: Observation, now: float, gate: Gate | None
) -> tuple[Action, ...]:
    """The next actions, with avoided nodes and nodes that are tried again taken into account."""
    spec, total = batch.spec, len(batch.items)
    # where nothing may start it would not start again; once the breaker asks for a probe, one run may
    is_open = ledger.breaker is not None and now < ledger.breaker.until
    held = spec.suspend or is_open or is_held(spec, total, ledger, now, seen.blockers)
    stranded_stops = () if held else stranded(ledger, seen.runs, now)
    stops = tuple(Stop(run.index, run.number) for run in stranded_stops)

    def may_start(start: Start) -> bool:
        return gate is None or gate.admit(batch.items[start.index], start.number)

    wanted = _plan(_Situation(spec, total, ledger, seen.live, now, seen.blockers), may_start)
    return (*stops, *sent(ledger, seen.runs, wanted))


def _moments(ledger: Ledger, seen: Observation, gate: Gate | None) -> Iterator[float]:
    """When something may happen by itself:
    retries, the probe of an open breaker, starts that were refused, the next start on a site."""
    if gate is not None:
        yield from gate.waits.values()
    yield from (ledger.open_items[index].not_before for index in ledger.waiting)
    if ledger.breaker is not None:
        yield ledger.breaker.until
    yield from (each.until for each in seen.blockers)


def plan(
    spec: IngestBatchSpec,
    total: int,
    ledger: Ledger,
    live: Collection[int],
    now: float,
    blockers: Sequence[Blocker] = (),
) -> tuple[Action, ...]:
    """The actions that bring a planned batch of `total` recordings nearer to done, in a fixed order: retries
    that are due, then new recordings.

    `live` are the recordings of which a run is observed. A recording stays "running" after its run ended
    while the status has no free row to record the end. It occupies no slot; otherwise waiting recordings
    would deadlock behind it.
    """
    return _plan(_Situation(spec, total, ledger, live, now, blockers), lambda _: True)


@dataclass(frozen=True, slots=True)
class _Situation:
    """What `plan` goes by."""

    spec: IngestBatchSpec
    total: int
    ledger: Ledger
    live: Collection[int]
    now: float
    blockers: Sequence[Blocker]


def _plan(around: _Situation, may_start: Callable[[Start], bool]) -> tuple[Action, ...]:
    """As `plan`. `may_start` is asked about one start after the other, and counts those that it allows."""
    spec, total, ledger, now = around.spec, around.total, around.ledger, around.now
    live, blockers = around.live, around.blockers
    if spec.dry_run:
        return ()
    if spec.suspend:
        killed = ledger.running if spec.suspend_mode is SuspendMode.KILL else ()
        return tuple(Stop(index, ledger.open_items[index].number) for index in killed)
    if is_held(spec, total, ledger, now, blockers):
        return ()
    blocked = {each.index for each in blockers if each.until > now}
    running = [index for index in ledger.running if index in live]
    candidates = _due(ledger, now)
    if len(running) == len(ledger.running) and len(ledger.waiting) < MAX_WAITING_ROWS:
        candidates += _untouched(total, ledger)
    slots, starts = _free(spec, ledger, running, now), list[Start]()
    for index in candidates:
        if len(starts) >= slots:
            break
        start = _start(ledger, index)
        if index not in blocked and may_start(start):
            starts.append(start)
    return tuple(starts)


def is_held(
    spec: IngestBatchSpec, total: int, ledger: Ledger, now: float, blockers: Sequence[Blocker]
) -> bool:
    """Whether no run of the batch may start, whatever else is true.
    What runs, or waits for a node, goes on."""
    return failed_too_often(spec, total, ledger) or any(
        each.index is None and each.until > now for each in blockers
    )


def _free(spec: IngestBatchSpec, ledger: Ledger, running: Sequence[int], now: float) -> int:
    """How many runs may start: the free slots, or one probe once the breaker's wait is over, or none while it
    is open."""
    slots = max(0, spec.parallelism - len(running))
    if ledger.breaker is None:
        return slots
    until = ledger.breaker.until
    probing = any(ledger.open_items[index].not_before >= until for index in running)
    return min(slots, 1) if now >= until and not probing else 0


def _due(ledger: Ledger, now: float) -> list[int]:
    """Recordings whose next run may start."""
    return [index for index in ledger.waiting if ledger.open_items[index].not_before <= now]


def _untouched(total: int, ledger: Ledger) -> list[int]:
    """Recordings that had no run yet."""
    taken = ledger.final | set(ledger.open_items)
    return [index for index in range(total) if index not in taken]


def _start(ledger: Ledger, index: int) -> Start:
    item = ledger.open_items.get(index)
    if item is None:
        return Start(
            index, ledger.runs.get(index, 0) + 1, charged_attempts=0, rung=ledger.learned_rung, disruptions=0
        )
    return Start(
        index, item.number + 1, item.charged_attempts, max(item.rung, ledger.learned_rung), item.disruptions
    )
