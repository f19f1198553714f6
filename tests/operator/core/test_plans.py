"""What the plans of a batch come to together."""

from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_operator.core.plans import Plan, covered_by, entries_after, entries_of, items_of, status_of
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


@given(st.data())
def test_plans_of_some_entries_and_of_the_rest_later_cover_each_entry_once(data: st.DataObject) -> None:
    plans, left = list[Plan](), frozenset(range(data.draw(st.integers(1, 8))))
    total = len(left)
    while left:
        taken = data.draw(st.frozensets(st.sampled_from(sorted(left)), min_size=1))
        entries = entries_after(plans, taken)
        plans.append(Plan(covered_by(plans) + len(taken), PlanDocument(items=()), entries=entries))
        left -= taken
        assert entries_of(plans) == frozenset(range(total)) - left
        assert status_of(plans).sources == total - len(left)


def test_plans_in_order_say_no_entries_as_those_of_earlier_versions() -> None:
    assert entries_of((FIRST, LATER)) == frozenset(range(5))
    assert (entries_after((FIRST, LATER), {5, 6}), entries_after((FIRST,), {3})) == (None, "3")


def test_a_batch_without_plans_has_no_source_planned() -> None:
    assert covered_by(()) == 0
