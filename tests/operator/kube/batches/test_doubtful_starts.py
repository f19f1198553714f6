"""A start that nobody answered may be carried out late: its Job stays until that cannot happen any more, or
the same would run twice."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ingest_contract.pods import PodProfile
from ingest_contract.status import ProfileStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.outcome import Ended
from ingest_operator.kube.api.errors import NotFoundError, UnreachableError
from ingest_operator.kube.batches.context import BatchContext
from ingest_operator.kube.batches.job_cluster import KubeCluster
from ingest_operator.kube.batches.pending import DOUBT_SECONDS, PendingStarts
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.objects.builders import NOW, a_receipt
from testkit.objects.kube_objects import at, complete
from testkit.objects.manifests import ITEM, OWNER, orders_for

START = Start(index=ITEM.index, number=1, charged_attempts=0, rung=0, disruptions=0)
SCENE = BatchContext(
    OWNER,
    orders_for(PodProfile(keep_succeeded_seconds=0, keep_failed_seconds=0)),
    ProfileStatus(generation=1, differs=False),
)
MADE = {"uid": "0c7b9d52", "resourceVersion": "1", "creationTimestamp": at(0)}


class Mute:
    """An API server that takes Jobs and does not say so, and says what it has deleted."""

    def __init__(self, *, mute: bool) -> None:
        self.deleted: list[str] = []
        self._mute = mute

    async def get(self, _: object, __: str, name: str) -> dict[str, Any]:
        raise NotFoundError(404, "NotFound", name)

    async def create(self, _: object, __: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._mute and body["kind"] == "Job":
            raise UnreachableError("TimeoutError", "no answer in time")
        return body | {"metadata": body["metadata"] | MADE}

    async def delete(self, _: object, __: str, name: str, **___: str) -> None:
        self.deleted.append(name)


def lived(*, mute: bool) -> tuple[Mute, KubeCluster, PendingStarts]:
    """A cluster in which the start was made, the Job has ended at once, and its end is recorded."""
    api, seen, remembered = Mute(mute=mute), JobsAndPods(), PendingStarts()
    cluster = KubeCluster(api, seen, SCENE, remembered, NOW, total=ITEM.index + 1)
    job = run_job(OWNER, SCENE.orders, ITEM, START)
    job["metadata"] |= MADE | {"resourceVersion": "2"}

    async def live() -> None:
        try:
            await cluster.start(START, ITEM)
        except UnreachableError:
            assert mute
        seen.jobs.offer(job | {"status": complete()["status"]})
        (run,) = cluster.shown().runs
        await cluster.forget(replace(run, ended=Ended(0, a_receipt().to_json()), ended_at=NOW), final=True)

    asyncio.run(live())
    return api, cluster, remembered


@pytest.mark.parametrize(("mute", "longer"), [(False, False), (True, True)], ids=["answered", "not answered"])
def test_the_job_of_a_start_stays_as_long_as_that_start_may_still_be_carried_out(
    *, mute: bool, longer: bool
) -> None:
    _, _, remembered = lived(mute=mute)
    (at_the_latest,) = remembered.kept.values()
    assert (at_the_latest >= NOW + DOUBT_SECONDS) is longer


def test_it_goes_when_that_time_is_over() -> None:
    api, _, remembered = lived(mute=True)
    early, late = (
        KubeCluster(api, JobsAndPods(), SCENE, remembered, NOW + DOUBT_SECONDS + offset, total=ITEM.index + 1)
        for offset in (-1, 1)
    )
    assert asyncio.run(early.clear()) == NOW + DOUBT_SECONDS
    assert asyncio.run(late.clear()) is None
    assert remembered.doubtful == {}
