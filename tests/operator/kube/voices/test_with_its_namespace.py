"""A deleted voice whose namespace goes: nothing can run there that would forget it, so it goes as it is, and
only then."""

import asyncio
from typing import Any, cast

import pytest
from typing_extensions import override

from ingest_contract.names import API_VERSION, SPEAKER_KIND
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.resources import SPEAKERS, Object, Resource
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.voices.controller import REFUSED_SECONDS, VoiceController, VoiceDeps
from ingest_operator.kube.voices.finalizer import FORGET
from ingest_operator.kube.watch.cache import Cache, key_of
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.cluster.memory_api import MemoryApi
from testkit.objects.builders import NOW

SPEC: Object = {"recordings": [{"url": "https://media.example.org/ada.mp3"}]}
UNREADABLE: Object = {"recordings": "none"}


class GoingApi(MemoryApi):
    """Its namespaces are being deleted."""

    @override
    async def create(self, resource: Resource, namespace: str, body: Object, **_: Any) -> Object:
        cause = RefusalCause.NAMESPACE_TERMINATING
        raise RefusedError(403, "Forbidden", f"namespace {namespace} is being terminated", cause)


def reconciled(api: MemoryApi, spec: Object, **metadata: str) -> tuple[Object, Requeue]:
    """The voice after one reconcile, and when the next one is. Its profile is not there."""
    known = {"namespace": "media", "name": "ada", "generation": 1, "finalizers": [FORGET], **metadata}
    body = {"apiVersion": API_VERSION, "kind": SPEAKER_KIND, "metadata": known, "spec": spec}
    speaker, speakers = api.put(SPEAKERS, body), Cache()
    speakers.offer(speaker)
    deps = VoiceDeps(cast("Api", api), speakers, Cache(), JobsAndPods(), lambda: NOW, lambda *_: None)
    again = asyncio.run(VoiceController(deps).reconcile(key_of(speaker)))
    return api.objects[SPEAKERS.plural, "media", "ada"], again


@pytest.mark.parametrize("spec", [SPEC, UNREADABLE], ids=["profile gone", "unreadable"])
def test_a_voice_goes_with_its_namespace_though_nobody_can_forget_it(spec: Object) -> None:
    voice, again = reconciled(GoingApi(), spec, deletionTimestamp="2027-01-15T08:00:00Z")
    assert (voice["metadata"]["finalizers"], again) == ([], Requeue())


def test_it_waits_where_only_its_profile_is_gone_and_asks_again_because_nobody_tells() -> None:
    voice, again = reconciled(MemoryApi(), SPEC, deletionTimestamp="2027-01-15T08:00:00Z")
    assert voice["metadata"]["finalizers"] == [FORGET]
    assert "is not forgotten yet" in voice["status"]["conditions"][0]["message"]
    assert again == Requeue(REFUSED_SECONDS)


def test_a_voice_that_nobody_deleted_keeps_its_finalizer_in_a_namespace_that_goes() -> None:
    voice, _ = reconciled(GoingApi(), SPEC)
    assert voice["metadata"]["finalizers"] == [FORGET]
