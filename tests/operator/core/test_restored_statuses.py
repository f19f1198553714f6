"""Whatever somebody does to a batch's status and to the labels of its Jobs, in whatever order: no recording
is lost, none is done twice at once, and every stall has a reason."""

import json
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest_contract.conditions import ConditionType
from ingest_contract.failures import Reason
from ingest_contract.intervals import decode
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger, restore
from ingest_operator.core.outcome import Observation
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.statuses import UnreadableStatusError
from ingest_operator.kube.batches.status_store import KubeStatusStore
from testkit.objects.builders import TRACE as TRACE_ID
from tests.support.simulated_operator import SimulatedOperator, TextStatusStore
from tests.support.simulation import Key, SimulatedCluster
from tests.support.thoroughness import examples

COUNT, PASSES_TO_THE_END = 4, 40
UID = TRACE_ID
ENDS = st.sampled_from([None, None, Reason.DOWNLOAD_FAILED, Reason.NODE_LOST, Reason.GPU_OUT_OF_MEMORY])


class OneText(TextStatusStore):
    """A status that is read as the operator reads one from the API."""

    def read(self) -> IngestBatchStatus | None:
        metadata = {"name": "talks", "namespace": "media", "uid": UID, "resourceVersion": "1"}
        status = None if self.text is None else json.loads(self.text)
        return KubeStatusStore(None, {"metadata": metadata, "status": status}).read()  # type: ignore[arg-type]  # it only reads


class Relabelled(SimulatedCluster):
    """A cluster in which watches do not show some runs: those that the status knows are asked for by name."""

    async def observe(self, ledger: Ledger) -> Observation:
        for index in ledger.running:
            key = index, ledger.open_items[index].number
            if key in self.truth:
                self.cache[key] = self.truth[key]
        return await super().observe(ledger)

    async def start(self, start: Start, item: Item, *others: Item) -> Blocker | None:
        """A run that exists already is answered by the API server, which shows it."""
        key = start.index, start.number
        if key in self.truth:
            self.cache[key] = self.truth[key]
        return await super().start(start, item, *others)


class RestoredStatuses(RuleBasedStateMachine):
    """An operator, and people with tools that have all rights."""

    def __init__(self) -> None:
        super().__init__()
        assert trace_of(UID) == TRACE_ID
        spec = {"parallelism": 2, "retry": {"max_attempts": 2, "backoff_seconds": 30}}
        self.operator = SimulatedOperator(COUNT, cluster=Relabelled(), statuses=OneText(), spec=spec)
        self.cluster, self.statuses = self.operator.cluster, self.operator.statuses
        self.earlier: list[str] = []
        self.done: set[int] = set()
        self.relabelled: set[Key] = set()

    def unreadable(self) -> bool:
        """Whether the status comes from another version; its blocker names the field."""
        try:
            self.statuses.read()
        except UnreadableStatusError as error:
            return "nightly" in error.blocker.message
        return False

    def look(self) -> None:
        """One reconcile; nothing is started from a status that cannot be read."""
        self.cluster.sync({*self.cluster.cache, *self.cluster.truth} - self.relabelled)
        for key in self.relabelled & set(self.cluster.cache):
            if key not in self.cluster.truth:
                del self.cluster.cache[key]
        before, unreadable = sum(map(len, self.cluster.started.values())), self.unreadable()
        with suppress(UnreadableStatusError):
            self.operator.look()
        if unreadable:
            assert sum(map(len, self.cluster.started.values())) == before, "nothing starts by it"
            return
        if self.statuses.text is not None:
            self.earlier.append(self.statuses.text)

    @rule(seconds=st.sampled_from([0.0, 0.5, 61.0, 4000.0]))
    def a_look(self, seconds: float) -> None:
        self.cluster.now += seconds
        self.look()

    @precondition(lambda self: self.cluster.live())
    @rule(data=st.data(), reason=ENDS)
    def a_run_ends(self, data: st.DataObject, reason: Reason | None) -> None:
        key = data.draw(st.sampled_from(self.cluster.live()))
        self.cluster.end(key, reason)
        self.done |= {key[0]} if reason is None else set()

    @precondition(lambda self: self.cluster.live())
    @rule(data=st.data())
    def a_job_is_relabelled(self, data: st.DataObject) -> None:
        known = [key for key in self.cluster.live() if key in self.cluster.cache]
        if known:
            key = data.draw(st.sampled_from(known))
            self.relabelled.add(key)

    @precondition(lambda self: self.earlier and not self.unreadable())
    @rule(data=st.data())
    def a_backup_brings_an_earlier_status_back(self, data: st.DataObject) -> None:
        self.statuses.text = data.draw(st.sampled_from(self.earlier))
        self.cluster.now += 0.5

    @precondition(lambda self: self.earlier and not self.unreadable())
    @rule(data=st.data())
    def a_backup_brings_the_status_of_another_batch(self, data: st.DataObject) -> None:
        status = json.loads(data.draw(st.sampled_from(self.earlier))) | {"traceId": "f" * 32}
        everything = {"succeeded": f"0-{COUNT + 5}"}
        self.statuses.text = json.dumps(status | {"finalRecordings": everything})

    @precondition(lambda self: self.earlier and not self.unreadable())
    @rule()
    def another_plan_is_in_the_status(self) -> None:
        status = json.loads(self.earlier[-1])
        final = status.get("finalRecordings", {})
        beyond = ",".join(part for part in (final.get("succeeded", ""), f"{COUNT}-{COUNT + 5}") if part)
        self.statuses.text = json.dumps(status | {"finalRecordings": final | {"succeeded": beyond}})

    @precondition(lambda self: self.statuses.text is not None)
    @rule()
    def a_field_of_another_version_comes(self) -> None:
        self.statuses.text = json.dumps(json.loads(self.statuses.text or "{}") | {"nightly": {"since": 3}})

    @precondition(lambda self: self.unreadable())
    @rule()
    def the_field_goes(self) -> None:
        status = json.loads(self.statuses.text or "{}")
        self.statuses.text = json.dumps({name: value for name, value in status.items() if name != "nightly"})

    @rule()
    def somebody_wipes_it(self) -> None:
        self.statuses.text = None

    @invariant()
    def none_is_done_twice_at_once(self) -> None:
        indexes = [index for index, _ in self.cluster.live()]
        assert len(indexes) == len(set(indexes))

    @invariant()
    def nothing_counts_as_done_that_was_not(self) -> None:
        if self.statuses.text is not None and not self.unreadable():
            succeeded = restore(self.statuses.read()).succeeded
            assert {index for index in succeeded if index < COUNT} <= self.done

    @invariant()
    def every_stall_has_a_reason(self) -> None:
        if self.statuses.text is not None and not self.unreadable():
            status = self.statuses.read() or IngestBatchStatus()
            stalled = [each for each in status.conditions if each.type is ConditionType.STALLED]
            assert all(each.reason and each.message for each in stalled if each.status == "True")

    def teardown(self) -> None:
        """From here on nobody meddles: every recording comes to its end."""
        if self.unreadable():
            self.the_field_goes()
        for _ in range(PASSES_TO_THE_END):
            self.look()
            if self.operator.status.state.startswith("Complete") and not self.cluster.live():
                break
            for key in self.cluster.live():
                self.cluster.end(key, None)
                self.done.add(key[0])
            self.cluster.now += 3700
        final = self.operator.status.final_recordings
        ends = [decode(text) for text in (final.succeeded, final.skipped, final.failed)]
        assert sorted(index for end in ends for index in end) == list(range(COUNT))
        assert ends[0] <= self.done
        assert self.operator.status.counts.running == 0


TestRestoredStatuses = RestoredStatuses.TestCase
TestRestoredStatuses.settings = examples(25, stateful_step_count=20)
