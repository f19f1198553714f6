"""The conditions of a batch, and the one word that a printer column shows. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES
from ingest_contract.status import Counts
from ingest_operator.core.batch import Batch
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.nodes import avoided_message, named
from ingest_operator.core.timestamps import to_rfc3339

TOO_MANY_FAILURES: Final = "TooManyFailures"
"""The reason of a batch in which more recordings failed than it allows."""

ConditionDraft = tuple[ConditionType, bool, str, str]
"""(type, whether it holds, reason, message)."""


def failed_too_often(spec: IngestBatchSpec, total: int, ledger: Ledger) -> bool:
    """Whether more recordings failed than the batch allows. At 100 % that cannot happen."""
    return len(ledger.failed) * 100 > spec.retry.max_failed_percent * total


def conclusions(
    batch: Batch, blockers: Sequence[Blocker], counts: Counts, ledger: Ledger
) -> tuple[str, tuple[ConditionDraft, ...]]:
    """(state word, the condition of every type).
    `blockers` are what must change outside before more can start."""
    found = tuple(_conditions(batch, blockers, counts, ledger))
    return _word({kind for kind, holds, _, _ in found if holds}, counts, batch), found


def as_conditions(found: Iterable[ConditionDraft], now: float, generation: int) -> Iterator[Condition]:
    """The drafts in the form of the API, as if each held for the first time."""
    for kind, holds, reason, message in found:
        yield Condition(
            type=kind,
            status=ConditionStatus.TRUE if holds else ConditionStatus.FALSE,
            reason=reason,
            message=message,
            last_transition_time=to_rfc3339(now),
            observed_generation=generation,
        )


def _conditions(
    batch: Batch, blockers: Sequence[Blocker], counts: Counts, ledger: Ledger
) -> Iterator[ConditionDraft]:
    spec, planned = batch.spec, batch.planned is not None
    done = _whole(batch) and (
        spec.dry_run or counts.succeeded + counts.skipped + counts.failed == counts.total
    )
    final = (
        f"{counts.succeeded} succeeded, {counts.skipped} skipped, {counts.failed} failed of {counts.total}"
    )
    if doubted := sum(ledger.totals.sounds_like.values()):
        final += f"; {doubted} in another language than ordered"
    if spec.dry_run and done:
        yield ConditionType.COMPLETE, True, "DryRun", f"{counts.total} recordings would be ingested"
    elif done:
        yield ConditionType.COMPLETE, True, "WithFailures" if counts.failed else "Succeeded", final
    else:
        yield (
            ConditionType.COMPLETE,
            False,
            "InProgress" if planned else "NotPlanned",
            final if planned else "",
        )
    failed = _failed(batch, counts, ledger)
    yield failed
    yield _stalled(failed, ledger, blockers, done=done)
    yield (
        ConditionType.RECONCILING,
        not planned and batch.failure is None,
        "Planned" if planned else "Planning",
        "",
    )
    yield _nodes(ledger, done=done)
    yield _language(ledger, counts)
    live = counts.running + counts.fetching
    draining = spec.suspend and live > 0
    reason = "Draining" if draining else "BySpec" if spec.suspend else "NotSuspended"
    yield (
        ConditionType.SUSPENDED,
        spec.suspend and not draining,
        reason,
        f"{live} still running" if draining else "",
    )


def _whole(batch: Batch) -> bool:
    """Whether all is planned that can be: a batch that waits for a list is not done with the others, whatever
    else of it cannot be planned. It has no `failure` then."""
    planned = batch.planned
    return planned is not None and (
        batch.failure is not None or planned.status.sources >= len(batch.spec.sources)
    )


def _failed(batch: Batch, counts: Counts, ledger: Ledger) -> ConditionDraft:
    """Whether the batch will not reach its goal unless a person acts."""
    spec, failure = batch.spec, batch.failure
    if batch.planned is not None and failed_too_often(spec, counts.total, ledger):
        # before what cannot be planned: nothing more starts, and nobody need wait for it
        limit = spec.retry.max_failed_percent
        return (
            ConditionType.FAILED,
            True,
            TOO_MANY_FAILURES,
            f"{counts.failed} of {counts.total} failed; retry.maxFailedPercent is {limit}",
        )
    if failure is not None:
        return ConditionType.FAILED, True, "PlanningFailed", f"{failure[0]}: {failure[1]}"[:1024]
    return ConditionType.FAILED, False, "WithinLimits", ""


def _stalled(
    failed: ConditionDraft, ledger: Ledger, blockers: Sequence[Blocker], *, done: bool
) -> ConditionDraft:
    """Whether something outside must change. A batch that is done needs no change, whatever its last runs
    met.

    A failed batch is stalled as well, if no other cause is there: this is the condition that kstatus knows.
    """
    held = next(iter(ledger.breakers), None)
    if done or (held is None and not blockers):
        _, fails, reason, message = failed
        return (
            (ConditionType.STALLED, True, reason, message)
            if fails
            else (ConditionType.STALLED, False, "NothingHeld", "")
        )
    if held is None:
        first, others = blockers[0], len(blockers) - 1
        return (
            ConditionType.STALLED,
            True,
            first.reason,
            (first.message + (f" (and {others} more)" if others else ""))[:1024],
        )
    what = "Nothing new starts" if held is ledger.breaker else "Nothing more is fetched"
    message = (
        f"{FAILURES[held.reason].sentence} {what} before {to_rfc3339(held.until)}; "
        f"then one recording probes. {held.message}"
    )
    return ConditionType.STALLED, True, held.reason.value, message[:1024]


def _nodes(ledger: Ledger, *, done: bool) -> ConditionDraft:
    """Whether some nodes are avoided for a while.
    In a batch that is done, `status.nodes` still says which were."""
    names = () if done else named(ledger)
    if not names:
        return ConditionType.NODES_AVOIDED, False, "NoneAvoided", ""
    worst = Counter(ledger.nodes[name].reason.value for name in names).most_common(1)[0][0]
    return ConditionType.NODES_AVOIDED, True, worst, avoided_message(ledger)[:1024]


def _language(ledger: Ledger, counts: Counts) -> ConditionDraft:
    """Whether recordings are surely in another language than ordered. That stays true of a batch that is
    done: what is stored of them is wrong."""
    found = ledger.totals.sounds_like
    if not found:
        return ConditionType.LANGUAGE_DOUBTED, False, "AsOrdered", ""
    languages = ", ".join(
        f"{language} {count}" for language, count in sorted(found.items(), key=lambda each: -each[1])
    )
    message = (
        f"{sum(found.values())} of {counts.succeeded} stored recordings are surely in another language than "
        f"the one ordered, by what they sound like: {languages}. Their text is translated or invented."
    )
    return ConditionType.LANGUAGE_DOUBTED, True, "SoundsOtherwise", message


def _word(holding: set[ConditionType], counts: Counts, batch: Batch) -> str:
    """The first that fits: what a person needs to know soonest."""
    spec = batch.spec
    words = (
        (ConditionType.FAILED in holding, "Failed"),
        (ConditionType.COMPLETE in holding and spec.dry_run, "DryRun"),
        (ConditionType.COMPLETE in holding and counts.failed > 0, "CompleteWithFailures"),
        (ConditionType.COMPLETE in holding, "Complete"),
        (ConditionType.SUSPENDED in holding, "Suspended"),
        (spec.suspend, "Suspending"),
        (ConditionType.STALLED in holding, "Stalled"),
        (batch.planned is None, "Planning"),
    )
    return next((word for fits, word in words if fits), "Running")
