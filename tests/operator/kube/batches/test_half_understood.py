"""A batch whose spec cannot be read whole takes back no failed recording by what is left of it."""

import asyncio
from typing import Any

from ingest_contract.failures import FAILURES, Reason
from ingest_operator.kube.api.resources import BATCHES
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube

GONE = FAILURES[Reason.NOT_FOUND].exit_code or 0


def looked(batch: OneBatch, generation: int, **spec: Any) -> tuple[str, str]:
    """(the value of `retryFailed` that was carried out, what has failed) after a change of the spec."""
    body = batch.body_now()
    metadata = body["metadata"] | {"generation": generation}
    changed = batch.api.put(BATCHES, body | {"metadata": metadata, "spec": batch.body["spec"] | spec})
    batch.batches.offer(changed)
    asyncio.run(batch.reconcile(batch.operator()))
    status = batch.body_now()["status"]
    return status.get("retryFailed", ""), status["finalRecordings"].get("failed", "")


def test_a_retry_beside_a_field_that_is_not_known_begins_once_the_spec_is_understood() -> None:
    batch = OneBatch(2)
    for index in range(2):
        batch.job(index, pod=kube.ended_pod(GONE))
    assert looked(batch, 1) == ("", "0-1")
    named = {"retryFailed": "monday", "retryRecordings": "1"}
    assert looked(batch, 2, **named, colour="red") == ("", "0-1")
    assert looked(batch, 3, **named) == ("monday", "0")
