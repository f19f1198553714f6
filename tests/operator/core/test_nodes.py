"""Which nodes a batch avoids: learned from ends that speak against them, forgotten after a while, never
leaving no node."""

from dataclasses import replace

import pytest

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.obstacles import MAX_NODES
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.actions import Start, Stop
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.ledger import Ledger, restore
from ingest_operator.core.nodes import (
    AVOIDED_SECONDS,
    LONGEST_AVOIDED_SECONDS,
    NO_OTHER_SECONDS,
    ONLY_NODE_ENDS,
    SETTLED_SECONDS,
    SETUP_PROBES,
    avoided,
    named,
    none_left,
    sent,
    stranded,
)
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.setup_failures import without_setup_failures
from testkit.objects.builders import NOW, a_planned_batch, a_run, folded, over, rendered

END = NOW + 60
ELSEWHERE = a_run(99, node="other")
"""A run that shows that there is another node."""
AGAINST = {reason: row.against_node for reason, row in FAILURES.items() if row.against_node}


def ended(index: int, reason: Reason | None, *, node: str = "bad", number: int = 1, **facts: int) -> Run:
    return over(a_run(index, number, node=node, **facts), reason)


def after(*runs: Run, ledger: Ledger | None = None, now: float = END) -> Ledger:
    return folded(ledger or Ledger(), *runs, ELSEWHERE, now=now)


def unplaced(index: int, *avoid: str, since: float = NOW) -> Run:
    return a_run(index, 2, unplaced_since=since, avoids=avoid)


AVOIDING = after(ended(0, Reason.GPU_BROKEN))
OPEN = after(ledger=AVOIDING, now=END + AVOIDED_SECONDS)
"""The same, when the node may be tried again."""


@pytest.mark.parametrize("reason", AGAINST, ids=str)
def test_a_node_is_avoided_after_as_many_ends_as_the_table_says_and_not_before(reason: Reason) -> None:
    runs = [ended(index, reason) for index in range(AGAINST[reason])]
    assert avoided(after(*runs[:-1])) == ()
    assert avoided(after(*runs)) == ("bad",)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in AGAINST], ids=str)
def test_ends_that_say_nothing_about_a_node_are_not_held_against_it(reason: Reason) -> None:
    assert not after(*(ended(index, reason) for index in range(8))).nodes


def test_a_success_takes_back_what_was_held_against_a_node() -> None:
    one = after(ended(0, Reason.PREEMPTED))
    assert one.nodes["bad"].runs == 1
    assert not after(ended(1, None), ledger=one).nodes


def test_a_success_that_began_before_the_node_was_avoided_proves_nothing() -> None:
    assert avoided(after(ended(1, None), ledger=AVOIDING)) == ("bad",)


def test_where_no_other_node_is_known_it_takes_more_to_avoid_one_unless_the_recording_must_go_elsewhere() -> (
    None
):
    def alone(count: int, reason: Reason) -> tuple[str, ...]:
        return avoided(folded(Ledger(), *(ended(index, reason) for index in range(count))))

    assert alone(ONLY_NODE_ENDS - 1, Reason.NODE_REJECTED) == ()
    assert alone(ONLY_NODE_ENDS, Reason.NODE_REJECTED) == ("bad",)
    assert alone(1, Reason.GPU_BROKEN) == ("bad",)


def test_starts_are_kept_from_avoided_nodes_and_one_at_a_time_tries_those_whose_time_is_over() -> None:
    starts = [Start(index, 1, 0, 0, 0) for index in range(3)]
    assert [each.avoid for each in sent(AVOIDING, [], starts) if isinstance(each, Start)] == [("bad",)] * 3
    assert avoided(OPEN) == ()
    assert [each.avoid for each in sent(OPEN, [], starts) if isinstance(each, Start)] == [
        (),
        ("bad",),
        ("bad",),
    ]
    for probing in (a_run(7, node="bad"), a_run(7, unplaced_since=END)):
        assert [each.avoid for each in sent(OPEN, [probing], starts) if isinstance(each, Start)] == [
            ("bad",)
        ] * 3
    assert [
        each.avoid for each in sent(OPEN, [a_run(7, node="other")], starts[:1]) if isinstance(each, Start)
    ] == [()]


def test_each_time_in_a_row_a_node_is_avoided_for_twice_as_long_up_to_hours_and_a_success_forgets_it() -> (
    None
):
    ledger, began, lengths = AVOIDING, END, []
    for number in range(2, 8):
        now = ledger.nodes["bad"].until
        lengths.append(now - began)
        ledger = after(ledger=ledger, now=now)
        began = now + 10
        ledger = after(
            over(a_run(0, number, node="bad", started_at=now), Reason.NODE_REJECTED, at=began),
            ledger=ledger,
            now=began,
        )
    assert lengths == [
        AVOIDED_SECONDS,
        2 * AVOIDED_SECONDS,
        4 * AVOIDED_SECONDS,
        *[LONGEST_AVOIDED_SECONDS] * 3,
    ]
    assert not after(
        over(a_run(5, 2, node="bad", started_at=END + AVOIDED_SECONDS)),
        ledger=OPEN,
        now=END + AVOIDED_SECONDS + 60,
    ).nodes


def test_a_node_that_nothing_is_sent_to_any_more_is_forgotten() -> None:
    assert not after(ledger=OPEN, now=END + 2 * AVOIDED_SECONDS).nodes
    assert not after(ledger=after(ended(0, Reason.PREEMPTED)), now=END + AVOIDED_SECONDS).nodes


def test_a_new_pass_and_a_fixed_profile_forget_all_nodes() -> None:
    assert not folded(AVOIDING, retry_failed="again").nodes
    assert not without_setup_failures(AVOIDING).nodes


def test_what_a_machine_does_to_several_is_charged_to_the_first_alone_and_opens_no_breaker() -> None:
    ledger = after(*(ended(index, Reason.GPU_BROKEN) for index in range(9)))
    assert [ledger.open_items[index].charged_attempts for index in range(9)] == [1, *[0] * 8]
    assert {ledger.open_items[index].disruptions for index in range(1, 9)} == {1}
    assert ledger.breaker is None
    assert ledger.recent == ("GpuBroken",)


def test_a_recording_that_breaks_every_gpu_is_charged_for_each() -> None:
    ledger = Ledger()
    for number in range(1, 4):
        ledger = after(
            ended(0, Reason.GPU_BROKEN, node=f"gpu-{number}", number=number, charged_attempts=number - 1),
            ledger=ledger,
        )
    assert ledger.failed == {0}


def test_while_nothing_has_a_place_avoided_nodes_are_tried_again_after_a_minute_then_ever_later() -> None:
    waiting = (unplaced(0, "bad"), unplaced(1, "bad"))
    alone = folded(Ledger(), ended(0, Reason.GPU_BROKEN))
    assert avoided(folded(alone, *waiting, now=END + NO_OTHER_SECONDS - 1)) == ("bad",)
    opened = folded(alone, *waiting, now=END + NO_OTHER_SECONDS)
    assert avoided(opened) == ()
    assert [run.index for run in stranded(opened, waiting, END + NO_OTHER_SECONDS)] == [0], (
        "one of them makes the try"
    )
    again = folded(
        opened,
        over(a_run(2, 2, node="bad", started_at=END + 70), Reason.GPU_BROKEN, at=END + 75),
        now=END + 75,
    )
    assert avoided(folded(again, *waiting, now=END + 75 + 2 * NO_OTHER_SECONDS - 1)) == ("bad",)
    assert avoided(folded(again, *waiting, now=END + 75 + 2 * NO_OTHER_SECONDS)) == ()


@pytest.mark.parametrize(
    "other", [a_run(5, node="other"), a_run(5, node="bad")], ids=["elsewhere", "on the node itself"]
)
def test_while_anything_has_a_place_those_that_wait_go_on_waiting(other: Run) -> None:
    ledger = folded(AVOIDING, unplaced(0, "bad"), other, now=END + 9 * NO_OTHER_SECONDS)
    assert avoided(ledger) == ("bad",)
    assert stranded(ledger, (unplaced(0, "bad"), other), END + 9 * NO_OTHER_SECONDS) == ()


def test_who_is_kept_from_a_node_that_has_proved_good_begins_again() -> None:
    waiting = unplaced(0, "bad", "worse")
    assert stranded(AVOIDING, (waiting, ELSEWHERE), NOW + SETTLED_SECONDS) == (waiting,), (
        "nothing is held against the other any more"
    )
    assert stranded(Ledger(), (waiting,), NOW + SETTLED_SECONDS - 1) == ()
    assert stranded(Ledger(), (replace(waiting, unplaced_since=None),), NOW + 99) == ()


def test_a_batch_that_waits_for_any_other_node_says_so_once_a_scheduler_had_its_time() -> None:
    alone = folded(Ledger(), ended(0, Reason.GPU_BROKEN))
    assert list(none_left(alone, [unplaced(0, "bad")], NOW + SETTLED_SECONDS - 1)) == []
    [held] = none_left(alone, [unplaced(0, "bad")], NOW + SETTLED_SECONDS)
    assert held.reason == "NoOtherNode"
    assert "bad (1 GpuBroken" in held.message
    assert list(none_left(alone, [unplaced(0, "bad"), ELSEWHERE], NOW + 99)) == []


def test_a_condition_names_avoided_nodes_and_is_there_only_where_there_were_some() -> None:
    def told(
        ledger: Ledger, before: IngestBatchStatus | None = None
    ) -> list[tuple[ConditionStatus, str, str]]:
        found = rendered(a_planned_batch(200), ledger, before, NOW).conditions
        return [
            (each.status, each.reason, each.message)
            for each in found
            if each.type is ConditionType.NODES_AVOIDED
        ]

    assert told(Ledger()) == []
    [(status, reason, message)] = told(AVOIDING)
    assert (status, reason) == (ConditionStatus.TRUE, "GpuBroken")
    assert message == "bad (1 GpuBroken, until 2027-01-15T08:31:00Z)"
    assert told(OPEN, rendered(a_planned_batch(200), AVOIDING, None, NOW)) == [
        (ConditionStatus.FALSE, "NoneAvoided", "")
    ]


def test_no_more_nodes_are_remembered_than_the_status_has_room_for_and_those_that_are_avoided_stay() -> None:
    weak = [ended(index, Reason.PREEMPTED, node=f"weak-{index}") for index in range(MAX_NODES)]
    strong = [ended(100 + index, Reason.NODE_LOST, node=f"strong-{index}") for index in range(5)]
    ledger = after(*weak, *strong)
    assert len(ledger.nodes) == MAX_NODES
    assert len(avoided(ledger)) == 5
    status = rendered(a_planned_batch(200), ledger, None, NOW)
    assert restore(IngestBatchStatus.model_validate_json(status.to_json())) == ledger


def test_the_table_sends_elsewhere_what_a_machine_did_and_holds_that_against_it() -> None:
    assert all(
        AGAINST.get(reason) for reason, row in FAILURES.items() if row.verdict is Verdict.RETRY_ELSEWHERE
    )


def test_what_stops_is_sent_as_it_is() -> None:
    assert sent(AVOIDING, [], [Stop(1, 2)]) == (Stop(1, 2),)


def test_while_one_run_waits_for_a_node_that_is_tried_again_no_other_begins_again_for_it() -> None:
    open_item, others = (
        a_run(0, 3, unplaced_since=NOW),
        tuple(unplaced(index, "bad") for index in range(1, 4)),
    )
    assert stranded(OPEN, (open_item, *others), END + AVOIDED_SECONDS) == ()
    assert stranded(OPEN, others, END + AVOIDED_SECONDS) == others[:1]


def test_any_number_of_times_in_a_status_gives_a_time() -> None:
    bent = replace(AVOIDING, nodes={"bad": replace(AVOIDING.nodes["bad"], times=2000)})
    assert (
        after(ledger=bent, now=END + 2 * LONGEST_AVOIDED_SECONDS).nodes["bad"].until
        == END + 3 * LONGEST_AVOIDED_SECONDS
    )


def test_a_probe_that_waits_for_a_node_which_is_free_again_starts_over() -> None:
    """Otherwise the breaker waits for the probe, and the probe for a node that it may not take, for ever."""
    batch = a_planned_batch(1)
    opened = folded(Ledger(), over(a_run(0, node="bad"), Reason.ORDER_INVALID))
    assert opened.breaker is not None
    probed_at = opened.breaker.until
    probe = replace(unplaced(0, "bad", since=probed_at), started_at=probed_at)
    previous = Previous(rendered(batch, opened), opened)
    while_open = decide(batch, previous, Observation((unplaced(0, "bad"),)), probed_at - 1)
    assert while_open.actions == ()
    waiting = decide(batch, previous, Observation((probe,)), probed_at + SETTLED_SECONDS)
    assert waiting.actions == (Stop(0, 2),)
    stopped = over(probe, Reason.INTERRUPTED, at=probed_at + 20)
    again = decide(batch, Previous(waiting.status, waiting.ledger), Observation((stopped,)), probed_at + 120)
    assert again.actions == (Start(0, 3, charged_attempts=0, rung=0, disruptions=1),)


def a_probe(index: int, number: int, node: str, ledger: Ledger, reason: Reason | None) -> Run:
    """A run that the open breaker let through, and how it ended."""
    assert ledger.breaker is not None
    began = ledger.breaker.until
    return over(a_run(index, number, node=node, started_at=began), reason, at=began + 10)


OF_SETUP = [reason for reason in AGAINST if FAILURES[reason].verdict is Verdict.STOP_BATCH]


@pytest.mark.parametrize("reason", OF_SETUP, ids=str)
def test_a_reason_of_the_setup_is_looked_for_elsewhere_and_names_the_node_once_a_run_gets_through(
    reason: Reason,
) -> None:
    ledger = folded(Ledger(), ended(0, reason))
    probe = a_probe(0, 2, "bad", ledger, reason)
    ledger = folded(ledger, probe, now=END + 100)
    assert (avoided(ledger), named(ledger)) == (("bad",), ())
    ledger = folded(ledger, a_probe(0, 3, "good", ledger, None), now=END + 1000)
    assert (ledger.breaker, avoided(ledger), named(ledger)) == (None, ("bad",), ("bad",))


@pytest.mark.parametrize("reason", OF_SETUP, ids=str)
def test_a_reason_of_the_setup_that_every_node_meets_is_held_against_none_and_names_none(
    reason: Reason,
) -> None:
    ledger = folded(Ledger(), *(ended(index, reason, node=f"n{index % 4}") for index in range(8)))
    seen = [(avoided(ledger), named(ledger))]
    assert seen[0] == (("n0", "n1", "n2"), ())  # the last may be the only one that is left
    for number in range(2, SETUP_PROBES + 6):
        assert ledger.breaker is not None
        moment = ledger.breaker.until
        probe = a_probe(0, number, f"n{number % 4}", ledger, reason)
        ledger = folded(ledger, probe, now=moment + 10)
        seen.append((avoided(ledger), named(ledger)))
    assert {told for _, told in seen} == {()}
    assert {held for held, _ in seen[SETUP_PROBES - 1 :]} == {()}
    assert ledger.breaker is not None
    assert ledger.breaker.reason is reason
