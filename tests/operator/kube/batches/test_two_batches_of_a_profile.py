"""Two batches of one profile whose reconciles take turns: each goes by its own spec, and none by the
other's."""

import asyncio

from typing_extensions import override

from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.resources import BATCHES, JOBS, PROFILES, Object, Resource
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.watch.cache import key_of
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube

PACED = {"fetch": {"sites": [{"name": "*", "pace": {"perHour": 1}}]}}
OF_THE_STORE = {"sources": [{"store": {}}], "reprocess": "IfPipelineChanged"}


class SlowApi(MemoryApi):
    """While a Job is asked for, another batch is reconciled."""

    def __init__(self, known: MemoryApi) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__
        self.meanwhile: tuple[BatchController, Object] | None = None

    @override
    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        if resource is JOBS and self.meanwhile is not None:
            (operator, other), self.meanwhile = self.meanwhile, None
            await operator.reconcile(key_of(other))
        return await super().get(resource, namespace, name)


def test_a_batch_of_the_store_takes_no_pace_from_a_batch_that_fetches() -> None:
    batch = OneBatch(3, parallelism=3)
    row = {"name": "youtube", "egress": "direct", "lastStartedAt": to_rfc3339(batch.clock)}
    sites = [row | {"dueAt": to_rfc3339(batch.clock + 3600)}]
    batch.profiles.offer(batch.api.put(PROFILES, batch.profile | {"spec": PACED, "status": {"sites": sites}}))
    batch.job(0, pod=kube.running_pod())
    asyncio.run(batch.reconcile(batch.operator()))
    uid = "f" * 8 + batch.body["metadata"]["uid"][8:]
    metadata = {"namespace": "media", "name": "anew", "uid": uid, "generation": 1}
    other = batch.api.put(BATCHES, batch.body | {"metadata": metadata, "spec": OF_THE_STORE})
    batch.batches.offer(other)
    batch.seen = JobsAndPods()  # of an operator that has just started, and has not heard of the Job yet
    api = batch.api = SlowApi(batch.api)
    operator = batch.operator()
    api.meanwhile = operator, other
    asyncio.run(batch.reconcile(operator))
    assert api.meanwhile is None, "the other batch was reconciled in between"
    assert batch.body_now()["status"]["counts"]["running"] == 1
    made = [each for each in api.writes if each.startswith("create jobs/talks-")]
    assert made == [], "the site takes its next start in an hour"
    assert api.objects[PROFILES.plural, "media", "default"]["status"]["sites"] == sites
