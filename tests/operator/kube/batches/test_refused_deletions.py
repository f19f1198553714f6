"""A Job that a policy of the cluster keeps from being deleted: it stays, and its batch goes on."""

import asyncio

from ingest_operator.kube.api.resources import JOBS
from ingest_operator.kube.batches.pending import REFUSED_SECONDS
from testkit.cluster.memory_api import RefusingApi
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube

KEPT_SECONDS = 700
"""Seconds after which Jobs that succeeded are deleted, and some to spare."""


def test_a_job_that_may_not_be_deleted_stays_and_nothing_else_waits_for_it() -> None:
    batch = OneBatch(3, parallelism=2)
    for index in range(2):
        batch.job(index, pod=kube.ended_pod(0, kube.RECEIPT))
    api = batch.api = RefusingApi(batch.api, "delete", of=lambda _, name: name.endswith("-0-1"))
    operator = batch.operator()
    asyncio.run(batch.reconcile(operator))
    assert batch.started() == [2]
    batch.clock += KEPT_SECONDS
    for _ in range(2):
        asyncio.run(batch.reconcile(operator))
    names = sorted(name for plural, _, name in api.objects if plural == JOBS.plural)
    assert [name.rpartition("-0b3f6c1e")[2] for name in names] == ["-0-1", "-2-1"]
    assert len(api.refused) == 1
    assert batch.body_now()["status"]["counts"]["succeeded"] == 2
    api.refuses = False
    batch.clock += REFUSED_SECONDS
    asyncio.run(batch.reconcile(operator))
    assert (JOBS.plural, "media", names[0]) not in api.objects
