"""Jobs that several recordings share, reconcile by reconcile: how they are found again, how long they are
kept, and that no recording's end is lost while its Job goes."""

import asyncio
from typing import Any

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.pack import PackEntry, PackWriter
from ingest_contract.receipt import Receipt
from ingest_operator.kube.api.names import PACK
from ingest_operator.kube.api.ownership import identity_of
from ingest_operator.kube.api.resources import JOBS, PODS, PROFILES, Object
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods, slim_job
from testkit.cluster.one_batch import OWNER, OneBatch
from testkit.objects import kube_objects as kube
from testkit.objects.builders import a_failure, a_receipt

PACK_ENDED = FAILURES[Reason.PACK_ENDED].exit_code or 1


def shared(recordings: int, parallelism: int = 1, **pods: Any) -> OneBatch:
    """A batch whose recordings are short."""
    batch = OneBatch(recordings, parallelism=parallelism)
    spec = {"pods": {"packShort": {"maxSeconds": 600, "recordings": 3}} | pods}
    batch.profile = batch.api.put(PROFILES, batch.profile | {"spec": spec})
    batch.profiles.offer(batch.profile)
    return batch


def reconciled(batch: OneBatch, operator: BatchController | None = None) -> Object:
    """The status after one reconcile."""
    asyncio.run(batch.reconcile(operator or batch.operator()))
    status: Object = batch.body_now()["status"]
    return status


def jobs(batch: OneBatch) -> list[Object]:
    return [thing for (plural, _, _), thing in batch.api.objects.items() if plural == JOBS.plural]


def seen(batch: OneBatch, job: Object, pod: Object | None = None, **status: Any) -> None:
    """What the watches show of a Job that was made: it lives, with this pod."""
    there = kube.a_job(**status)
    shown = batch.api.put(JOBS, job | {"status": there["status"], "spec": job["spec"] | {"suspend": False}})
    shown["metadata"]["creationTimestamp"] = kube.at(0)
    batch.seen.jobs.offer(shown)
    if pod is not None:
        owner = {"uid": identity_of(shown).uid, "controller": True}
        metadata = {
            "name": f"{shown['metadata']['name']}-x", "namespace": OWNER.namespace,
            "creationTimestamp": kube.at(0), "ownerReferences": [owner],
        }  # fmt: skip
        batch.seen.pods.offer(batch.api.put(PODS, pod | {"metadata": metadata}))


def message(*receipts: Receipt, begun: int | None = None) -> str:
    writer = PackWriter(3)
    text = writer.header
    for index, receipt in enumerate(receipts):
        code = 0 if receipt.reason is None else FAILURES[receipt.reason].exit_code
        entry = PackEntry(index=index, ended=True, code=code, receipt=receipt)
        text += writer.begun(index) + writer.ended(entry)
    return text + (writer.begun(begun) if begun is not None else "")


GOOD = a_receipt()


def test_a_job_says_in_its_template_which_recordings_it_has_and_gives_each_its_order() -> None:
    batch = shared(5, parallelism=2)
    reconciled(batch)
    first, second = jobs(batch)
    names = [each["metadata"]["name"].rsplit("-", 2)[1:] for each in (first, second)]
    assert names == [["0", "1"], ["3", "1"]]
    assert [each["spec"]["template"]["metadata"]["annotations"][PACK] for each in (first, second)] == [
        "0-2",
        "3-4",
    ]
    (container,) = first["spec"]["template"]["spec"]["containers"]
    variables = [each["name"] for each in container["env"] if each["name"].startswith("INGEST_WORK_ORDER")]
    assert variables == [
        "INGEST_WORK_ORDER", "INGEST_WORK_ORDER_SHA256", "INGEST_WORK_ORDER_1", "INGEST_WORK_ORDER_SHA256_1",
        "INGEST_WORK_ORDER_2", "INGEST_WORK_ORDER_SHA256_2",
    ]  # fmt: skip
    allowed = [each["spec"]["template"]["spec"]["activeDeadlineSeconds"] for each in (first, second)]
    assert allowed[0] * 2 == allowed[1] * 3, "as long as its recordings together"
    kept = slim_job(slim_job(first))["spec"]
    assert {name: kept[name] for name in ("suspend", "pack")} == {"suspend": False, "pack": "0-2"}
    assert "template" not in kept


def test_without_it_no_job_and_no_order_is_other_than_before() -> None:
    batch = OneBatch(3)
    reconciled(batch)
    for job in jobs(batch):
        assert "annotations" not in job["spec"]["template"]["metadata"]
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert not any(
            "deadline_seconds" in str(each) or "deadlineSeconds" in str(each) for each in container["env"]
        )


def test_runs_in_one_job_are_all_under_way_and_take_one_slot() -> None:
    batch = shared(7, parallelism=2)
    operator = batch.operator()
    reconciled(batch, operator)
    for job in jobs(batch):
        seen(batch, job, kube.running_pod())
    status = reconciled(batch, operator)
    assert status["counts"]["running"] == 6
    assert len(jobs(batch)) == 2, "both slots are taken"


def test_an_operator_that_knows_no_job_finds_those_of_all_its_recordings_by_the_first() -> None:
    batch = shared(3)
    operator = batch.operator()
    reconciled(batch, operator)
    (job,) = jobs(batch)
    seen(batch, job, kube.running_pod())
    reconciled(batch, operator)
    batch.seen = JobsAndPods()
    status = reconciled(batch)
    assert status["counts"]["running"] == 3
    assert len(jobs(batch)) == 1


def test_how_each_ended_is_recorded_and_the_job_is_kept_as_long_as_any_of_them_wants_it() -> None:
    batch = shared(3, keepSucceededSeconds=100, keepFailedSeconds=1000)
    operator = batch.operator()
    reconciled(batch, operator)
    (job,) = jobs(batch)
    told = message(GOOD, a_failure(Reason.NOT_FOUND), GOOD)
    seen(batch, job, kube.ended_pod(PACK_ENDED, told))
    status = reconciled(batch, operator)
    counts = status["counts"]
    assert (counts["succeeded"], counts["failed"]) == (2, 1)
    assert status["sums"]["mediaSeconds"] == "1200"
    batch.clock += 500
    reconciled(batch, operator)
    assert len(jobs(batch)) == 1
    batch.clock += 600
    reconciled(batch, operator)
    assert jobs(batch) == []
    assert sum(write.startswith(f"delete {JOBS.plural}/") for write in batch.api.writes) == 1


def test_a_job_stays_while_the_end_of_one_of_its_recordings_finds_no_row(monkeypatch: Any) -> None:
    batch = shared(3, keepSucceededSeconds=0, keepFailedSeconds=0)
    operator = batch.operator()
    reconciled(batch, operator)
    (job,) = jobs(batch)
    later = a_failure(Reason.DOWNLOAD_FAILED)
    seen(batch, job, kube.ended_pod(PACK_ENDED, message(GOOD, later, later)))
    monkeypatch.setattr("ingest_operator.core.fold.MAX_WAITING_ROWS", 1)
    status = reconciled(batch, operator)
    counts = [status["counts"][each] for each in ("succeeded", "waiting", "running")]
    assert counts == [1, 2, 0], "the third runs no more, though no row says so yet"
    assert len(jobs(batch)) == 1, "nobody else knows how the third ended"
    monkeypatch.undo()
    status = reconciled(batch, batch.operator())
    assert [row["chargedAttempts"] for row in status["recordings"] if row["state"] != "Succeeded"] == [1, 1]
    assert status["sums"]["mediaSeconds"] == "600"


def test_a_job_that_is_gone_is_a_disruption_of_each_of_its_recordings() -> None:
    batch = shared(3)
    operator = batch.operator()
    reconciled(batch, operator)
    (job,) = jobs(batch)
    seen(batch, job, kube.running_pod())
    reconciled(batch, operator)
    del batch.api.objects[JOBS.plural, OWNER.namespace, job["metadata"]["name"]]
    batch.seen = JobsAndPods()
    reconciled(batch)
    made = sorted(each["metadata"]["name"].rsplit("-", 2)[1:] for each in jobs(batch))
    assert made == [["0", "2"]], "one slot, and alone"
    assert PACK not in str(jobs(batch))
