"""Several short recordings in one Job: which share one, and what its end says of each of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pack import PackEntry, PackWriter
from ingest_contract.receipt import Receipt
from ingest_operator.core.actions import Start
from ingest_operator.core.batch import Batch
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.ledger import Ledger, Open, OpenItem, restore
from ingest_operator.core.outcome import Ended, Observation, Run, Waits, outcome_of
from ingest_operator.core.packs import packed, runs_in
from ingest_operator.core.phases import Ahead, Packing, Phase
from testkit.objects.builders import (
    NOW,
    TRACE,
    a_failure,
    a_receipt,
    a_run,
    a_spec,
    an_item,
    folded,
    planned,
)

PACKING = Packing(max_seconds=60, recordings=3)
LENGTHS = (30, 600, 30, 30, None, 30, 60, 61)


def a_start(index: int, **fields: int) -> Start:
    facts = {"number": 1, "charged_attempts": 0, "rung": 0, "disruptions": 0} | fields
    return Start(index, **facts)


def groups(starts: Sequence[Start], cached: dict[int, int] | None = None) -> list[tuple[int, ...]]:
    items = [an_item(index, seconds) for index, seconds in enumerate(LENGTHS)]
    return [each.indexes for each in packed(starts, PACKING, items, cached or {}, lambda _: True)]


def test_short_recordings_share_a_job_up_to_the_limit_and_others_keep_their_own() -> None:
    assert groups([a_start(index) for index in range(8)]) == [(0, 2, 3), (1,), (4,), (5, 6), (7,)]


@pytest.mark.parametrize("budget", [{"charged_attempts": 1}, {"disruptions": 1}])
def test_what_has_failed_or_was_interrupted_runs_alone(budget: dict[str, int]) -> None:
    assert groups([a_start(0), a_start(2, **budget), a_start(3)]) == [(0, 3), (2,)]


def test_only_runs_of_one_number_and_rung_share_a_job() -> None:
    starts = [a_start(0), a_start(2, rung=1), a_start(3, number=2), a_start(5), a_start(6, rung=1)]
    assert groups(starts) == [(0, 5), (2, 6), (3,)]


@pytest.mark.parametrize(("mib", "found"), [(0, [(0,), (4,)]), (2, [(0, 4)]), (3, [(0,), (4,)])])
def test_a_recording_of_unknown_length_is_as_short_as_its_fetched_audio(
    mib: int, found: list[tuple[int, ...]]
) -> None:
    assert groups([a_start(0), a_start(4)], {4: mib}) == found


def test_a_fetch_has_a_job_of_its_own() -> None:
    assert groups([replace(a_start(index), phase=Phase.FETCH) for index in (0, 2)]) == [(0,), (2,)]


def test_who_may_not_start_is_left_out_and_nobody_is_asked_for_more_than_is_read() -> None:
    asked: list[int] = []

    def may_start(start: Start) -> bool:
        asked.append(start.index)
        return start.index != 2

    items = [an_item(index, 30) for index in range(8)]
    found = packed([a_start(index) for index in range(8)], PACKING, items, {}, may_start)
    assert next(found).indexes == (0, 1)
    assert asked == [0, 1, 2]


# What is decided.


def a_batch(count: int = 20, **fields: int) -> Batch:
    items = tuple(an_item(index, 30) for index in range(count))
    return Batch(a_spec(**fields), 1, TRACE, planned(items), packing=PACKING)


def starts(batch: Batch, ledger: Ledger, *runs: Run, now: float = NOW) -> list[tuple[int, ...]]:
    decision = decide(batch, Previous(None, ledger), Observation(runs), now)
    return [each.indexes for each in decision.actions if isinstance(each, Start)]


def test_parallelism_counts_jobs() -> None:
    batch = a_batch(parallelism=2)
    assert starts(batch, Ledger()) == [(0, 1, 2), (3, 4, 5)]
    shared = [a_run(index, pack=0) for index in range(3)]
    ledger = folded(Ledger(), *shared, now=NOW)
    assert starts(batch, ledger, *shared) == [(3, 4, 5)]
    assert starts(replace(batch, packing=None), ledger, *shared) == [(3,)]


def test_a_probe_is_one_run() -> None:
    ledger = Ledger(breaker=Open(Reason.DATABASE_UNAVAILABLE, NOW - 1, 1, ""))
    assert starts(a_batch(parallelism=2), ledger) == [(0,)]


def test_what_is_fetched_shares_a_job_and_the_rest_is_fetched_one_by_one() -> None:
    fetched = OpenItem(1, 0, 0, 0, running=False, not_before=0.0, cached_mib=1)
    ledger = Ledger(open_items={0: fetched, 2: fetched, 3: fetched})
    batch = replace(a_batch(parallelism=1), ahead=Ahead(recordings=2, mib=1000))
    assert starts(batch, ledger) == [(0, 2, 3), (1,), (4,)]


# How it ends.

GOOD, GONE = a_receipt(media=30.0), a_failure(Reason.REMOVED)
INDEXES = (3, 5, 8)


def told(*ends: tuple[int, Receipt | None, Reason | None], begun: int | None = None) -> str:
    """A termination message: how each of the first recordings ended, and which is under way."""
    writer = PackWriter(len(INDEXES))
    text = writer.header
    for index, (code, receipt, seen) in zip(INDEXES, ends, strict=False):
        text += writer.begun(index)
        text += writer.ended(PackEntry(index=index, ended=True, code=code, receipt=receipt, seen=seen))
    return text + (writer.begun(begun) if begun is not None else "")


def of(ended: Ended, **fields: object) -> tuple[Run, ...]:
    """The runs of a Job that ended so."""
    job = a_run(3, node="n", held_seconds=90.0, gpu_seconds=180.0, waits=Waits(queued=7.0), **fields)
    return runs_in(replace(job, ended=ended, ended_at=NOW + 90), INDEXES)


def reasons(runs: Sequence[Run]) -> list[Reason | None]:
    return [outcome_of(each.ended).reason for each in runs if each.ended is not None]


def test_each_recording_ends_as_its_own_process_did() -> None:
    runs = of(Ended(90, told((0, GOOD, None), (22, GONE, None), (0, GOOD, None))))
    assert reasons(runs) == [None, Reason.REMOVED, None]
    assert [each.index for each in runs] == list(INDEXES)
    ledger = folded(Ledger(), *runs, now=NOW + 90)
    assert (ledger.succeeded, ledger.skipped) == ({3, 8}, {5})
    assert ledger.totals.media_seconds == 60.0
    assert folded(ledger, *runs, now=NOW + 99) == ledger, "each is counted once, however often it is seen"


def test_what_a_job_waited_for_and_held_is_summed_up_once() -> None:
    runs = of(Ended(0, told(*[(0, GOOD, None)] * 3)))
    totals = folded(Ledger(), *runs, now=NOW + 90).totals
    assert (totals.queued_seconds, totals.held_seconds, totals.gpu_seconds) == (7.0, 90.0, 180.0)


@pytest.mark.parametrize(
    ("ended", "of_the_one_under_way"),
    [
        (Ended(137, None, Reason.HOST_OUT_OF_MEMORY), Reason.HOST_OUT_OF_MEMORY),
        (Ended(137, None, Reason.EVICTED), Reason.EVICTED),
        (Ended(137, None, Reason.DEADLINE_EXCEEDED), Reason.DEADLINE_EXCEEDED),
        (Ended(137, None, Reason.SCRATCH_FULL), Reason.SCRATCH_FULL),
        (Ended(137, None), Reason.KILLED),
        (Ended(1, None), Reason.UNKNOWN),
    ],
)
def test_a_pod_that_is_killed_is_the_end_of_the_one_under_way_and_charges_none_that_did_not_begin(
    ended: Ended, of_the_one_under_way: Reason
) -> None:
    runs = of(replace(ended, receipt=told((0, GOOD, None), begun=5)))
    assert reasons(runs)[:2] == [None, of_the_one_under_way]
    ledger = folded(Ledger(), *runs, now=NOW + 90)
    assert ledger.succeeded == {3}
    untouched = ledger.open_items[8]
    assert (untouched.charged_attempts, untouched.rung, untouched.running) == (0, 0, False)
    assert untouched.not_before <= NOW + 90, "it runs again at once"


@pytest.mark.parametrize(
    "ended",
    [
        Ended(None, None, Reason.NODE_LOST),
        Ended(None, None, Reason.UNSCHEDULABLE),
        Ended(80, a_failure(Reason.ORDER_INVALID).to_json()),
        Ended(90, None),
        Ended(137, None),
        Ended(None, None, Reason.DEADLINE_EXCEEDED),
        Ended(0, a_receipt().to_json()),
        Ended(1, "Traceback (most recent call last):"),
    ],
)
def test_where_a_job_can_tell_of_nobody_nobody_is_charged_and_nobody_counts_as_done(ended: Ended) -> None:
    ledger = folded(Ledger(), *of(ended), now=NOW + 90, retry={"max_attempts": 1})
    assert sorted(ledger.open_items) == [3, 5, 8]
    assert [each.charged_attempts for each in ledger.open_items.values()] == [0, 0, 0]
    assert [each.rung for each in ledger.open_items.values()] == [0, 0, 0]
    assert not ledger.final


def test_a_good_end_whose_pod_is_gone_is_the_good_end_of_all() -> None:
    ledger = folded(Ledger(), *of(Ended(0, None, receipt_gone=True)), now=NOW + 90)
    assert ledger.succeeded == {3, 5, 8}


def test_a_stop_of_our_own_interrupts_those_that_were_not_over_and_is_no_disruption() -> None:
    asked = (143, a_failure(Reason.INTERRUPTED), Reason.INTERRUPTED)
    runs = of(Ended(143, told((22, GONE, None), asked), on_request=True))
    assert reasons(runs) == [Reason.REMOVED, Reason.INTERRUPTED, Reason.INTERRUPTED]
    ledger = folded(Ledger(), *runs, now=NOW + 90)
    assert ledger.skipped == {3}
    assert [ledger.open_items[index].disruptions for index in (5, 8)] == [0, 0]


def test_what_took_the_pod_away_explains_why_its_recording_was_asked_to_end() -> None:
    asked = (143, a_failure(Reason.INTERRUPTED), Reason.INTERRUPTED)
    runs = of(Ended(143, told((0, GOOD, None), asked), Reason.PREEMPTED))
    assert reasons(runs) == [None, Reason.PREEMPTED, Reason.PREEMPTED]


def test_a_result_that_was_committed_counts_although_its_process_was_asked_to_end() -> None:
    runs = of(Ended(143, told((0, GOOD, Reason.INTERRUPTED)), Reason.PREEMPTED))
    assert reasons(runs) == [None, Reason.PREEMPTED, Reason.PREEMPTED]


def test_a_node_is_blamed_once_for_a_pod_and_for_each_recording_that_fails_there_by_itself() -> None:
    lost = folded(Ledger(), *of(Ended(None, None, Reason.PREEMPTED)), now=NOW + 90)
    assert {name: node.runs for name, node in lost.nodes.items()} == {"n": 1}
    broken = (53, a_failure(Reason.GPU_BROKEN), None)
    runs = of(Ended(90, told(broken, broken)))
    assert [each.node for each in runs] == ["n", "n", "n"]
    assert folded(Ledger(), *runs, now=NOW + 90).nodes["n"].runs == 2


def test_runs_that_share_a_job_are_remembered_and_run_alone_next_time() -> None:
    batch = a_batch(count=3, parallelism=1)
    job = replace(a_run(0, node="n"), ended=Ended(137, None, Reason.EVICTED), ended_at=NOW + 90)
    runs = runs_in(job, (0, 1, 2))
    decision = decide(batch, Previous(None, Ledger()), Observation(runs), NOW + 90)
    assert restore(decision.status) == decision.ledger
    again = decide(batch, Previous.of(batch, decision.status), Observation(), NOW + 200)
    assert [each.indexes for each in again.actions if isinstance(each, Start)] == [(0,)]
