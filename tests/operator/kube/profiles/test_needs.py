"""What a profile names, templates included, and what is made of what is found."""

import asyncio
from typing import cast

import pytest

from ingest_contract.profile import IngestProfile
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import CLAIMS, LOCAL_QUEUES, Object
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.profiles.lookup import check_needs, judged
from ingest_operator.kube.profiles.needs import Need, needs_of
from testkit.cluster.memory_api import MemoryApi


def needs(**pods: object) -> set[tuple[str, str, str]]:
    profile = IngestProfile.from_object(
        {
            "apiVersion": "video-ingest.dev/v1alpha1",
            "kind": "IngestProfile",
            "metadata": {"name": "default", "namespace": "media"},
            "spec": {"pods": pods},
        }
    )
    return {(each.kind, each.name, each.named_by) for each in needs_of(profile)}


MODELS = ("PersistentVolumeClaim", "video-ingest-models", "pods.models")


def test_a_profile_of_defaults_needs_the_claim_with_the_models_and_nothing_of_its_batches() -> None:
    assert needs() == {MODELS}
    assert needs(models={"hostPath": "/srv/models"}) == set()


def test_every_field_that_names_an_object_is_reported_by_its_name() -> None:
    assert needs(
        claims=["talks"], configMaps=["lists"], cache={"claimName": "fetched"}, queueName="gpus",
        queuePriorityClass="high", priorityClass="low", serviceAccount="workers",
        models={"claimName": "sets"},
    ) == {
        ("PersistentVolumeClaim", "sets", "pods.models"),
        ("PersistentVolumeClaim", "talks", "pods.claims"),
        ("PersistentVolumeClaim", "fetched", "pods.cache.claimName"),
        ("ConfigMap", "lists", "pods.configMaps"),
        ("LocalQueue", "gpus", "pods.queueName"),
        ("WorkloadPriorityClass", "high", "pods.queuePriorityClass"),
        ("PriorityClass", "low", "pods.priorityClass"),
        ("ServiceAccount", "workers", "pods.serviceAccount"),
    }  # fmt: skip


def test_what_only_a_template_names_counts_too_and_what_is_optional_does_not() -> None:
    template = {
        "spec": {
            "runtimeClassName": "nvidia",
            "volumes": [
                {"name": "a", "persistentVolumeClaim": {"claimName": "extra"}},
                {"name": "b", "configMap": {"name": "settings"}},
                {"name": "c", "configMap": {"name": "maybe", "optional": True}},
                {"name": "d", "projected": {"sources": [{"configMap": {"name": "authority"}}]}},
            ],
            "containers": [
                {
                    "name": "worker",
                    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "hosts", "key": "a"}}}],
                    "envFrom": [{"configMapRef": {"name": "all"}}, {"secretRef": {"name": "nobody"}}],
                }
            ],
        }
    }
    by = "a template of its pods"
    assert needs(fetchTemplate=template) == {MODELS}  # nothing is fetched ahead without a cache
    assert needs(workerTemplate=template) - {MODELS} == {
        ("RuntimeClass", "nvidia", by),
        ("PersistentVolumeClaim", "extra", by),
        ("ConfigMap", "settings", by),
        ("ConfigMap", "authority", by),
        ("ConfigMap", "hosts", by),
        ("ConfigMap", "all", by),
    }


def test_a_template_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(OverlayError, match=r"pods\.planTemplate\.status"):
        needs(planTemplate={"status": {}})


CLAIM = Need((CLAIMS,), "talks", "pods.claims")
QUEUE = Need(LOCAL_QUEUES, "gpus", "pods.queueName")


@pytest.mark.parametrize(
    ("need", "found", "reason"),
    [
        (CLAIM, None, "ClaimMissing"),
        (CLAIM, {"metadata": {"deletionTimestamp": "2026-01-31T12:00:00Z"}}, "ClaimMissing"),
        (CLAIM, {"status": {"phase": "Lost"}}, "ClaimLost"),
        (CLAIM, {"status": {"phase": "Pending"}}, None),
        (QUEUE, None, "QueueMissing"),
        (QUEUE, {"spec": {"stopPolicy": "HoldAndDrain"}}, "QueueStopped"),
        (QUEUE, {"status": {"conditions": [{"type": "Active", "status": "False"}]}}, "QueueInactive"),
        (QUEUE, {"spec": {"stopPolicy": "None"}}, None),
    ],
)
def test_what_is_found_is_judged_with_the_next_step(
    need: Need, found: Object | None, reason: str | None
) -> None:
    finding = judged(need, "media", found)
    assert (finding.reason if finding else None) == reason
    if finding is not None:
        assert need.name in finding.message
        assert need.named_by in finding.message


def test_a_text_that_is_no_name_is_a_finding_and_the_others_are_looked_up() -> None:
    api = MemoryApi()
    api.put(CLAIMS, {"metadata": {"namespace": "media", "name": "talks"}})
    strange = [Need((CLAIMS,), name, "a template of its pods") for name in ("a/b", "..", "100%")]
    missing = Need((CLAIMS,), "gone", "pods.claims")
    checked = asyncio.run(check_needs(cast("Api", api), "media", [*strange, CLAIM, missing]))
    assert [each.reason for each in checked.findings] == ["ProfileInvalid"] * 3 + ["ClaimMissing"]
    assert "'a/b'" in checked.findings[0].message
