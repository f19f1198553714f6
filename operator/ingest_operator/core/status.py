"""The status that people and a restarted operator read, made from the ledger. Pure: the same ledger always
gives the same status."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import floor, fsum
from typing import Final

from ingest_contract.base import MAX_SUM, decimal
from ingest_contract.conditions import ConditionType, with_conditions
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.figures import Rtf
from ingest_contract.groups import FetchStatus, RunCount
from ingest_contract.intervals import encode
from ingest_contract.obstacles import Breaker
from ingest_contract.order import Item
from ingest_contract.progress import Progress
from ingest_contract.status import RTF_BUCKETS, Counts, IngestBatchStatus, ReasonCount, RecordingIntervals
from ingest_operator.core.batch import Batch
from ingest_operator.core.conditions import ConditionDraft, as_conditions, conclusions
from ingest_operator.core.cost import cost_of
from ingest_operator.core.failed import ByReason
from ingest_operator.core.ledger import Ledger, Open
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.phases import Phase, sizes_of
from ingest_operator.core.rows import fetched_of, groups_of, nodes_of, rows_of
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.core.totals import Totals, sums_of

MAX_LISTED_FAILURES: Final = 400
"""Failed recordings whose reasons are told one by one: 2 kB in the worst order. A status of 10,000 has no
room for more."""


_ONCE_THERE: Final = frozenset({ConditionType.NODES_AVOIDED, ConditionType.LANGUAGE_DOUBTED})


def render(
    batch: Batch, seen: Observation, ledger: Ledger, previous: IngestBatchStatus | None, now: float
) -> IngestBatchStatus:
    """The whole status, from the ledger and the current observation."""
    items, planned, progress = batch.items, batch.planned, seen.progress
    counts = _counts(len(items), ledger, seen.runs)
    unfinished = counts.total - len(ledger.final)
    done, total = _weights(items, ledger, progress)
    word, found = conclusions(batch, seen.blockers, counts, ledger)
    wanted = as_conditions(_worth_telling(found, previous), now, batch.generation)
    return IngestBatchStatus(
        observed_generation=batch.generation,
        conditions=with_conditions(previous.conditions if previous else (), wanted),
        state=word,
        trace_id=batch.trace_id,
        plan=planned.status if planned else None,
        profile=batch.profile,
        counts=counts,
        progress_percent=int(100 * (done / total)) if total else 100 if planned else 0,
        eta_seconds=_eta(total - done, ledger, min(batch.spec.parallelism, unfinished))
        if unfinished
        else None,
        audio_hours_per_hour=decimal(ledger.totals.media_seconds / ledger.active, 2)
        if ledger.active and ledger.totals.media_seconds
        else None,
        active_seconds=decimal(ledger.active),
        active_until=to_rfc3339(ledger.active_until) if ledger.active_until else None,
        computing_percent=_computing(ledger.totals),
        rtf=_rtf(ledger.histogram),
        sums=sums_of(ledger.totals),
        cost=cost_of(batch.price, ledger.totals),
        final_recordings=RecordingIntervals(
            succeeded=encode(ledger.succeeded), skipped=encode(ledger.skipped), failed=encode(ledger.failed)
        ),
        runs=_runs(ledger),
        running=groups_of(ledger),
        failures=_failures(ledger.failures),
        skips=_reasons(ledger.skips),
        recent=ledger.recent,
        breaker=_breaker(ledger.breaker),
        fetch=_fetch(batch, ledger),
        learned_rung=ledger.learned_rung or None,
        nodes=nodes_of(ledger),
        retry_failed=ledger.retry_failed,
        notifications=previous.notifications if previous else (),
        recordings=rows_of(items, ledger, progress),
    )


def _worth_telling(
    found: Iterable[ConditionDraft], previous: IngestBatchStatus | None
) -> Iterator[ConditionDraft]:
    """That no node is avoided, and no language doubted, is reported only for batches that had some."""
    known = {each.type for each in previous.conditions} if previous else set()
    for each in found:
        kind, holds, _, _ = each
        if holds or kind not in _ONCE_THERE or kind in known:
            yield each


def _counts(total: int, ledger: Ledger, runs: Iterable[Run]) -> Counts:
    """Where the recordings are. One whose run is over runs no more, though the ledger must call it so until a
    row is free that could say how it goes on (`fold`)."""
    over = {(run.index, run.number) for run in runs if run.ended is not None}
    unrecorded = {index for index in ledger.running if (index, ledger.open_items[index].number) in over}
    return Counts(
        total=total,
        pending=total - len(ledger.final) - len(ledger.open_items),
        fetching=len(set(ledger.running_in(Phase.FETCH)) - unrecorded),
        fetched=len(ledger.fetched),
        running=len(set(ledger.running_in(Phase.INGEST)) - unrecorded),
        waiting=len(ledger.waiting) + len(unrecorded),
        succeeded=len(ledger.succeeded),
        skipped=len(ledger.skipped),
        failed=len(ledger.failed),
    )


def _weights(items: Sequence[Item], ledger: Ledger, progress: Mapping[int, Progress]) -> tuple[float, float]:
    """(done, total) media seconds; a recording of unknown length weighs as much as the mean of the known
    ones.

    The sums do not depend on their order; otherwise a finished batch could show 99 %.
    """
    known = [item.duration_seconds for item in items if item.duration_seconds]
    mean = sum(known) / len(known) if known else 1.0
    weight = [float(item.duration_seconds or mean) for item in items]
    final = [weight[index] for index in ledger.final]
    ingesting = ledger.running_in(Phase.INGEST)
    partly = [weight[index] * progress[index].percent / 100 for index in ingesting if index in progress]
    return fsum(final + partly), fsum(weight)


def _eta(left: float, ledger: Ledger, workers: int) -> int | None:
    """Seconds to go, from the mean processing time per second of media so far."""
    totals = ledger.totals
    if not totals.media_seconds:
        return None
    seconds = max(0.0, left) * totals.processing_seconds / totals.media_seconds / workers
    return min(MAX_SUM, round(seconds))


def _computing(totals: Totals) -> int | None:
    """Of the time for which devices were held. Nodes tell whole seconds only, workers thousandths: of a short
    run more may seem computed than held."""
    if not totals.held_seconds:
        return None
    return min(100, floor(100 * totals.computing_seconds / totals.held_seconds))


def _rtf(histogram: tuple[int, ...]) -> Rtf | None:
    if not sum(histogram):
        return None
    return Rtf(
        p50=decimal(percentile(histogram, 0.5)), p95=decimal(percentile(histogram, 0.95)), histogram=histogram
    )


def percentile(histogram: tuple[int, ...], share: float) -> float:
    """A percentile of the RTFs, linear within its bucket like Prometheus' `histogram_quantile`; the open
    bucket gives its lower bound."""
    rank, below = share * sum(histogram), 0
    for position, count in enumerate(histogram):
        if count and below + count >= rank:
            lower = RTF_BUCKETS[position - 1] if position else 0.0
            if position == len(RTF_BUCKETS):
                return lower
            return lower + (RTF_BUCKETS[position] - lower) * (rank - below) / count
        below += count
    return 0.0


def _runs(ledger: Ledger) -> tuple[RunCount, ...]:
    settled = ledger.succeeded | ledger.skipped
    groups: dict[int, list[int]] = {}
    for index, number in ledger.runs.items():
        groups.setdefault(number, []).append(index)
    return tuple(
        RunCount(run=number, indexes=encode(groups[number], across=settled)) for number in sorted(groups)
    )


def _reasons(counts: Mapping[Reason, int]) -> tuple[ReasonCount, ...]:
    """Most frequent first."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(
        ReasonCount(reason=reason.value, count=count, sentence=FAILURES[reason].sentence)
        for reason, count in ordered
    )


def _failures(by_reason: ByReason) -> tuple[ReasonCount, ...]:
    """With which recordings they are, unless there are too many. By their number, not by what the lists take:
    what is left out is guessed when it is read (`failed.of_entries`), and guessed lists are short."""
    counts = {reason: len(which) for reason, which in by_reason.items()}
    entries = _reasons(counts)
    if sum(counts.values()) > MAX_LISTED_FAILURES:
        return entries
    return tuple(
        entry.model_copy(update={"recordings": encode(by_reason[Reason(entry.reason)])}) for entry in entries
    )


def _fetch(batch: Batch, ledger: Ledger) -> FetchStatus | None:
    cached = ledger.cached
    if batch.ahead is None and not (cached or ledger.fetch_recent or ledger.fetch_breaker):
        return None
    return FetchStatus(
        cached_mib=sizes_of(batch.items, cached),
        fetched=fetched_of(ledger),
        recent=ledger.fetch_recent,
        breaker=_breaker(ledger.fetch_breaker),
    )


def _breaker(held: Open | None) -> Breaker | None:
    return (
        Breaker(reason=held.reason, until=to_rfc3339(held.until), opened=held.opened, message=held.message)
        if held
        else None
    )
