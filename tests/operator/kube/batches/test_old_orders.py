"""Orders of earlier versions of a profile: they go once nothing reads them, and never what a Job or a start
needs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ingest_operator.kube.api.names import PLAN, ROLE
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, JOBS, PROFILES, Object
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.batches.pending import DOUBT_SECONDS, REFUSED_SECONDS
from testkit.cluster.memory_api import RefusingApi
from testkit.cluster.one_batch import OWNER, OneBatch
from testkit.objects import kube_objects as kube

AGES = 7200.0
"""Seconds after which no Job that succeeded is kept any more."""


class Scene:
    """A batch of many recordings, of which one runs at a time, under a profile that people edit."""

    def __init__(self) -> None:
        self.batch = OneBatch(30, parallelism=1)
        self.operator: BatchController = self.batch.operator()
        self._edits = 1

    def reconcile(self, after: float = 0.0) -> float | None:
        self.batch.clock += after
        return asyncio.run(self.batch.reconcile(self.operator)).after

    def edit(self) -> None:
        """Another version of the profile, with which orders differ."""
        self._edits += 1
        spec = {"runtime": {"transcriptionBatch": 20 + self._edits}}
        metadata = self.batch.profile["metadata"] | {"generation": self._edits}
        self.batch.profile = self.batch.api.put(
            PROFILES, self.batch.profile | {"metadata": metadata, "spec": spec}
        )
        self.batch.profiles.offer(self.batch.profile)

    def orders(self) -> set[str]:
        """The names of the ConfigMaps with orders."""
        return {
            thing["metadata"]["name"]
            for (plural, *_), thing in self.batch.api.objects.items()
            if plural == CONFIG_MAPS.plural and thing["metadata"]["labels"][ROLE] != PLAN
        }

    def jobs(self) -> list[Object]:
        return [thing for (plural, *_), thing in self.batch.api.objects.items() if plural == JOBS.plural]

    def read_by(self, job: Object) -> str:
        (container,) = job["spec"]["template"]["spec"]["containers"]
        name: str = container["envFrom"][0]["configMapRef"]["name"]
        return name

    def succeed(self) -> None:
        """The Job that runs is over, and so is the time that its pod may be late."""
        self.batch.clock += 60.0
        for job in self.jobs():
            if not (job.get("status") or {}).get("conditions"):
                self.show(job | {"status": kube.complete()["status"]})

    def suspend(self) -> None:
        """Nothing starts any more, until somebody resumes it."""
        body = self.batch.body_now()
        metadata = body["metadata"] | {"generation": body["metadata"]["generation"] + 1}
        spec = body["spec"] | {"suspend": True}
        self.batch.body = self.batch.api.put(BATCHES, body | {"metadata": metadata, "spec": spec})
        self.batch.batches.offer(self.batch.body)

    def show(self, job: Object) -> None:
        """The watch shows a new version of a Job."""
        self.batch.seen.jobs.offer(self.batch.api.put(JOBS, job))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_of_a_profile_that_is_edited_ten_times_the_orders_of_earlier_versions_go(scene: Scene) -> None:
    for _ in range(10):
        scene.reconcile()
        scene.succeed()
        scene.edit()
    scene.reconcile()
    assert len(scene.orders()) == 11
    scene.reconcile(AGES)  # no Job of them is kept
    again = scene.reconcile()
    assert again is not None
    assert again <= DOUBT_SECONDS
    scene.reconcile(DOUBT_SECONDS)
    (job,) = [job for job in scene.jobs() if scene.read_by(job) in scene.orders()]
    assert scene.orders() == {scene.read_by(job)}, "what runs has its order"


def test_an_order_stays_as_long_as_a_job_reads_it_however_long_that_waits(scene: Scene) -> None:
    scene.reconcile()
    (job,) = scene.jobs()
    scene.show(job | {"spec": job["spec"] | {"suspend": True}})  # by its queue
    for _ in range(3):
        scene.edit()
        scene.reconcile(AGES)
    assert scene.read_by(job) in scene.orders()


def test_an_order_that_a_job_reads_once_more_has_its_time_again(scene: Scene) -> None:
    """A create call of ours that nobody answered, carried out as late as it can be."""
    scene.reconcile()
    (job,) = scene.jobs()
    scene.batch.seen.jobs.drop(job)
    scene.batch.seen.jobs.forget(job)
    del scene.batch.api.objects[JOBS.plural, OWNER.namespace, job["metadata"]["name"]]
    scene.edit()
    scene.reconcile()
    scene.reconcile(DOUBT_SECONDS - 1)
    assert scene.read_by(job) in scene.orders()
    late = job | {"metadata": job["metadata"] | {"uid": "late", "name": job["metadata"]["name"][:-1] + "7"}}
    scene.show(late)
    scene.reconcile(AGES)
    assert scene.read_by(job) in scene.orders()


def test_what_a_start_could_need_now_is_never_deleted(scene: Scene) -> None:
    scene.reconcile()
    first = scene.orders()
    scene.suspend()
    scene.succeed()
    for seconds in (0.0, AGES, 0.0, DOUBT_SECONDS):
        scene.reconcile(seconds)
    assert (scene.jobs(), scene.orders()) == ([], first), "a batch that is resumed needs it"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: {"ownerReferences": []}, id="somebody else's"),
        pytest.param(lambda thing: {"name": f"{thing['metadata']['name']}-copy"}, id="another name"),
    ],
)
def test_what_only_looks_like_an_order_stays(scene: Scene, change: Callable[[Any], Object]) -> None:
    scene.reconcile()
    (name,) = scene.orders()
    order = scene.batch.api.objects[CONFIG_MAPS.plural, OWNER.namespace, name]
    other = order["metadata"] | {"name": name[:-4] + "0000", "uid": "other"}
    theirs = scene.batch.api.put(CONFIG_MAPS, order | {"metadata": other | change({"metadata": other})})
    scene.edit()
    for _ in range(3):
        scene.reconcile(AGES)
    assert theirs["metadata"]["name"] in scene.orders()


def test_an_order_that_may_not_be_deleted_stays_and_its_batch_goes_on(scene: Scene) -> None:
    api = scene.batch.api = RefusingApi(scene.batch.api, "delete", of=lambda kind, _: kind == CONFIG_MAPS)
    scene.operator = scene.batch.operator()
    scene.reconcile()
    (name,) = scene.orders()
    scene.succeed()
    scene.edit()
    for seconds in (0.0, AGES, 0.0, DOUBT_SECONDS):
        scene.reconcile(seconds)
    assert api.refused == [f"delete configmaps/{name}"]
    scene.reconcile(REFUSED_SECONDS - 1)
    assert len(api.refused) == 1
    api.refuses = False
    scene.reconcile(1)
    assert name not in scene.orders()


def test_an_operator_that_is_restarted_finds_old_orders_and_gives_them_their_time(scene: Scene) -> None:
    scene.reconcile()
    (name,) = scene.orders()
    scene.succeed()
    scene.edit()
    scene.reconcile()
    scene.reconcile(AGES)
    scene.operator = scene.batch.operator()
    scene.reconcile(AGES)
    assert name in scene.orders()
    scene.reconcile(DOUBT_SECONDS)
    assert name not in scene.orders()


def test_a_batch_that_is_done_keeps_no_order_of_an_earlier_profile(scene: Scene) -> None:
    scene.batch = OneBatch(1)
    scene.operator = scene.batch.operator()
    scene.reconcile()
    (name,) = scene.orders()
    scene.edit()
    scene.succeed()
    scene.reconcile()
    assert scene.batch.body_now()["status"]["state"] == "Complete"
    for seconds in (AGES, 0.0, DOUBT_SECONDS):
        scene.reconcile(seconds)
    assert (name in scene.orders(), scene.jobs()) == (False, [])
