"""Runs that a policy of the cluster keeps from being stopped: they are told and tried again, and nothing else
waits for them."""

import asyncio
from typing import Any

from typing_extensions import override

from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.names import STOPPED
from ingest_operator.kube.api.refusals import blocker_of_refusal
from ingest_operator.kube.api.resources import BATCHES, JOBS, Object, Resource
from ingest_operator.kube.batches.job_cluster import REFUSED_SECONDS
from ingest_operator.kube.batches.pending import UNREPEATED_SECONDS, PendingStarts
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube
from testkit.objects.builders import NOW

REFUSAL = RefusedError(403, "Forbidden", "denied by the auditors", RefusalCause.ADMISSION)


class StubbornApi(MemoryApi):
    """Lets nobody change or delete the Job of the first recording, while it is told so."""

    def __init__(self, known: MemoryApi) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__
        self.refuses = True

    @override
    async def patch(self, resource: Resource, namespace: str, name: str, body: Object, **_: Any) -> Object:
        self._judge(resource, name)
        return await super().patch(resource, namespace, name, body)

    @override
    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        self._judge(resource, name)
        await super().delete(resource, namespace, name, uid=uid)

    def _judge(self, resource: Resource, name: str) -> None:
        if self.refuses and resource == JOBS and name.endswith("-0-1"):
            self.writes.append(f"refused {name}")
            raise REFUSAL


def halted(recordings: int) -> tuple[OneBatch, StubbornApi]:
    """A batch whose runs are under way and should be stopped."""
    batch = OneBatch(recordings)
    for index in range(recordings):
        batch.job(index, pod=kube.running_pod())
    body = batch.body | {"spec": batch.body["spec"] | {"suspend": True, "suspendMode": "Kill"}}
    batch.body = batch.api.put(BATCHES, body)
    batch.batches.offer(batch.body)
    api = batch.api = StubbornApi(batch.api)
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
    assert len([write for write in api.writes if write.startswith("refused")]) == 1
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
    api = batch.api = StubbornApi(batch.api)
    operator = batch.operator()
    for _ in range(3):
        asyncio.run(batch.reconcile(operator))
    assert [write for write in api.writes if write.startswith("refused")] == [f"refused {name}"]
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
