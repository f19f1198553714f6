"""Runs that a policy of the cluster keeps from being stopped: they are told and tried again, and nothing else
waits for them."""

import asyncio

from ingest_operator.kube.api.names import STOPPED
from ingest_operator.kube.api.refusals import blocker_of_refusal
from ingest_operator.kube.api.resources import BATCHES, JOBS, Object
from ingest_operator.kube.batches.pending import REFUSED_SECONDS, UNREPEATED_SECONDS, PendingStarts
from testkit.cluster.memory_api import REFUSAL, MemoryApi, RefusingApi
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube
from testkit.objects.builders import NOW


def stubborn(known: MemoryApi) -> RefusingApi:
    """Lets nobody change or delete the Job of the first recording, while it is told so."""
    return RefusingApi(known, "patch", "delete", of=lambda kind, name: kind == JOBS and name.endswith("-0-1"))


def halted(recordings: int) -> tuple[OneBatch, RefusingApi]:
    """A batch whose runs are under way and should be stopped."""
    batch = OneBatch(recordings)
    for index in range(recordings):
        batch.job(index, pod=kube.running_pod())
    body = batch.body | {"spec": batch.body["spec"] | {"suspend": True, "suspendMode": "Kill"}}
    batch.body = batch.api.put(BATCHES, body)
    batch.batches.offer(batch.body)
    api = batch.api = stubborn(batch.api)
    return batch, api


def stopped(batch: OneBatch) -> list[str]:
    """The ends of the names of the Jobs that are suspended."""
    return sorted(
        name[-4:]
        for (plural, _, name), job in batch.api.objects.items()
        if plural == JOBS.plural and job["spec"].get("suspend")
    )


def stalled(batch: OneBatch) -> Object:
    conditions = batch.body_now()["status"]["conditions"]
    return next(each for each in conditions if each["type"] == "Stalled")


def test_a_run_that_cannot_be_stopped_keeps_no_other_and_is_reported_and_tried_again() -> None:
    batch, api = halted(3)
    operator = batch.operator()
    for _ in range(3):
        asyncio.run(batch.reconcile(operator))
    assert stopped(batch) == ["-1-1", "-2-1"]
    assert len(api.refused) == 1
    said = stalled(batch)
    assert (said["status"], said["reason"]) == ("True", "AdmissionDenied")
    assert "-0-1 cannot be stopped and goes on." in said["message"]
    assert "denied by the auditors" in said["message"]
    api.refuses = False
    batch.clock += 61
    for _ in range(2):
        asyncio.run(batch.reconcile(operator))
    assert stopped(batch) == ["-0-1", "-1-1", "-2-1"]
    assert stalled(batch)["status"] == "False"


def test_a_lingering_job_that_may_not_be_deleted_fails_no_reconcile_and_is_tried_again_later() -> None:
    batch = OneBatch(2, parallelism=1)
    batch.job(0)
    name = next(name for plural, _, name in batch.api.objects if plural == JOBS.plural)
    job = batch.api.objects[JOBS.plural, "media", name]
    stopped_by_us = job["metadata"] | {"annotations": {STOPPED: kube.at(30)}}
    suspended = kube.suspended(stopped=True)["status"]
    over = job | {"metadata": stopped_by_us, "spec": job["spec"] | {"suspend": True}, "status": suspended}
    batch.seen.jobs.offer(batch.api.put(JOBS, over))
    api = batch.api = stubborn(batch.api)
    operator = batch.operator()
    for _ in range(3):
        asyncio.run(batch.reconcile(operator))
    assert api.refused == [f"delete jobs/{name}"]
    assert batch.started() == [0]  # its next run
    api.refuses = False
    batch.clock += REFUSED_SECONDS
    asyncio.run(batch.reconcile(operator))
    assert (JOBS.plural, "media", name) not in api.objects


def test_a_refusal_that_is_due_and_that_nobody_repeats_is_reported_no_longer() -> None:
    remembered = PendingStarts()
    remembered.refusals[None] = blocker_of_refusal(REFUSAL, NOW)
    remembered.refusals[4] = blocker_of_refusal(REFUSAL, NOW + 10, 4)
    remembered.unstopped[5, 1] = blocker_of_refusal(REFUSAL, NOW + 20, 5)
    due = NOW + 60 + UNREPEATED_SECONDS
    assert [each.index for each in remembered.blockers(due - 1)] == [None, 4, 5]
    assert [each.index for each in remembered.blockers(due)] == [4, 5]
    assert [each.index for each in remembered.blockers(due + 19)] == [5]
    assert remembered.blockers(due + 20) == ()
