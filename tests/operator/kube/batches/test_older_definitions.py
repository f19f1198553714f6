"""Statuses that the cluster's definitions, older than the operator, refuse:
that is told in words that they know."""

import pytest

from ingest_contract.names import API_VERSION, BATCH_KIND
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.resources import BATCHES, Object, Resource
from ingest_operator.kube.api.statuses import UnwritableStatusError
from ingest_operator.kube.batches.status_store import KubeStatusStore
from testkit.cluster.fixtures import Run
from testkit.objects.builders import NOW

NEWER = {"reason": "QuantumDecoherence", "until": to_rfc3339(NOW), "opened": 1, "message": ""}
"""A breaker with a reason that the definitions do not know."""


class Newer:
    """A client that writes what only a newer operator would, into a cluster with today's definitions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def replace_status(self, resource: Resource, body: Object) -> Object:
        newer = "conditions" not in body["status"] or not body["status"]["conditions"]
        return await self._api.replace_status(
            resource, body | {"status": body["status"] | ({"breaker": NEWER} if newer else {})}
        )


class Refusing:
    """An API server with a policy against it."""

    async def replace_status(self, *_: object) -> Object:
        raise RefusedError(403, "Forbidden", "a webhook denied the request", RefusalCause.ADMISSION)


async def a_batch(api: Api, namespace: str) -> Object:
    spec = {"sources": [{"url": "https://media.example.org/talks"}]}
    body = {"apiVersion": API_VERSION, "kind": BATCH_KIND, "metadata": {"name": "talks"}, "spec": spec}
    return await api.create(BATCHES, namespace, body)


def test_a_status_that_older_definitions_refuse_is_reported_in_the_words_that_they_know(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        statuses = KubeStatusStore(Newer(api), await a_batch(api, namespace))
        with pytest.raises(UnwritableStatusError) as caught:
            await statuses.write(IngestBatchStatus(state="Running"))
        await statuses.report(caught.value.blocker, NOW)
        status = (await api.get(BATCHES, namespace, "talks"))["status"]
        [condition] = status["conditions"]
        assert (status["state"], condition["type"], condition["reason"]) == (
            "Stalled",
            "Stalled",
            "DefinitionsDiffer",
        )
        assert 'Unsupported value: "QuantumDecoherence"' in condition["message"]
        before = statuses.batch["metadata"]["resourceVersion"]
        await statuses.report(caught.value.blocker, NOW + 30)
        assert statuses.batch["metadata"]["resourceVersion"] == before, "it is told once"

    run(story())


def test_another_refusal_is_not_taken_for_that(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        statuses = KubeStatusStore(Refusing(), await a_batch(api, namespace))
        with pytest.raises(RefusedError):
            await statuses.write(IngestBatchStatus(state="Running"))

    run(story())
