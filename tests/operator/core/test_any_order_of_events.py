"""Whatever happens, in whatever order: no run counts twice, no budget is overdrawn, no number repeats, and
the batch comes to its end."""

from math import inf
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest_contract.batch import SuspendMode
from ingest_contract.conditions import ConditionType
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.intervals import decode
from ingest_contract.obstacles import is_undecided
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import restore
from ingest_operator.core.phases import Ahead
from testkit.objects.statuses import under_way
from tests.support.books import Books
from tests.support.simulated_operator import SimulatedOperator
from tests.support.thoroughness import examples

COUNT, AT_MOST, CHARGED_ATTEMPTS, PASSES_TO_THE_END = 4, 7, 2, 400
PLACES = st.none() | st.integers(0, AT_MOST - 1)
"""One item, or all of them."""
NODES = ("left", "right")
AGAINST_NODES = [reason for reason, row in FAILURES.items() if row.against_node]
ENDS = st.sampled_from(
    [None, Reason.DOWNLOAD_FAILED, Reason.GPU_OUT_OF_MEMORY, Reason.NODE_LOST]
) | st.sampled_from(Reason)
"""How a run ends: of the more telling ways more often."""
MOST_AHEAD = 3
LITTLE_ROOM = {"fold.MAX_WAITING_ROWS": 1, "decide.MAX_WAITING_ROWS": 1, "rows.MAX_RUNNING_ROWS": 1}


class AnyOrderOfEvents(RuleBasedStateMachine):
    """An operator, its cluster, and everything that can happen to either."""

    def __init__(self) -> None:
        super().__init__()
        retry = {"max_attempts": CHARGED_ATTEMPTS, "backoff_seconds": 30}
        self.operator = SimulatedOperator(COUNT, spec={"parallelism": 2, "retry": retry, "retry_failed": ""})
        self.cluster, self.books = self.operator.cluster, Books()
        self.cluster.nodes = NODES

    def look(self) -> None:
        """One look, and what must be true of every look."""
        operator, cluster = self.operator, self.cluster
        before, thought, held, written = (
            operator.status,
            operator.thinks(),
            cluster.blockers(),
            len(cluster.writes.log),
        )
        shown, started = (
            list(cluster.cache.values()),
            {index: len(starts) for index, starts in cluster.started.items()},
        )
        undisturbed, expected = (
            cluster.writes.dies_at is None and not operator.statuses.conflict,
            operator.would(seed=cluster.seed + 1),
        )
        stands = operator.look()
        begun = [
            start for index, starts in cluster.started.items() for start in starts[started.get(index, 0) :]
        ]
        if not stands:
            assert (begun, operator.status) == ([], before), (
                "nothing follows from a status that was not accepted"
            )
            return
        self.books.write_down(shown, before, operator.status)
        assert restore(operator.status) == thought, "all that the operator holds in memory is in the API"
        assert not undisturbed or expected == (
            operator.statuses.text,
            sorted(cluster.writes.log[written:]),
        ), "another would do the same"
        ended = {f"forget {index}-{number}" for index, number in self.books.ends}
        assert ended.issuperset(
            entry for entry in cluster.writes.log[written:] if entry.startswith("forget")
        ), "only what is recorded goes"
        settled = (
            set(thought.running) <= {run.index for run in shown if run.ended is None}
            and cluster.blockers() == held
        )
        assert not settled or operator.would(seed=0)[0] == operator.statuses.text, (
            "a second look says nothing new"
        )
        for start in begun:
            self.books.check(start)
            assert not [
                each for each in held if each.index in (None, start.index) and each.until > cluster.now
            ]

    @rule(seed=st.integers(0, 99))
    def a_look_at_what_is_there(self, seed: int) -> None:
        self.cluster.seed = seed
        self.cluster.sync()
        self.look()

    @rule(data=st.data())
    def a_look_through_watches_that_lag(self, data: st.DataObject) -> None:
        keys = sorted({*self.cluster.cache, *self.cluster.truth})
        self.cluster.sync(data.draw(st.sets(st.sampled_from(keys))) if keys else [])
        self.look()

    @rule()
    def a_status_that_is_not_accepted(self) -> None:
        self.operator.statuses.conflict = True
        self.cluster.sync()
        self.look()

    @rule(write=st.integers(1, 4), accepted=st.booleans())
    def a_crash_at_some_write(self, write: int, accepted: bool) -> None:  # noqa: FBT001 -- hypothesis names it
        writes = self.cluster.writes
        writes.dies_at, writes.accepted = len(writes.log) + write, accepted
        self.cluster.sync()
        self.look()

    @rule(reasons=st.lists(ENDS, min_size=AT_MOST, max_size=AT_MOST), seconds=st.sampled_from([0, 100, 4000]))
    def a_round_in_which_all_that_runs_ends_and_is_seen(
        self, reasons: list[Reason | None], seconds: float
    ) -> None:
        self.a_look_at_what_is_there(seed=0)
        for key, reason in zip(self.cluster.begun(), reasons, strict=False):
            self.cluster.end(key, reason)
        self.cluster.now += seconds
        self.a_look_at_what_is_there(seed=1)

    @precondition(lambda self: self.cluster.begun())
    @rule(data=st.data(), reason=ENDS)
    def a_run_ends(self, data: st.DataObject, reason: Reason | None) -> None:
        self.cluster.end(data.draw(st.sampled_from(self.cluster.begun())), reason)

    @precondition(lambda self: self.cluster.begun())
    @rule(
        node=st.sampled_from(NODES),
        reason=st.sampled_from(AGAINST_NODES),
        seconds=st.sampled_from([0, 20, 4000]),
    )
    def a_node_ends_all_that_it_runs(self, node: str, reason: Reason, seconds: float) -> None:
        for key in self.cluster.begun():
            if self.cluster.truth[key].node == node:
                self.cluster.end(key, reason)
        self.cluster.now += seconds
        self.a_look_at_what_is_there(seed=2)

    @precondition(lambda self: set(self.cluster.live()) & self.cluster.stopping)
    @rule()
    def all_that_was_asked_to_end_does(self) -> None:
        for key in set(self.cluster.live()) & self.cluster.stopping:
            self.cluster.end(key, Reason.INTERRUPTED)

    @precondition(lambda self: set(self.cluster.begun()) - self.cluster.lost)
    @rule(data=st.data())
    def nobody_hears_of_a_node_any_more(self, data: st.DataObject) -> None:
        self.cluster.lost.add(
            data.draw(st.sampled_from(sorted(set(self.cluster.begun()) - self.cluster.lost)))
        )

    @precondition(lambda self: self.cluster.lost & set(self.cluster.live()))
    @rule(data=st.data())
    def a_lost_node_is_given_up(self, data: st.DataObject) -> None:
        self.cluster.give_up_on(
            data.draw(st.sampled_from(sorted(self.cluster.lost & set(self.cluster.live()))))
        )

    @precondition(lambda self: self.cluster.lost)
    @rule(data=st.data(), reason=ENDS)
    def a_lost_run_ends_late(self, data: st.DataObject, reason: Reason | None) -> None:
        self.cluster.end(data.draw(st.sampled_from(sorted(self.cluster.lost))), reason)

    @precondition(lambda self: self.operator.known & set(self.cluster.truth))
    @rule(data=st.data())
    def a_run_is_deleted_from_outside(self, data: st.DataObject) -> None:
        del self.cluster.truth[
            data.draw(st.sampled_from(sorted(self.operator.known & set(self.cluster.truth))))
        ]

    @rule(seconds=st.sampled_from([0.0004, 1, 61, 4000, -30, -5000]))
    def the_clock_moves(self, seconds: float) -> None:
        self.cluster.now += seconds

    @rule(place=PLACES, seconds=st.sampled_from([0, 50, inf]))
    def something_is_in_the_way(self, place: int | None, seconds: float) -> None:
        self.cluster.missing[place] = Blocker("Missing", "make it", self.cluster.now + seconds, place)

    @rule(place=PLACES)
    def starts_are_refused(self, place: int | None) -> None:
        self.cluster.refusing.add(place)

    @rule()
    def what_was_in_the_way_is_mended(self) -> None:
        self.cluster.missing.clear()
        self.cluster.refusing.clear()

    @rule()
    def somebody_says_that_the_setup_is_mended(self) -> None:
        self.operator.setup_fixed = True

    @rule(parallelism=st.integers(1, 4))
    def somebody_changes_the_parallelism(self, parallelism: int) -> None:
        self.operator.spec["parallelism"] = parallelism

    @rule(suspend=st.booleans(), mode=st.sampled_from(SuspendMode))
    def somebody_suspends_or_resumes(self, suspend: bool, mode: SuspendMode) -> None:  # noqa: FBT001 -- hypothesis names it
        self.operator.spec |= {"suspend": suspend, "suspend_mode": mode}

    @rule(token=st.sampled_from(["", "monday", "tuesday"]), recordings=st.sampled_from(["", "0", "1-2,9"]))
    def somebody_wants_another_pass(self, token: str, recordings: str) -> None:
        self.operator.spec |= {"retry_failed": token, "retry_recordings": recordings}

    @precondition(lambda self: self.operator.count < AT_MOST)
    @rule()
    def a_further_source_is_planned(self) -> None:
        self.operator.count += 1

    @invariant()
    def an_item_has_two_live_runs_only_if_all_but_one_are_on_lost_nodes(self) -> None:
        heard = [index for index, _ in set(self.cluster.live()) - self.cluster.lost]
        assert len(heard) == len(set(heard))

    @invariant()
    def process_numbers_only_grow(self) -> None:
        for starts in self.cluster.started.values():
            numbers = [start.number for start in starts]
            assert numbers == sorted(set(numbers))

    @invariant()
    def no_budget_is_overdrawn(self) -> None:
        assert all(
            start.charged_attempts < CHARGED_ATTEMPTS
            for starts in self.cluster.started.values()
            for start in starts
        )
        assert all(row.charged_attempts <= CHARGED_ATTEMPTS for row in self.operator.status.recordings)

    @invariant()
    def every_item_is_in_one_place_and_counted_once(self) -> None:
        status = self.operator.status
        if status.plan is None:
            return
        places = [
            decode(status.final_recordings.succeeded),
            decode(status.final_recordings.skipped),
            decode(status.final_recordings.failed),
        ]
        places.append(frozenset(under_way(status)))
        assert sum(map(len, places)) == len(frozenset().union(*places))
        assert sum(map(len, places)) + status.counts.pending == status.counts.total <= self.operator.count
        assert sum(entry.count for entry in status.failures) == status.counts.failed
        which = [decode(entry.recordings) for entry in status.failures]
        assert [len(each) for each in which] == [entry.count for entry in status.failures]
        assert frozenset().union(*which) == decode(status.final_recordings.failed)
        assert sum(entry.count for entry in status.skips) == status.counts.skipped

    @invariant()
    def whatever_is_avoided_is_named_and_was_asked_for_by_an_end(self) -> None:
        status = self.operator.status
        breakers = (status.breaker, status.fetch.breaker if status.fetch else None)
        held = [each.reason for each in breakers if each is not None]
        avoided = {
            node.name
            for node in status.nodes
            if node.avoided and not any(is_undecided(node.reason, reason) for reason in held)
        }
        told = [
            each.message
            for each in status.conditions
            if each.type is ConditionType.NODES_AVOIDED and each.status == "True"
        ]
        if not status.state.startswith("Complete"):
            assert avoided == {part.split(" ")[0] for message in told for part in message.split("; ")}
        assert {node.name for node in status.nodes} <= {*self.books.held_against}

    @invariant()
    def the_sums_are_those_of_what_was_seen_each_once(self) -> None:
        ledger = restore(self.operator.status)
        assert ledger.succeeded == self.books.succeeded()
        assert ledger.totals.media_seconds == 600 * len(ledger.succeeded)
        assert ledger.totals.segments == 12 * len(ledger.succeeded)
        assert sum(ledger.histogram) == len(ledger.succeeded)
        assert ledger.totals.queued_seconds == len(self.books.ends)

    def teardown(self) -> None:
        """From here on all goes well: so the batch must come to its end by itself."""
        self.operator.spec |= {"suspend": False, "parallelism": 1}
        self.what_was_in_the_way_is_mended()
        for _ in range(PASSES_TO_THE_END):
            self.a_look_at_what_is_there(seed=0)
            if self.operator.status.state.startswith("Complete") and not self.cluster.live():
                break
            for key in set(self.cluster.live()) & self.cluster.stopping:
                self.cluster.end(key, Reason.INTERRUPTED)
            for key in self.cluster.begun():
                self.cluster.end(key, None)
            self.cluster.now += 3700
        status = self.operator.status
        ends = [
            decode(status.final_recordings.succeeded),
            decode(status.final_recordings.skipped),
            decode(status.final_recordings.failed),
        ]
        assert sorted(index for end in ends for index in end) == list(range(self.operator.count))
        assert (status.progress_percent, status.eta_seconds, status.recordings and status.counts.running) == (
            100,
            None,
            0,
        )
        self.the_sums_are_those_of_what_was_seen_each_once()


class AnyOrderOfEventsWhereItFetchesAhead(AnyOrderOfEvents):
    """The same in two phases, and somebody may change the profile in between."""

    def __init__(self) -> None:
        super().__init__()
        self.operator.ahead = Ahead(recordings=2, mib=1000)

    @rule(ahead=st.sampled_from([None, Ahead(1, 1000), Ahead(3, 20), Ahead(3, 1)]))
    def somebody_changes_how_far_it_fetches_ahead(self, ahead: Ahead | None) -> None:
        self.operator.ahead = ahead

    @invariant()
    def only_what_was_fetched_is_ingested_from_the_cache(self) -> None:
        ended = {key[0] for key in self.books.fetches if self.books.ends[key] is None}
        for index, starts in self.cluster.started.items():
            assert index in ended or not any(start.cached for start in starts)

    @invariant()
    def what_is_fetched_is_counted_and_bounded(self) -> None:
        counts = self.operator.status.counts
        assert counts.fetching + counts.fetched <= MOST_AHEAD + counts.running + counts.waiting


class AnyOrderOfEventsInLittleRoom(AnyOrderOfEvents):
    """The same where the status has next to no room: one row for what waits, and one for what runs."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = [patch(f"ingest_operator.core.{name}", number) for name, number in LITTLE_ROOM.items()]
        for each in self.patches:
            each.start()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            for each in self.patches:
                each.stop()


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEventsWhereItFetchesAhead = AnyOrderOfEventsWhereItFetchesAhead.TestCase
TestAnyOrderOfEventsInLittleRoom = AnyOrderOfEventsInLittleRoom.TestCase
TestAnyOrderOfEvents.settings = examples(50, stateful_step_count=30)
TestAnyOrderOfEventsWhereItFetchesAhead.settings = TestAnyOrderOfEvents.settings
TestAnyOrderOfEventsInLittleRoom.settings = TestAnyOrderOfEvents.settings
