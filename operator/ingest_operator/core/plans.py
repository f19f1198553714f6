"""The plans of a batch, taken together. Pure.

A recording's index never changes: sources that are added later, and those for which something was missing,
make a further plan, whose recordings come after.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ingest_contract.intervals import decode, encode
from ingest_contract.order import Item
from ingest_contract.plan_document import PlanDocument
from ingest_contract.status import PlanStatus, ReasonCount


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of a batch."""

    sources: int
    """How many entries of `spec.sources` this plan and the plans before it cover."""
    document: PlanDocument
    """What the plan found."""
    entries: str | None = field(default=None, kw_only=True)
    """Which of them this plan covers, as intervals; None for those that follow the ones before it."""


def entries_of(plans: Iterable[Plan]) -> frozenset[int]:
    """The entries of `spec.sources` that are planned."""
    found = set[int]()
    for plan in plans:
        found.update(range(len(found), plan.sources) if plan.entries is None else decode(plan.entries))
    return frozenset(found)


def entries_after(plans: Sequence[Plan], entries: Collection[int]) -> str | None:
    """The `entries` of a plan that follows these."""
    done = covered_by(plans)
    in_order = {*entries_of(plans), *entries} == {*range(done + len(entries))} and min(entries) == done
    return None if in_order else encode(entries)


def covered_by(plans: Sequence[Plan]) -> int:
    """How many entries of `spec.sources` are planned."""
    return plans[-1].sources if plans else 0


def items_of(plans: Iterable[Plan]) -> tuple[Item, ...]:
    """Every planned recording, by index."""
    return tuple(item for plan in plans for item in plan.document.items)


def status_of(plans: Sequence[Plan]) -> PlanStatus:
    """What the user reads about the plans."""
    counts: Counter[str] = Counter()
    for plan in plans:
        counts.update(plan.document.skip_counts)
    items = items_of(plans)
    return PlanStatus(
        sources=covered_by(plans),
        recordings=len(items),
        media_seconds=sum(item.duration_seconds or 0 for item in items),
        left_out=tuple(ReasonCount(reason=reason, count=count) for reason, count in sorted(counts.items())),
    )
