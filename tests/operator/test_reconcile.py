"""One look: the status is accepted before anything follows from it,
and only what is recorded is forgotten."""

import asyncio
import logging
from dataclasses import replace
from math import inf

import pytest

from ingest_contract.batch import SuspendMode
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.progress import Progress
from ingest_contract.stages import Stage
from ingest_contract.status import MAX_WAITING_ROWS, IngestBatchStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.decide import Decision, Previous, decide
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.reconcile import PASSED_ON_SECONDS, reconcile
from testkit.objects.builders import NOW, a_planned_batch, a_run, over
from tests.support.simulated_operator import ConflictError, TextStatusStore

COUNT = 200


class Recorder:
    """A cluster that shows given runs and writes down what it is asked for."""

    def __init__(self, *shown: Run) -> None:
        self.shown, self.asked = shown, list[str]()
        self.hindered: tuple[Blocker, ...] = ()
        self.broken: frozenset[int] = frozenset()
        self.refused: dict[int, Blocker] = {}
        self.expected: tuple[int, ...] = ()
        """Items that should run, by what it was told when it was asked what it sees."""

    async def observe(self, ledger: Ledger) -> Observation:
        self.expected = ledger.running
        return Observation(self.shown, self.hindered)

    async def start(self, start: Start, item: Item, *others: Item) -> Blocker | None:
        assert not others
        if item.index in self.broken:
            raise ConnectionError(f"no answer about {item.index}")
        self.asked.append(f"start {item.index}-{start.number}")
        return self.refused.get(item.index)

    async def stop(self, index: int, number: int) -> None:
        self.asked.append(f"stop {index}-{number}")

    async def forget(self, run: Run, *, final: bool) -> None:
        self.asked.append(f"forget {run.index}-{run.number}{' for good' if final else ''}")


def decided(
    cluster: Recorder, statuses: TextStatusStore, count: int = COUNT, now: float = NOW + 60, **spec: object
) -> Decision:
    return asyncio.run(reconcile(a_planned_batch(count, **spec), cluster, statuses, now))


def look(
    cluster: Recorder, statuses: TextStatusStore, count: int = COUNT, now: float = NOW + 60, **spec: object
) -> IngestBatchStatus:
    return decided(cluster, statuses, count, now, **spec).status


def test_starts_come_before_clearing_up_and_final_items_are_cleared_for_good() -> None:
    cluster = Recorder(over(a_run(0)), over(a_run(1), Reason.DOWNLOAD_FAILED), a_run(2))
    look(cluster, TextStatusStore(), parallelism=2)
    assert cluster.asked == ["start 3-1", "forget 0-1 for good", "forget 1-1"]


def test_nothing_follows_from_a_status_that_was_not_accepted() -> None:
    cluster, statuses = Recorder(over(a_run(0))), TextStatusStore(conflict=True)
    with pytest.raises(ConflictError):
        look(cluster, statuses)
    assert (cluster.asked, statuses.text) == ([], None)


def test_a_status_that_says_nothing_new_is_not_written() -> None:
    cluster, statuses = Recorder(a_run(0)), TextStatusStore()
    look(cluster, statuses)
    statuses.conflict = True
    look(cluster, statuses, now=NOW + 900)


def test_a_run_whose_end_found_no_row_is_kept_until_there_is_one() -> None:
    statuses = TextStatusStore()
    look(Recorder(*(over(a_run(index), Reason.TRUNCATED) for index in range(MAX_WAITING_ROWS))), statuses)
    late = Recorder(over(a_run(150), Reason.TRUNCATED))
    look(late, statuses)
    assert not [asked for asked in late.asked if asked.startswith("forget")]


def test_a_live_run_of_an_item_that_is_final_is_left_to_end() -> None:
    statuses = TextStatusStore()
    look(Recorder(over(a_run(0, 2))), statuses, 1)
    straggler = Recorder(a_run(0, 1))
    look(straggler, statuses, 1)
    assert straggler.asked == []


def test_a_batch_that_is_suspended_to_kill_stops_what_runs() -> None:
    cluster = Recorder(a_run(0), a_run(1))
    look(cluster, TextStatusStore(), suspend=True, suspend_mode=SuspendMode.KILL)
    assert cluster.asked == ["stop 0-1", "stop 1-1"]


def test_live_progress_is_shown_and_what_an_ended_run_last_said_is_not() -> None:
    said = Progress(stage=Stage.EMBED, percent=77, seconds=9.0)
    status = look(
        Recorder(a_run(0, progress=said), over(a_run(1, progress=said), Reason.DOWNLOAD_FAILED)),
        TextStatusStore(),
    )
    assert [(row.index, row.percent) for row in status.recordings] == [(0, 77), (1, None)]


def test_every_decision_is_logged_with_a_word_for_machines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        look(Recorder(), TextStatusStore())
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["action"], record.__dict__["index"]) == (
        "start item 0, run 1",
        "start",
        0,
    )


def test_a_start_that_fails_keeps_no_other_from_being_made_and_is_reported_in_the_end() -> None:
    cluster, statuses = Recorder(over(a_run(9))), TextStatusStore()
    cluster.broken = frozenset({1})
    with pytest.raises(ConnectionError, match="no answer about 1"):
        look(cluster, statuses, parallelism=3)
    assert cluster.asked == ["start 0-1", "start 2-1"]


def test_while_something_hinders_every_start_nothing_starts_and_the_batch_says_why() -> None:
    cluster = Recorder()
    cluster.hindered = (Blocker("QuotaExceeded", "exceeded quota: gpus", until=NOW + 90),)
    status = look(cluster, TextStatusStore(), parallelism=3)
    assert (status.state, cluster.asked) == ("Stalled", [])
    assert "exceeded quota: gpus" in {condition.message for condition in status.conditions}
    look(cluster, TextStatusStore(), now=NOW + 90, parallelism=3)
    assert cluster.asked == ["start 0-1", "start 1-1", "start 2-1"]


def test_an_item_that_is_blocked_does_not_block_the_others() -> None:
    cluster = Recorder()
    cluster.hindered = (Blocker("NameTaken", "somebody else's Job has this name", until=NOW + 90, index=0),)
    look(cluster, TextStatusStore(), parallelism=2)
    assert cluster.asked == ["start 1-1", "start 2-1"]


def test_what_ended_is_reported_when_the_status_stands_and_before_anything_is_done() -> None:
    cluster, statuses = Recorder(over(a_run(0)), a_run(1)), TextStatusStore()
    told: list[tuple[list[int], list[str], bool]] = []

    def accepted(before: IngestBatchStatus | None, decision: Decision) -> None:
        assert before is None
        told.append(
            ([run.index for run in decision.ended], list(cluster.asked), statuses.read() == decision.status)
        )

    asyncio.run(reconcile(a_planned_batch(COUNT), cluster, statuses, NOW + 60, accepted))
    asyncio.run(
        reconcile(
            a_planned_batch(COUNT), cluster, statuses, NOW + 60, lambda *_: told.append(([], [], False))
        )
    )
    assert told == [([0], [], True)]


def test_a_status_that_was_not_accepted_is_reported_to_nobody() -> None:
    told: list[Decision] = []
    with pytest.raises(ConflictError):
        asyncio.run(
            reconcile(
                a_planned_batch(2),
                Recorder(over(a_run(0))),
                TextStatusStore(conflict=True),
                NOW,
                lambda _, now: told.append(now),
            )
        )
    assert told == []


def test_the_cluster_learns_what_should_run_when_it_is_asked_what_it_sees() -> None:
    statuses = TextStatusStore()
    look(Recorder(a_run(0), a_run(3), over(a_run(1))), statuses)
    lagging = Recorder()
    look(lagging, statuses)
    assert lagging.expected == (0, 3)


def test_an_end_that_an_earlier_status_records_is_not_reported_with_a_later_one() -> None:
    statuses = TextStatusStore()
    decided(Recorder(over(a_run(0))), statuses)
    later = decided(Recorder(over(a_run(0)), over(a_run(1))), statuses)
    assert ([run.index for run in later.ended], [run.index for run in later.recorded]) == ([1], [0, 1])


def test_a_run_that_is_listed_twice_ended_once() -> None:
    assert decided(Recorder(over(a_run(0)), over(a_run(0))), TextStatusStore()).ended == (over(a_run(0)),)


def test_a_decision_says_when_the_next_retry_is_due() -> None:
    decision = decided(Recorder(over(a_run(0), Reason.DOWNLOAD_FAILED)), TextStatusStore(), 1)
    assert decision.next_at == decision.ledger.open_items[0].not_before > NOW + 60


def test_where_nothing_can_happen_by_itself_nothing_is_due() -> None:
    assert decided(Recorder(a_run(0)), TextStatusStore(), 1).next_at == inf


def test_a_start_that_is_refused_is_due_when_it_is_worth_another_attempt() -> None:
    cluster = Recorder()
    cluster.refused = {0: Blocker("QuotaExceeded", "exceeded quota: gpus", until=NOW + 90)}
    assert decided(cluster, TextStatusStore(), parallelism=2).next_at == NOW + 90


def test_the_place_of_a_recording_that_cannot_take_it_is_given_to_another_one_soon() -> None:
    cluster = Recorder()
    cluster.refused = {0: Blocker("NameTaken", "somebody else's Job has this name", until=NOW + 120, index=0)}
    assert decided(cluster, TextStatusStore(), parallelism=2).next_at == NOW + 60 + PASSED_ON_SECONDS


def test_a_batch_is_idle_when_nothing_is_seen_to_run_and_nothing_starts() -> None:
    assert not decided(Recorder(a_run(0)), TextStatusStore(), 1).is_idle
    assert not decided(Recorder(), TextStatusStore(), 1).is_idle
    assert decided(Recorder(over(a_run(0))), TextStatusStore(), 1).is_idle


def test_without_a_plan_nothing_is_forgotten_or_begun() -> None:
    statuses = TextStatusStore()
    look(Recorder(over(a_run(0), Reason.BOT_CHECK)), statuses)
    batch = replace(a_planned_batch(COUNT, retry_failed="again"), planned=None)
    decision = decide(batch, Previous.of(batch, statuses.read()), Observation(), NOW + 60)
    assert (decision.actions, decision.recorded, decision.status.retry_failed) == ((), (), "")
    assert decision.status.state != "Complete"
