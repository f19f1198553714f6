"""A batch and its webhook: each transition reaches the receiver, whenever the operator dies, and all that is
known of it stands in the status."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from typing_extensions import override

from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.notifications import WAITS_SECONDS
from ingest_operator.kube.api.resources import BATCHES, Object, Resource
from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.requeueing import RESYNC_SECONDS
from ingest_operator.kube.telemetry.event_messages import EVENT_RULES
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_operator.kube.telemetry.notes import Aspect, Note
from ingest_operator.kube.telemetry.webhook import Webhook, delivering
from ingest_operator.kube.watch.cache import Cache, key_of
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import OneBatch
from testkit.cluster.receiver import PATH, Receiver, attempted
from tests.support.notified_batch import a_batch, looked_at_twice, notifications, notified, outcome, seen


class DeathError(Exception):
    """The operator was killed."""


class DeadlyApi(MemoryApi):
    """Kills its client at one of its writes of a status."""

    def __init__(self, known: MemoryApi, dies_at: int, *, accepted: bool) -> None:
        super().__init__()
        self.__dict__ |= known.__dict__
        self.dies_at, self.accepted, self.count = dies_at, accepted, 0

    @override
    async def replace_status(self, resource: Resource, body: Object) -> Object:
        self.count += 1
        if self.count != self.dies_at:
            return await super().replace_status(resource, body)
        if self.accepted:
            await super().replace_status(resource, body)
        raise DeathError


async def looks(batch: OneBatch, operator: BatchController, webhook: Webhook) -> None:
    """As many as there is anything to do for."""
    for _ in range(4):
        await seen(batch, operator)
        await outcome(webhook, batch)


def test_the_end_of_a_batch_is_reported_once_and_its_status_says_so(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = a_batch()

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            operator = batch.operator(webhook)
            again = await seen(batch, operator)
            assert again.after == RESYNC_SECONDS, "if it is not woken before"
            assert [each["delivery"] for each in notifications(batch)] == ["Pending"]
            assert notified(batch) == ("False", "Pending"), "by the write that makes it true"
            await outcome(webhook, batch)
            assert batch.woken == [key_of(batch.body)]
            again = await seen(batch, operator)
            assert again.after != RESYNC_SECONDS
            for _ in range(3):
                await seen(batch, operator)
            await seen(batch, batch.operator(webhook))

    asyncio.run(live())
    assert [(kind, reason) for _, kind, reason in receiver.summaries] == [("complete", "Succeeded")]
    assert notified(batch) == ("True", "Delivered")
    assert (notifications(batch)[0]["attempts"], notifications(batch)[0]["delivery"]) == (1, "Delivered")


def test_a_stalled_batch_and_one_of_which_little_can_be_read_are_reported_too(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = OneBatch(1)
    strange = batch.body | {"spec": batch.body["spec"] | {"parallelism": "many"}}
    batch.body = batch.api.put(BATCHES, strange)
    batch.batches.offer(batch.body)

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            await looked_at_twice(batch, webhook)

    asyncio.run(live())
    assert [kind for _, kind, _ in receiver.summaries] == ["stalled"]
    assert notified(batch) == ("True", "Delivered")
    assert batch.body_now()["status"]["state"] == "Stalled"


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2])
def test_an_operator_that_dies_at_a_write_of_it_loses_nothing_and_a_repetition_has_the_same_id(
    tmp_path: Path, receiver: Receiver, dies_at: int, *, accepted: bool
) -> None:
    batch = a_batch()

    async def live() -> None:
        folder = receiver.folder(tmp_path)
        batch.api = DeadlyApi(batch.api, dies_at, accepted=accepted)
        async with delivering(folder, time.time) as webhook:
            assert webhook is not None
            operator = batch.operator(webhook)
            with pytest.raises(DeathError):
                await looks(batch, operator, webhook)
        batch.batches.offer(batch.body_now())
        async with delivering(folder, time.time) as webhook:
            assert webhook is not None
            await looks(batch, batch.operator(webhook), webhook)

    asyncio.run(live())
    assert notified(batch) == ("True", "Delivered")
    ids = {identity for identity, _, _ in receiver.summaries}
    assert ids == {each["id"] for each in notifications(batch)}
    assert len(ids) == 1
    assert len(receiver.requests) == (2 if (dies_at, accepted) == (2, False) else 1)


def test_a_receiver_that_is_down_for_ever_is_given_up_in_the_condition_an_event_and_a_metric(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch, metrics, notes = a_batch(), Metrics(), list[Note]()
    receiver.answers = [500, 302, *[503] * 20]

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            for wait in (*WAITS_SECONDS, 0.0):
                operator = batch.operator(webhook)  # each attempt is another operator's
                await seen(batch, operator)
                await outcome(webhook, batch)
                again = await seen(batch, operator)
                if wait:
                    assert notified(batch) == ("False", "Retrying")
                    assert again.after is not None
                    assert again.after <= wait, "nobody else wakes a batch that is done"
                batch.clock += wait

    asyncio.run(live())
    for each in batch.accepted:
        metrics.accepted(batch.body, each.before, each.after)
        notes += [note for note in [EVENT_RULES[Aspect.NOTIFICATION](each.before, each.after)] if note]
    assert notified(batch) == ("False", "GivenUp")
    assert [note.reason for note in notes] == ["NotificationLost"]
    assert "HTTP 503" in notes[0].text
    text = metrics.exposition().decode()
    assert 'video_ingest_notifications_total{result="failed"} 8.0' in text
    assert 'video_ingest_notifications_total{result="given_up"} 1.0' in text
    assert len(receiver.requests) == 8
    assert len({identity for identity, _, _ in receiver.summaries}) == 1
    everything = json.dumps([*batch.api.objects.values()]) + notes[0].text + text
    assert not [word for word in (PATH, receiver.url, receiver.key) if word in everything]


def test_without_a_webhook_nothing_is_recorded_and_what_was_over_before_there_was_one_is_not_reported(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = a_batch()

    async def live() -> None:
        await seen(batch, batch.operator())
        assert notifications(batch) == []
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            for _ in range(3):
                await seen(batch, batch.operator(webhook))

    asyncio.run(live())
    assert receiver.requests == []
    assert IngestBatchStatus.from_object(batch.body_now()["status"]).state == "Complete"


def test_a_profile_that_is_missing_is_reported_while_the_batch_waits(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = OneBatch(1)
    batch.profiles = Cache()

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            await looked_at_twice(batch, webhook)

    asyncio.run(live())
    assert [(kind, reason) for _, kind, reason in receiver.summaries] == [("stalled", "ProfileMissing")]


def test_what_a_backup_brings_back_of_another_batch_of_that_name_is_not_reported(
    tmp_path: Path, receiver: Receiver
) -> None:
    batch = a_batch()
    other = {
        "id": "f" * 32, "state": "Complete", "reason": "Succeeded", "at": "2026-01-31T12:00:00Z",
        "delivery": "Pending",
    }  # fmt: skip
    status = {"traceId": "1" * 32, "observedGeneration": 1, "notifications": [other]}
    strange = {"sources": "none"}  # nothing can be decided, so nothing replaces the status
    batch.body = batch.api.put(BATCHES, batch.body | {"spec": strange, "status": status})
    batch.batches.offer(batch.body)

    async def live() -> None:
        async with delivering(receiver.folder(tmp_path), time.time) as webhook:
            assert webhook is not None
            operator = batch.operator(webhook)
            await seen(batch, operator)
            await attempted(
                webhook, [each["id"] for each in notifications(batch) if each["id"] != other["id"]]
            )
            await seen(batch, operator)

    asyncio.run(live())
    assert other["id"] not in {identity for identity, _, _ in receiver.summaries}
    assert [kind for _, kind, _ in receiver.summaries] == ["stalled"]
