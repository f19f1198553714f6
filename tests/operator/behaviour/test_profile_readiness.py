"""A profile says whether it is ready before the first batch trips over it, and what pods have said of it."""

from collections.abc import Iterable
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.profiles import controller
from ingest_operator.kube.profiles.lookup import Checked, check_needs
from ingest_operator.kube.profiles.needs import Need
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition

SETTLED = {"models": {"hostPath": "/srv/models"}}
"""Pods that name nothing."""


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each look, which follow each other sooner than where people wait."""
    made: list[str] = []

    async def counted(api: Api, namespace: str, needs: Iterable[Need]) -> Checked:
        made.append(namespace)
        return await check_needs(api, namespace, needs)

    monkeypatch.setattr(controller, "check_needs", counted)
    for name in ("SOON_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(controller, name, 0.5)
    return made


def profile(scene: Scene) -> dict[str, Any]:
    return scene.admin.get(scene.path().replace("ingestbatches/talks", "ingestprofiles/default"))


def until_ready(scene: Scene, reason: str) -> str:
    """The message of the condition with this reason."""
    seen: list[dict[str, Any]] = [{}]

    def holds() -> bool:
        body = profile(scene)
        seen[0] = condition(body.get("status", {}), "Ready")
        return bool(
            seen[0].get("reason") == reason
            and seen[0]["observedGeneration"] == body["metadata"]["generation"]
            and body["status"]["observedGeneration"] == body["metadata"]["generation"]
        )

    until(holds, f"the profile is {reason}")
    assert seen[0]["status"] == ("True" if reason == "AllFound" else "False")
    return str(seen[0]["message"])


def claim(scene: Scene, name: str) -> None:
    scene.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )


def test_what_a_profile_names_is_missed_before_any_batch_and_found_when_somebody_makes_it(
    scene: Scene, looks: list[str]
) -> None:
    scene.profile(pods={"serviceAccount": "workers", "configMaps": ["lists"]})
    scene.operate()
    message = until_ready(scene, "ServiceAccountMissing")
    assert "PersistentVolumeClaim 'video-ingest-models', which pods.models names, is not there" in message
    for kind, name, more in (("ServiceAccount", "workers", {}), ("ConfigMap", "lists", {"data": {"a": "b"}})):
        assert f"{kind} '{name}'" in message
        scene.apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more})
    claim(scene, "video-ingest-models")
    assert until_ready(scene, "AllFound") == ""
    until(lambda: scene.events("NotReady") and scene.events("Ready"), "both are told")
    version, made = profile(scene)["metadata"]["resourceVersion"], len(looks)
    until(lambda: len(looks) > made + 2, "it is looked at again and again")
    assert profile(scene)["metadata"]["resourceVersion"] == version
    columns = scene.kubectl("get", "iprofile", "--no-headers").split()
    assert columns[:4] == ["default", "default", "True", "AllFound"]


def test_an_invalid_combination_is_reported_and_goes_with_the_spec(scene: Scene) -> None:
    scene.profile(pods={**SETTLED, "gpu": {"count": 0}}, runtime={"device": "Cuda"})
    scene.operate()
    assert "runtime.device is Cuda and pods.gpu.count is 0" in until_ready(scene, "ProfileInvalid")
    scene.profile(pods={**SETTLED, "template": {"status": {}}})
    assert "pods.template.status" in until_ready(scene, "TemplateInvalid")
    scene.profile(pods=SETTLED)
    until_ready(scene, "AllFound")


def test_classes_that_the_operator_may_not_read_are_named_and_missed_by_one_that_may(scene: Scene) -> None:
    scene.profile(
        pods={
            **SETTLED,
            "priorityClass": "nowhere",
            "workerTemplate": {"spec": {"runtimeClassName": "nvidia"}},
        }
    )
    scene.operate()
    message = until_ready(scene, "AllFound")
    assert "PriorityClass nowhere" in message
    assert "RuntimeClass nvidia" in message
    scene.allow_classes()
    scene.profile(pods={**SETTLED, "priorityClass": "nowhere"})
    assert "PriorityClass 'nowhere'" in until_ready(scene, "PriorityClassMissing")


def test_a_queue_of_a_cluster_without_kueue_is_missing(scene: Scene) -> None:
    scene.allow_classes()
    scene.profile(pods={**SETTLED, "queueName": "gpus"})
    scene.operate()
    assert "LocalQueue 'gpus'" in until_ready(scene, "QueueMissing")


def without_cookies(pod: dict[str, Any]) -> Life:
    """No pod of the batch `talks` finds its cookies."""
    if pod["metadata"]["name"].startswith("talks-"):
        return fails(Reason.CREDENTIALS_INVALID, message="Secret youtube has no key cookies.txt")
    return sequence({})(pod)


def test_a_secret_that_only_pods_can_miss_is_reported_until_a_pod_succeeds_even_when_its_batch_is_gone(
    scene: Scene,
) -> None:
    scene.profile(pods=SETTLED)
    scene.play(without_cookies)
    scene.operate()
    until_ready(scene, "AllFound")
    scene.batch()
    assert "Batch talks: " in until_ready(scene, "CredentialsInvalid")
    scene.delete()
    until(lambda: scene.left() == [], "nothing is left of it")
    assert "Secret youtube has no key cookies.txt" in until_ready(scene, "CredentialsInvalid")
    scene.batch("nightly")
    until_ready(scene, "AllFound")
    assert profile(scene)["status"].get("faults", []) == []
