"""A batch in memory whose operator has a webhook: what its status says of telling, and the steps of a story
about it."""

from typing import Any

from ingest_operator.kube.batches.controller import BatchController
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.telemetry.webhook import Webhook
from testkit.cluster.one_batch import OneBatch
from testkit.cluster.receiver import attempted
from testkit.objects import kube_objects as kube


def a_batch() -> OneBatch:
    """One whose single recording has ended well, and nobody has looked."""
    batch = OneBatch(1)
    batch.job(0, pod=kube.ended_pod(0, kube.RECEIPT))
    return batch


async def outcome(webhook: Webhook, batch: OneBatch) -> None:
    """Wait until an attempt for all that is pending has ended."""
    pending = [each["id"] for each in notifications(batch) if each["delivery"] == "Pending"]
    await attempted(webhook, pending)


def notifications(batch: OneBatch) -> list[Any]:
    found: list[Any] = batch.body_now().get("status", {}).get("notifications", [])
    return found


def notified(batch: OneBatch, kind: str = "Notified") -> tuple[str, str]:
    """(status, reason) of that condition."""
    conditions = batch.body_now()["status"]["conditions"]
    found = next(each for each in conditions if each["type"] == kind)
    return found["status"], found["reason"]


async def looked_at_twice(batch: OneBatch, webhook: Webhook) -> None:
    """By one operator, before an attempt for all that is pending and after it."""
    operator = batch.operator(webhook)
    await seen(batch, operator)
    await outcome(webhook, batch)
    await seen(batch, operator)


async def seen(batch: OneBatch, operator: BatchController) -> Requeue:
    again = await batch.reconcile(operator)
    batch.clock += 2
    return again
