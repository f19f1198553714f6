"""Whatever happens, in whatever order: no run counts twice, no budget is overdrawn, no number repeats, and the batch comes to its end."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest_contract.batch import SuspendMode
from ingest_contract.failures import Reason
from ingest_contract.intervals import decode
from ingest_contract.status import ItemState
from ingest_operator.ledger import restore
from tests.support.simulation import SimulatedOperator

COUNT, ATTEMPTS, PASSES_TO_THE_END = 5, 2, 400


class AnyOrderOfEvents(RuleBasedStateMachine):
    """An operator, its cluster, and everything that can happen to either."""

    def __init__(self) -> None:
        super().__init__()
        retry = {"max_attempts": ATTEMPTS, "backoff_seconds": 30}
        self.operator = SimulatedOperator(COUNT, spec={"parallelism": 2, "retry": retry, "retry_failed": ""})
        self.cluster = self.operator.cluster
        self.succeeded: set[int] = set()

    @rule(seed=st.integers(0, 99))
    def a_look_at_what_is_there(self, seed: int) -> None:
        self.cluster.seed = seed
        self.cluster.sync()
        self.operator.look()

    @rule()
    def a_look_through_a_cache_that_lags(self) -> None:
        self.operator.look()

    @rule()
    def a_status_that_is_not_accepted(self) -> None:
        self.operator.keeper.conflict = True
        self.cluster.sync()
        self.operator.look()

    @rule(starts=st.integers(0, 1))
    def a_crash_between_the_status_and_the_starts(self, starts: int) -> None:
        self.cluster.crash_after = starts
        self.cluster.sync()
        self.operator.look()

    @precondition(lambda self: self.cluster.live())
    @rule(data=st.data(), reason=st.sampled_from([None, *Reason]))
    def a_run_ends(self, data: st.DataObject, reason: Reason | None) -> None:
        key = data.draw(st.sampled_from(self.cluster.live()))
        self.cluster.end(key, reason)
        if reason is None:
            self.succeeded.add(key[0])

    @precondition(lambda self: self.operator.known & set(self.cluster.truth))
    @rule(data=st.data())
    def a_run_is_deleted_from_outside(self, data: st.DataObject) -> None:
        del self.cluster.truth[data.draw(st.sampled_from(sorted(self.operator.known & set(self.cluster.truth))))]

    @rule(seconds=st.sampled_from([0.0004, 1, 61, 4000, -30, -5000]))
    def the_clock_moves(self, seconds: float) -> None:
        self.cluster.now += seconds

    @rule(parallelism=st.integers(1, 4))
    def somebody_changes_the_parallelism(self, parallelism: int) -> None:
        self.operator.spec["parallelism"] = parallelism

    @rule(suspend=st.booleans(), mode=st.sampled_from(SuspendMode))
    def somebody_suspends_or_resumes(self, suspend: bool, mode: SuspendMode) -> None:  # noqa: FBT001 -- hypothesis names it
        self.operator.spec |= {"suspend": suspend, "suspend_mode": mode}

    @rule(token=st.sampled_from(["", "monday", "tuesday"]))
    def somebody_wants_another_pass(self, token: str) -> None:
        self.operator.spec["retry_failed"] = token

    @invariant()
    def no_item_has_two_live_runs(self) -> None:
        live = [index for index, _ in self.cluster.live()]
        assert len(live) == len(set(live))

    @invariant()
    def process_numbers_only_grow(self) -> None:
        for starts in self.cluster.started.values():
            numbers = [start.number for start in starts]
            assert numbers == sorted(set(numbers))

    @invariant()
    def no_budget_is_overdrawn(self) -> None:
        assert all(start.attempts < ATTEMPTS for starts in self.cluster.started.values() for start in starts)
        assert all(row.attempts <= ATTEMPTS for row in self.operator.status.videos)

    @invariant()
    def every_item_is_in_one_place_and_counted_once(self) -> None:
        status = self.operator.status
        if status.plan is None:
            return
        places = [decode(status.items.succeeded), decode(status.items.skipped), decode(status.items.failed)]
        places += [frozenset({row.index}) for row in status.videos if row.state in (ItemState.RUNNING, ItemState.WAITING)]
        assert sum(map(len, places)) == len(frozenset().union(*places))
        assert sum(map(len, places)) + status.counts.pending == COUNT
        assert sum(entry.count for entry in status.failures) == status.counts.failed
        assert sum(entry.count for entry in status.skips) == status.counts.skipped

    @invariant()
    def the_sums_are_those_of_the_successes(self) -> None:
        ledger = restore(self.operator.status)
        assert ledger.totals.media == 600 * len(ledger.succeeded)
        assert ledger.totals.segments == 12 * len(ledger.succeeded)
        assert sum(ledger.histogram) == len(ledger.succeeded)
        assert ledger.succeeded <= self.succeeded

    def teardown(self) -> None:
        """From here on all goes well: so the batch must come to its end by itself."""
        self.operator.spec |= {"suspend": False}
        for _ in range(PASSES_TO_THE_END):
            self.cluster.sync()
            self.operator.look()
            if self.operator.status.state.startswith("Complete"):
                break
            self.cluster.stopping.clear()
            for key in self.cluster.live():
                self.cluster.end(key, None)
                self.succeeded.add(key[0])
            self.cluster.now += 3700
        status = self.operator.status
        assert status.counts.succeeded + status.counts.skipped + status.counts.failed == COUNT
        assert (status.progress_percent, status.eta_seconds) == (100, None)
        self.the_sums_are_those_of_the_successes()


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=120, stateful_step_count=40)
