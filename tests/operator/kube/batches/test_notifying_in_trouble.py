"""What is told, shown and forgotten where the API server refuses what is told, the webhook goes or the batch
goes."""

import asyncio
import json
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from typing_extensions import override

from ingest_contract.notifications import Notification, NotifiedState
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.notifications import MAX_WAITING_NOTIFICATIONS, id_of
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.errors import ApiError, RefusalCause, RefusedError
from ingest_operator.kube.api.resources import BATCHES, Object, Resource
from ingest_operator.kube.telemetry.webhook import CONNECTIONS, Webhook, delivering, working
from ingest_operator.kube.watch.cache import Cache, key_of
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import OWNER, OneBatch
from testkit.cluster.receiver import Receiver
from testkit.objects import kube_objects as kube
from testkit.objects.builders import NOW
from tests.support.notified_batch import a_batch, looked_at_twice, notifications, notified, outcome, seen


def refused(said: str) -> RefusedError:
    return RefusedError(422, "Invalid", said, RefusalCause.INVALID)


class OlderApi(MemoryApi):
    """One whose definitions know nothing of notifications: it shows none, and takes none."""

    def __init__(self, known: MemoryApi) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__

    @override
    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        found = await super().get(resource, namespace, name)
        status = {field: each for field, each in found.get("status", {}).items() if field != "notifications"}
        return found | {"status": status}

    @override
    async def replace_status(self, resource: Resource, body: Object) -> Object:
        status = body["status"]
        if "notifications" in status or any(each["type"] == "Notified" for each in status["conditions"]):
            raise refused('unknown field "status.notifications"')
        return await super().replace_status(resource, body)


class BrokenApi(MemoryApi):
    """One that fails where it should delete."""

    def __init__(self, known: MemoryApi) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__

    @override
    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        raise ApiError(500, "InternalError", "etcdserver: request timed out")


def test_where_a_webhook_is_taken_away_nothing_is_left_that_is_still_to_be_reported(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = a_batch()
    receiver.answers = [500]

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            await looked_at_twice(batch, webhook)
        assert notified(batch) == ("False", "Retrying")
        await seen(batch, batch.operator())

    asyncio.run(live())
    status = batch.body_now()["status"]
    assert "notifications" not in status
    assert "Notified" not in {each["type"] for each in status["conditions"]}
    assert IngestBatchStatus.from_object(status).state == "Complete"


def test_older_definitions_that_know_no_notifications_are_shown_though_nobody_is_reported(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = a_batch()
    batch.api = OlderApi(batch.api)

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            operator = batch.operator(webhook)
            await seen(batch, operator)
            writes = len(batch.api.writes)
            await seen(batch, operator)
            assert len(batch.api.writes) == writes, "it is written once"

    asyncio.run(live())
    assert notified(batch, "Stalled") == ("True", "DefinitionsDiffer")
    assert receiver.requests == []
    assert batch.accepted, "metrics and Events hear of it"


def test_definitions_that_become_older_under_a_batch_are_shown_and_what_must_stop_is_stopped(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = OneBatch(2)
    batch.profiles = Cache()

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            operator = batch.operator(webhook)
            await seen(batch, operator)
            assert notified(batch, "Stalled") == ("True", "ProfileMissing")
            batch.job(0, pod=kube.running_pod())
            suspended = batch.body_now()
            spec = suspended["spec"] | {"suspend": True, "suspendMode": "Kill"}
            generation = {"generation": 2}
            batch.batches.offer(
                batch.api.put(
                    BATCHES, suspended | {"spec": spec, "metadata": suspended["metadata"] | generation}
                )
            )
            batch.api = OlderApi(batch.api)
            await seen(batch, batch.operator(webhook))

    asyncio.run(live())
    assert notified(batch, "Stalled") == ("True", "DefinitionsDiffer")
    assert [each for each in batch.api.writes if each.startswith(("patch jobs", "delete jobs"))]


def test_a_reconcile_that_the_api_server_breaks_off_keeps_nothing_from_being_reported(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = a_batch()
    batch.api = BrokenApi(batch.api)
    batch.clock += 1e6  # its Job was kept long enough

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            operator = batch.operator(webhook)
            with pytest.raises(ApiError):
                await seen(batch, operator)
            await outcome(webhook, batch)

    asyncio.run(live())
    assert [kind for _, kind, _ in receiver.summaries] == ["complete"]


def test_what_a_deleted_batch_had_in_the_queue_is_not_sent(tmp_path: Path, receiver: Receiver) -> None:
    batch = a_batch()

    async def live() -> None:
        webhook = Webhook(receiver.folder(tmp_path), time.time)
        operator = batch.operator(webhook)
        await seen(batch, operator)
        operator.forget(key_of(batch.body))
        async with working(webhook):
            ended = asyncio.Event()
            webhook.offer("0" * 32, b"{}", ended.set)
            await ended.wait()

    asyncio.run(live())
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == ["0" * 32]


def put(batch: OneBatch, waiting: Iterable[Notification]) -> None:
    """The status says that these were not told yet."""
    entries = [json.loads(each.to_json()) for each in waiting]
    body = batch.body_now()
    batch.batches.offer(
        batch.api.put(BATCHES, body | {"status": body["status"] | {"notifications": entries}})
    )


def test_of_too_many_those_are_given_up_that_are_not_on_their_way_and_they_are_not_sent(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch, at = a_batch(), to_rfc3339(NOW)
    ids = {f"R{number}": id_of(OWNER.trace_id, "Stalled", f"R{number}", at) for number in range(10)}
    all_of_them = [
        Notification(id=ids[reason], state=NotifiedState.STALLED, reason=reason, at=at) for reason in ids
    ]
    lost = [f"R{CONNECTIONS}", f"R{CONNECTIONS + 1}"]
    receiver.held.clear()

    async def live() -> None:
        await seen(batch, batch.operator())
        put(batch, all_of_them[:MAX_WAITING_NOTIFICATIONS])
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            operator = batch.operator(webhook)
            await seen(batch, operator)
            await asyncio.to_thread(receiver.came, CONNECTIONS)
            put(batch, all_of_them)
            await seen(batch, operator)
            assert [each["reason"] for each in notifications(batch) if each["delivery"] == "GivenUp"] == lost
            receiver.held.set()
            await outcome(webhook, batch)

    asyncio.run(live())
    assert sorted(reason for _, _, reason in receiver.summaries) == sorted({*ids} - {*lost})
