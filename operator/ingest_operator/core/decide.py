"""Decides the next actions from what is wanted, remembered and observed. Pure: touches nothing, logs nothing,
reads no clock."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from math import inf

from ingest_contract.batch import SuspendMode
from ingest_contract.failures import SITE_BREAKERS
from ingest_contract.status import MAX_WAITING_ROWS, IngestBatchStatus
from ingest_operator.core.actions import Action, Start, Stop
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import failed_too_often
from ingest_operator.core.fold import fold, is_recorded
from ingest_operator.core.ledger import Ledger, OpenItem, restore, within
from ingest_operator.core.nodes import none_left, sent, stranded
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.packs import packed, shared_slots
from ingest_operator.core.phases import Phase, estimated_mib, in_order, sizes_of
from ingest_operator.core.setup_failures import without_setup_failures
from ingest_operator.core.site_states import Sites
from ingest_operator.core.sites import Gate, after_ends, stopped_blocker, without_lost_probes
from ingest_operator.core.status import render
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
        yield stopped_blocker(name, stopped, "one recording probes", now)


def _actions(
    batch: Batch, ledger: Ledger, seen: Observation, now: float, gate: Gate | None
) -> tuple[Action, ...]:
    """The next actions, with avoided nodes and nodes that are tried again taken into account."""

    def may_start(start: Start) -> bool:
        fetches = start.phase is Phase.FETCH or not start.cached
        return gate is None or not fetches or gate.admit(batch.items[start.index], start.number)

    def is_shut(index: int) -> bool:
        return gate is not None and gate.is_shut(batch.items[index])

    shared = shared_slots(seen.runs)
    wanted = _plan(_Situation(batch, ledger, seen.live, now, seen.blockers, shared, is_shut), may_start)
    stops = tuple(
        Stop(run.index, run.number)
        for run in stranded(ledger, seen.runs, now)
        if _may_start_again(batch, ledger, run.phase, seen.blockers, now)
    )
    return (*stops, *sent(ledger, seen.runs, wanted))


def _may_start_again(
    batch: Batch, ledger: Ledger, phase: Phase, blockers: Sequence[Blocker], now: float
) -> bool:
    """Whether a run that is stopped would start again elsewhere. Where nothing may start it would not; once
    the breaker asks for a probe, one run may."""
    breaker = ledger.breaker_of(phase)
    is_open = breaker is not None and now < breaker.until
    return not (batch.spec.suspend or is_open or is_held(batch, ledger, now, blockers))


def _moments(ledger: Ledger, seen: Observation, gate: Gate | None) -> Iterator[float]:
    """When something may happen by itself:
    retries, the probe of an open breaker, starts that were refused, the next start on a site."""
    if gate is not None:
        yield from gate.waits.values()
    yield from (ledger.open_items[index].not_before for index in ledger.waiting)
    yield from (breaker.until for breaker in ledger.breakers)
    yield from (each.until for each in seen.blockers)


def plan(
    batch: Batch,
    ledger: Ledger,
    live: Collection[int],
    now: float,
    blockers: Sequence[Blocker] = (),
) -> tuple[Action, ...]:
    """The actions that bring a planned batch nearer to done, in a fixed order: retries that are due, then new
    recordings; where it fetches ahead, first what is ingested, then what is fetched.

    `live` are the recordings of which a run is observed. A recording stays "running" after its run ended
    while the status has no free row to record the end. It occupies no slot; otherwise waiting recordings
    would deadlock behind it.
    """
    return _plan(_Situation(batch, ledger, live, now, blockers), lambda _: True)


@dataclass(frozen=True, slots=True)
class _Situation:
    """What `plan` goes by."""

    batch: Batch
    ledger: Ledger
    live: Collection[int]
    now: float
    blockers: Sequence[Blocker]
    shared: int = 0
    """Live runs that need no slot, because they share one."""
    is_shut: Callable[[int], bool] = lambda _: False
    """Whether it is known that a recording cannot be fetched now. Asked first: of thousands, most cannot."""


def _plan(around: _Situation, may_start: Callable[[Start], bool]) -> tuple[Action, ...]:
    """As `plan`. `may_start` is asked about one start after the other, and counts those that it allows."""
    batch, ledger, now = around.batch, around.ledger, around.now
    live, blockers, spec = around.live, around.blockers, batch.spec
    if spec.dry_run:
        return ()
    if spec.suspend:
        killed = ledger.running if spec.suspend_mode is SuspendMode.KILL else ()
        return tuple(Stop(index, ledger.open_items[index].number) for index in killed)
    if is_held(batch, ledger, now, blockers):
        return ()
    blocked = {each.index for each in blockers if each.until > now}
    running = [index for index in ledger.running if index in live]
    candidates = [index for index in _due(ledger, now) if index not in blocked]
    if len(running) == len(ledger.running) and len(ledger.waiting) < MAX_WAITING_ROWS:
        candidates += [index for index in _untouched(len(batch.items), ledger) if index not in blocked]
    candidates = in_order(batch.items, candidates, spec.parallelism)
    slots = max(0, spec.parallelism - _running_in(ledger, Phase.INGEST, running) + around.shared)
    slots = _free(ledger, Phase.INGEST, running, slots, now)
    packing = batch.packing if ledger.breaker is None else None  # a probe is one run
    share = partial(packed, packing=packing, items=batch.items, cached=ledger.cached)
    if batch.ahead is None:
        new = (_start(ledger, index, Phase.INGEST) for index in candidates if not around.is_shut(index))
        return tuple(islice(share(new, may_start=may_start), slots))
    there = (_start(ledger, each, Phase.INGEST, cached=True) for each in candidates if ledger.has_audio(each))
    starts = tuple(islice(share(there, may_start=lambda _: True), slots))
    room = batch.ahead.recordings - _ahead(ledger, [index for each in starts for index in each.indexes])
    room = max(0, _free(ledger, Phase.FETCH, running, room, now))
    others = [index for index in candidates if not ledger.has_audio(index)]
    return (*starts, *islice(_fetches(around, others, may_start), room))


def is_held(batch: Batch, ledger: Ledger, now: float, blockers: Sequence[Blocker]) -> bool:
    """Whether no run of the batch may start, whatever else is true.
    What runs, or waits for a node, goes on."""
    return failed_too_often(batch.spec, len(batch.items), ledger) or any(
        each.index is None and each.until > now for each in blockers
    )


def _running_in(ledger: Ledger, phase: Phase, running: Sequence[int]) -> int:
    return sum(ledger.open_items[index].phase is phase for index in running)


def _free(ledger: Ledger, phase: Phase, running: Sequence[int], slots: int, now: float) -> int:
    """How many runs of one phase may start: the free slots, or one probe once the wait of its breaker is
    over, or none while that is open."""
    breaker = ledger.breaker_of(phase)
    if breaker is None:
        return slots
    probing = any(
        ledger.open_items[index].phase is phase and ledger.open_items[index].not_before >= breaker.until
        for index in running
    )
    return min(slots, 1) if now >= breaker.until and not probing else 0


def _ahead(ledger: Ledger, ingested: Collection[int]) -> int:
    """Recordings that are ahead of ingesting, the ones left out that start to be ingested now."""
    ingesting = {*ledger.running_in(Phase.INGEST), *ingested}
    return len(ledger.running_in(Phase.FETCH)) + len(ledger.cached.keys() - ingesting)


def _fetches(
    around: _Situation, wanted: Sequence[int], may_start: Callable[[Start], bool]
) -> Iterator[Start]:
    """Fetches of as many of these recordings, in their order, as the cache has room for; of one, where it is
    empty."""
    batch, ledger = around.batch, around.ledger
    assert batch.ahead is not None  # noqa: S101 -- nobody asks otherwise
    fetching = dict.fromkeys(ledger.running_in(Phase.FETCH), 0)
    taken = sizes_of(batch.items, {**fetching, **ledger.cached})
    for index in (each for each in wanted if not around.is_shut(each)):
        size = estimated_mib(batch.items[index])
        if taken and taken + size > batch.ahead.mib:
            return
        start = _start(ledger, index, Phase.FETCH)
        if may_start(start):
            taken += size
            yield start


def _due(ledger: Ledger, now: float) -> list[int]:
    """Recordings whose next run may start: those that waited for it, then those that are fetched."""
    retries = [index for index in ledger.waiting if ledger.open_items[index].not_before <= now]
    return [*retries, *ledger.fetched]


def _untouched(total: int, ledger: Ledger) -> list[int]:
    """Recordings that had no run yet."""
    taken = ledger.final | set(ledger.open_items)
    return [index for index in range(total) if index not in taken]


def _start(ledger: Ledger, index: int, phase: Phase, *, cached: bool = False) -> Start:
    item = ledger.open_items.get(index) or OpenItem(
        ledger.runs.get(index, 0), charged_attempts=0, rung=0, disruptions=0, running=False, not_before=0.0
    )
    learned = ledger.learned_rung if phase is Phase.INGEST else 0
    return Start(
        index,
        item.number + 1,
        item.charged_attempts,
        max(item.rung, learned),
        item.disruptions,
        phase=phase,
        cached=cached,
    )
