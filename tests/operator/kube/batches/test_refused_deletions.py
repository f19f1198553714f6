"""A Job that a policy of the cluster keeps from being deleted: it stays, and its batch goes on."""

import asyncio

from typing_extensions import override

from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.resources import JOBS, Resource
from ingest_operator.kube.batches.job_cluster import REFUSED_SECONDS
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube

KEPT_SECONDS = 700
"""Seconds after which Jobs that succeeded are deleted, and some to spare."""


class KeepingApi(MemoryApi):
    """Deletes no Job of the first recording, while it is told so."""

    def __init__(self, known: MemoryApi) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__
        self.keeps = True

    @override
    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        if self.keeps and name.endswith("-0-1"):
            self.writes.append(f"refused {name}")
            raise RefusedError(403, "Forbidden", "Jobs stay for the auditors", RefusalCause.ADMISSION)
        await super().delete(resource, namespace, name, uid=uid)


def test_a_job_that_may_not_be_deleted_stays_and_nothing_else_waits_for_it() -> None:
    batch = OneBatch(3, parallelism=2)
    for index in range(2):
        batch.job(index, pod=kube.ended_pod(0, kube.RECEIPT))
    api = batch.api = KeepingApi(batch.api)
    operator = batch.operator()
    asyncio.run(batch.reconcile(operator))
    assert batch.started() == [2]
    batch.clock += KEPT_SECONDS
    for _ in range(2):
        asyncio.run(batch.reconcile(operator))
    names = sorted(name for plural, _, name in api.objects if plural == JOBS.plural)
    assert [name.rpartition("-0b3f6c1e")[2] for name in names] == ["-0-1", "-2-1"]
    assert len([write for write in api.writes if write.startswith("refused")]) == 1
    assert batch.body_now()["status"]["counts"]["succeeded"] == 2
    api.keeps = False
    batch.clock += REFUSED_SECONDS
    asyncio.run(batch.reconcile(operator))
    assert (JOBS.plural, "media", names[0]) not in api.objects
