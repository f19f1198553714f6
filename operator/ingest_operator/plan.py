"""What to do next, given what is wanted and what is remembered. Pure: touches nothing, asks nothing, logs nothing, reads no clock."""

from collections.abc import Collection, Sequence

from ingest_contract.batch import IngestBatchSpec, SuspendMode
from ingest_contract.status import MAX_WAITING
from ingest_operator.actions import Action, Start, Stop
from ingest_operator.hindrance import Hindrance
from ingest_operator.ledger import Ledger


def plan(
    spec: IngestBatchSpec, total: int, ledger: Ledger, live: Collection[int], now: float, hindrances: Sequence[Hindrance] = ()
) -> tuple[Action, ...]:
    """The actions that bring a planned batch of `total` items nearer to done, in a stated order: retries that are due, then new items.

    `live` are the items of which a process is seen to run. Others may count as running for as long as no row is free to remember by how
    they ended: they hold no slot, or those that wait would wait for them.
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


def is_held(spec: IngestBatchSpec, total: int, ledger: Ledger, now: float, hindrances: Sequence[Hindrance]) -> bool:
    """Whether nothing of the batch may start, whatever else is the case: what runs, or waits for a node, goes on."""
    return failed_too_often(spec, total, ledger) or any(each.index is None and each.until > now for each in hindrances)


def failed_too_often(spec: IngestBatchSpec, total: int, ledger: Ledger) -> bool:
    """Whether more of the batch has failed than it allows. At 100 % that cannot happen."""
    return len(ledger.failed) * 100 > spec.retry.max_failed_percent * total


def _free(spec: IngestBatchSpec, ledger: Ledger, running: Sequence[int], now: float) -> int:
    """How many processes may start: the free slots, or one probe where the breaker's time has come, or none while it is open."""
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
        return Start(index, ledger.tries.get(index, 0) + 1, attempts=0, rung=ledger.learned_rung, disruptions=0)
    return Start(index, item.number + 1, item.attempts, max(item.rung, ledger.learned_rung), item.disruptions)
