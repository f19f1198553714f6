"""One reconcile of a batch in a cluster: each Job is looked at once, the ledger is restored once, and what
follows is told once."""

import asyncio

import pytest

from ingest_operator.kube.api.resources import BATCHES, JOBS
from ingest_operator.kube.batches.job_cluster import KubeCluster
from ingest_operator.kube.requeueing import LONGEST_WAIT_SECONDS, Requeue
from ingest_operator.kube.watch.cache import key_of
from scripts.house import one_reconcile
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube


def ended(batch: OneBatch) -> list[tuple[int, int]]:
    """The runs whose ends were told with a status."""
    return [(run.index, run.number) for each in batch.accepted for run in each.ended]


def test_a_reconcile_restores_the_ledger_once_and_classifies_each_job_once() -> None:
    trace = one_reconcile()
    assert trace.calls["core/ledger.py:restore"] == 1
    assert len(trace.classified) == 4
    assert set(trace.classified.values()) == {1}


def test_a_reconcile_observes_folds_renders_and_decides_once() -> None:
    calls = one_reconcile().calls
    names = (
        "kube/batches/job_cluster.py:observe",
        "core/decide.py:decide",
        "core/fold.py:fold",
        "core/status.py:render",
        "core/decide.py:_plan",
    )
    assert {name: calls[name] for name in names} == dict.fromkeys(names, 1)


def test_the_end_of_a_run_is_reported_with_the_status_that_records_it_and_never_again() -> None:
    batch = OneBatch(2)
    operator = batch.operator()
    batch.job(0, pod=kube.ended_pod(0, kube.RECEIPT))
    asyncio.run(batch.reconcile(operator))
    assert ended(batch) == [(0, 1)]
    batch.clock += 60
    asyncio.run(batch.reconcile(operator))
    asyncio.run(batch.reconcile(batch.operator()))  # one that has just started tells nothing of what it finds
    assert ended(batch) == [(0, 1)]


def test_runs_are_ended_as_the_spec_asks_whatever_a_reconcile_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ValueError("nobody thought of this")

    batch = OneBatch(1)
    operator = batch.operator()
    batch.job(0, pod=kube.running_pod())
    asyncio.run(batch.reconcile(operator))
    suspended = {"suspend": True, "suspendMode": "Kill"}
    newer = {"metadata": batch.body["metadata"] | {"generation": 2}, "spec": batch.body["spec"] | suspended}
    batch.body = batch.api.put(BATCHES, batch.body | newer)
    batch.batches.offer(batch.body)
    monkeypatch.setattr(KubeCluster, "observe", fails)
    with pytest.raises(ValueError, match="nobody thought of this"):
        asyncio.run(operator.reconcile(key_of(batch.body)))
    assert [write for write in batch.api.writes if f" {JOBS.plural}/" in write]


def test_everything_is_reported_before_anything_is_started() -> None:
    batch = OneBatch(3)
    operator = batch.operator()
    writes: list[list[str]] = []
    batch.on_accepted = lambda: writes.append(list(batch.api.writes))
    asyncio.run(batch.reconcile(operator))
    assert [each[-1] for each in writes] == ["status ingestbatches/talks"]
    assert any(write.startswith(f"create {JOBS.plural}/") for write in batch.api.writes)
    assert not any(write.startswith(f"create {JOBS.plural}/") for write in writes[0])


def test_a_batch_is_left_alone_the_longer_the_more_of_its_status_was_written_and_not_where_nothing_was() -> (
    None
):
    batch = OneBatch(500, parallelism=100)
    operator = batch.operator()
    first = asyncio.run(batch.reconcile(operator))
    second = asyncio.run(batch.reconcile(operator))  # which sees what the first has started
    third = asyncio.run(batch.reconcile(operator))
    assert 0 < first.shortest_wait < second.shortest_wait <= LONGEST_WAIT_SECONDS
    assert third == Requeue(30.0, shortest_wait=0.0)


def test_a_place_that_a_foreign_job_takes_is_given_to_another_recording_soon() -> None:
    batch = OneBatch(5, parallelism=2)
    batch.foreign_job(0)
    again = asyncio.run(batch.reconcile(batch.operator()))
    assert again.after == 1.0
    assert batch.started() == [1]


def test_a_batch_without_a_plan_starts_nothing_and_says_what_is_missing() -> None:
    batch = OneBatch(5)
    batch.profiles.drop(batch.profile)
    batch.unfreeze()
    asyncio.run(batch.reconcile(batch.operator()))
    status = batch.accepted[-1].after
    assert (status.state, batch.started()) == ("Stalled", [])
    assert "ProfileMissing" in {each.reason for each in status.conditions}
