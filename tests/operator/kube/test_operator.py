"""The whole operator on a real control plane: a batch goes in, one Job per try comes of it, and the status tells the truth about them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.plan_document import PlanDocument
from ingest_operator.kube.api import Api, connected
from ingest_operator.kube.events import EventPoster
from ingest_operator.kube.health import Health
from ingest_operator.kube.metrics import Metrics
from ingest_operator.kube.operator import Instruments, Operator, Options
from ingest_operator.kube.progress import ProgressPoller
from ingest_operator.kube.resources import BATCHES, CONFIG_MAPS, JOBS, PROFILES, Object
from tests.support.builders import items
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.played import PlayedPods

COUNT = 8
FATES = {
    (1, 1): Reason.DOWNLOAD_FAILED,
    (2, 1): Reason.GPU_OUT_OF_MEMORY,
    (3, 1): Reason.NO_SPEECH,
    (4, 1): Reason.NOT_FOUND,
}
"""A retry, a rung of the memory ladder, a skip and a failure."""

TRIES = sorted([(index, 1) for index in range(COUNT)] + [(1, 2), (2, 2)])
PATIENCE = 60


class Scene:
    """One namespace with pods that are played, and operators that come and go."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.pods = PlayedPods(api, namespace, PlanDocument(items=items(COUNT), media_seconds=600 * COUNT), FATES)
        self.writes_to_the_status = 0

    def observe(self, verb: str, resource: str, status: int, seconds: float) -> None:
        del seconds
        if verb in ("create", "update", "patch", "delete") and status < 400:
            self.writes_to_the_status += resource == "ingestbatches/status"

    async def make(self, **spec: Any) -> None:
        for resource, name, content in (
            (PROFILES, "default", {}),
            (BATCHES, "talks", {"sources": [{"url": "https://media.example.org/talks"}], "retry": {"backoffSeconds": 0}} | spec),
        ):
            body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name, "namespace": self.namespace}}
            await self.api.create(resource, self.namespace, body | {"spec": content})

    async def status(self) -> Object:
        batch = await self.api.get(BATCHES, self.namespace, "talks")
        return dict(batch["status"])

    async def operator(self, stop: asyncio.Event) -> None:
        """One operator, from its start to its end."""
        metrics = Metrics()
        async with (
            connected(self.observe) as api,
            ProgressPoller() as poller,
            EventPoster(api, time.time, "test", metrics.event) as events,
        ):
            api.log = self._log
            instruments = Instruments(metrics, Health(time.monotonic), events)
            await Operator(api, poller, instruments, Options((self.namespace,), 0)).run(stop)

    async def _log(self, *_: str) -> str:
        return self.pods.log()

    async def until_complete(self) -> Object:
        async with asyncio.timeout(PATIENCE):
            while True:
                status = await self.status()
                if status.get("state", "").startswith("Complete"):
                    return status
                await asyncio.sleep(0.1)


@pytest.fixture
def scene(api: Api, namespace: str) -> Scene:
    return Scene(api, namespace)


async def from_start_to_end(scene: Scene) -> Object:
    """An undisturbed life of a batch; its final status."""
    stop = asyncio.Event()
    await scene.make(parallelism=3)
    async with asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(scene.pods.run())
        tasks.create_task(scene.operator(stop))
        status = await scene.until_complete()
        stop.set()
        playing.cancel()
    return status


def test_every_recording_gets_a_job_per_try_and_the_status_says_what_became_of_it(
    scene: Scene, control_plane: ControlPlane, run: Callable[..., Any]
) -> None:
    status = run(from_start_to_end(scene))
    assert status["state"] == "CompleteWithFailures"
    assert {name: status["counts"][name] for name in ("succeeded", "skipped", "failed")} == {"succeeded": 6, "skipped": 1, "failed": 1}
    assert [entry["reason"] for entry in status["failures"]] == ["NotFound"]
    rows = {row["index"]: row for row in status["videos"]}
    assert (rows[1]["try"], rows[1]["attempts"], rows[2]["try"], rows[2]["attempts"], rows[2]["rung"]) == (2, 1, 2, 0, 1)
    assert status["sums"]["mediaSeconds"] == "3600"
    assert sorted(scene.pods.ended) == TRIES
    assert scene.pods.plans == 1
    assert scene.writes_to_the_status <= 12
    shown = control_plane.kubectl("get", "ib", "-n", scene.namespace).stdout
    assert "CompleteWithFailures" in shown
    control_plane.kubectl("wait", "--for=condition=Complete", "ib/talks", "-n", scene.namespace, "--timeout=5s")


def test_a_batch_that_is_deleted_takes_everything_with_it(scene: Scene, run: Callable[..., Any]) -> None:
    async def story() -> list[int]:
        await from_start_to_end(scene)
        batch = await scene.api.get(BATCHES, scene.namespace, "talks")
        await scene.api.delete(BATCHES, scene.namespace, "talks", uid=batch["metadata"]["uid"])
        async with asyncio.timeout(PATIENCE):
            while True:
                left = [
                    len((await scene.api.list(each, scene.namespace, labels="video-ingest.dev/batch-uid"))[0])
                    for each in (JOBS, CONFIG_MAPS)
                ]
                if left == [0, 0]:
                    return left
                await asyncio.sleep(0.2)

    assert run(story()) == [0, 0]


def test_without_its_profile_a_batch_stalls_and_goes_on_by_itself_when_it_is_made(scene: Scene, run: Callable[..., Any]) -> None:
    async def story() -> tuple[Object, Object]:
        await scene.make(profileRef={"name": "later"}, parallelism=4)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(scene.pods.run())
            tasks.create_task(scene.operator(stop))
            async with asyncio.timeout(PATIENCE):
                while (stalled := await scene.status()).get("state") != "Stalled":  # noqa: ASYNC110 -- the state is in the API
                    await asyncio.sleep(0.1)
            later = {"apiVersion": PROFILES.api_version, "kind": PROFILES.kind, "metadata": {"name": "later", "namespace": scene.namespace}}
            await scene.api.create(PROFILES, scene.namespace, later | {"spec": {}})
            complete = await scene.until_complete()
            stop.set()
            playing.cancel()
        return stalled, complete

    stalled, complete = run(story())
    assert [each["reason"] for each in stalled["conditions"] if each["type"] == "Stalled"] == ["ProfileMissing"]
    assert complete["counts"]["succeeded"] == 6
