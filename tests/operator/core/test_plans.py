"""What the plans of a batch come to together."""

from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_operator.core.plans import Plan, covered_by, items_of, status_of
from testkit.objects.builders import items

FIRST = Plan(
    2, PlanDocument(items=items(3, 600), skip_counts={SkipReason.TOO_SHORT: 1, SkipReason.DUPLICATE: 2})
)
LATER = Plan(5, PlanDocument(items=items(5, None)[3:], skip_counts={SkipReason.DUPLICATE: 1}))


def test_items_of_later_plans_come_after_those_of_earlier_ones() -> None:
    assert [item.index for item in items_of((FIRST, LATER))] == [0, 1, 2, 3, 4]


def test_a_status_adds_up_what_all_plans_found_and_left_out() -> None:
    status = status_of((FIRST, LATER))
    assert (status.sources, status.recordings, status.media_seconds) == (5, 5, 1800)
    assert [(entry.reason, entry.count) for entry in status.left_out] == [("Duplicate", 3), ("TooShort", 1)]


def test_a_batch_without_plans_has_no_source_planned() -> None:
    assert covered_by(()) == 0
