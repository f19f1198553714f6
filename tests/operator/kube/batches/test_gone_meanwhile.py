"""A batch whose deletion is seen in the middle of its reconcile: nothing of it stays in the operator."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from typing_extensions import override

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, Object, Resource
from ingest_operator.kube.batches.progress_poller import ProgressPoller
from ingest_operator.kube.operator import Operator, Options
from ingest_operator.kube.planning.room import NAMESPACE_BYTES, PlanRoom
from ingest_operator.kube.telemetry.events import EventPoster
from ingest_operator.kube.telemetry.health import Health
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_operator.kube.telemetry.telemetry import Instruments
from ingest_operator.kube.watch.cache import key_of
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import NoProgress, OneBatch
from testkit.objects import kube_objects as kube


class GoingApi(MemoryApi):
    """Calls somebody when a ConfigMap is asked for, or a status was accepted and nobody knows yet."""

    def __init__(self, known: MemoryApi) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__
        self.at_plan: Callable[[], object] = lambda: None
        self.at_status: Callable[[], object] = lambda: None

    @override
    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        if resource == CONFIG_MAPS:
            self.at_plan()
        return await super().get(resource, namespace, name)

    @override
    async def replace_status(self, resource: Resource, body: Object) -> Object:
        written = await super().replace_status(resource, body)
        if resource == BATCHES:
            self.at_status()
        return written


def test_the_room_that_its_plans_would_take_is_free_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    room = PlanRoom()
    monkeypatch.setattr("ingest_operator.kube.batches.controller.PlanRoom", lambda: room)
    batch = OneBatch(3)
    api = batch.api = GoingApi(batch.api)
    operator = batch.operator()

    def deleted() -> None:
        api.at_plan = lambda: None
        operator.forget(key_of(batch.body))

    api.at_plan = deleted
    asyncio.run(operator.reconcile(key_of(batch.body)))
    room.take((batch.body["metadata"]["namespace"], "another"), NAMESPACE_BYTES)


def test_a_status_that_is_accepted_after_its_deletion_was_seen_leaves_no_metric() -> None:
    batch = OneBatch(3)
    api = GoingApi(batch.api)
    client, metrics = cast("Api", api), Metrics()
    events = EventPoster(client, lambda: batch.clock, "here", lambda _: None)
    instruments = Instruments(metrics, Health(lambda: 0.0), events)
    poller = cast("ProgressPoller", NoProgress())
    operator = Operator(client, poller, instruments, Options(("media",), 0), clock=lambda: batch.clock)
    watched = {each.resource.plural: each for each in operator.watched}
    for kind, thing in (("ingestbatches", batch.body), ("ingestprofiles", batch.profile)):
        watched[kind].cache.offer(thing)
    key = key_of(batch.body)

    def deleted() -> None:
        watched["ingestbatches"].cache.drop(batch.body)
        operator._enqueue_batch(batch.body)

    shown = 'video_ingest_batches{namespace="media"'
    batch.job(0, pod=kube.running_pod())
    asyncio.run(operator._controller.reconcile(key))
    assert shown in metrics.exposition().decode()
    api.at_status = deleted
    watched["ingestbatches"].cache.offer(api.objects[BATCHES.plural, *key])
    edited = api.put(
        BATCHES, api.objects[BATCHES.plural, *key] | {"spec": batch.body["spec"] | {"suspend": True}}
    )
    watched["ingestbatches"].cache.offer(edited)
    batch.body = edited
    asyncio.run(operator._controller.reconcile(key))
    assert shown not in metrics.exposition().decode()
