"""The Job of one try: what it asks for, what it mounts, what it may do, and how little of it there is."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.batch import Source
from ingest_contract.batch_sources import ObjectStoreSource, SecretSource
from ingest_contract.order import Item
from ingest_contract.pods import GpuShare, ModelVolume, PodProfile, PullPolicy, StoreSecret, WorkerMemory
from ingest_operator.core.actions import Start
from ingest_operator.core.deadlines import UNKNOWN_LENGTH_SECONDS, deadline_seconds
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.manifests.order_encoding import SHARED_VARIABLE
from testkit.objects.builders import a_voice
from testkit.objects.manifests import ITEM, OWNER, mounted, orders_for, pod_spec, variables, worker_of

GOLDENS = Path(__file__).parents[3] / "goldens" / "kube"
FIRST = Start(7, 1, 0, 0, 0)
CLAIMS = ("recordings", "voices", "other")


def job(start: Start = FIRST, item: Item = ITEM, pods: PodProfile | None = None, **profile: Any) -> Object:
    return run_job(OWNER, orders_for(pods, **profile), item, start)


def test_a_job_looks_as_agreed() -> None:
    """Every field that can be set is set."""
    pods = PodProfile(
        image="registry.example.org/worker@sha256:0123",
        pull_secrets=("registry",),
        service_account="ingest",
        claims=CLAIMS,
        queue_name="gpus",
        priority_class="batch",
        template={"spec": {"nodeSelector": {"gpu": "l4"}}},
    )
    item = ITEM.model_copy(update={"url": "file:///sources/recordings/talk.wav"})
    made = run_job(OWNER, orders_for(pods), item, Start(7, 3, 1, 2, 1))
    assert made == yaml.safe_load((GOLDENS / "ingest-job.yaml").read_text(encoding="utf-8"))


def test_a_job_and_its_pod_are_small_because_each_is_written_to_etcd_many_times() -> None:
    size = len(json.dumps(job(), separators=(",", ":"), ensure_ascii=False).encode())
    assert size < 2600, f"{size} bytes"


def test_what_items_share_is_in_no_job() -> None:
    orders = orders_for(voices=[a_voice("ann")])
    assert "ann.wav" in shared_order_map(OWNER, orders, FIRST)["data"][SHARED_VARIABLE]
    assert "ann.wav" not in json.dumps(run_job(OWNER, orders, ITEM, FIRST))


def test_a_job_is_one_run_and_its_pod_is_started_once() -> None:
    spec = job()["spec"]
    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (0, "Failed")
    assert pod_spec(job())["restartPolicy"] == "Never"
    assert "completions" not in spec
    assert "suspend" not in spec  # Kueue's to set


def test_labels_say_which_run_it_is_and_with_which_budget() -> None:
    labels = job(Start(7, 3, 1, 2, 4))["metadata"]["labels"]
    told = {
        key.removeprefix("video-ingest.dev/"): value
        for key, value in labels.items()
        if key.startswith("video-ingest.dev/")
    }
    assert told == {
        "batch-uid": OWNER.uid, "role": "ingest", "index": "7", "run": "3", "charged-attempts": "1",
        "rung": "2", "disruptions": "4",
    }  # fmt: skip
    assert {"charged-attempts", "rung", "disruptions"}.isdisjoint(
        key.rpartition("/")[2] for key in job()["metadata"]["labels"]
    )


def test_a_pod_is_found_by_its_batch_and_its_role() -> None:
    labels = job()["spec"]["template"]["metadata"]["labels"]
    assert labels == {"video-ingest.dev/batch-uid": OWNER.uid, "video-ingest.dev/role": "ingest"}


def test_the_deadline_is_the_pods_so_that_waiting_for_a_gpu_is_not_running() -> None:
    made = job()
    assert "activeDeadlineSeconds" not in made["spec"]
    assert pod_spec(made)["activeDeadlineSeconds"] == deadline_seconds(3471, "cuda")
    on_cpu = job(pods=PodProfile(gpu=GpuShare(count=0)))
    assert pod_spec(on_cpu)["activeDeadlineSeconds"] == deadline_seconds(3471, "cpu")


MEMORY = WorkerMemory(base_mib=1000, mib_per_media_hour=100, max_mib=5000)


@pytest.mark.parametrize(
    ("seconds", "rung", "asked"),
    [
        (3600, 0, "1100Mi"),
        (3600, 1, "2200Mi"),
        (3600, 2, "4400Mi"),
        (3600, 3, "5000Mi"),
        (1, 0, "1001Mi"),
        (None, 0, "1400Mi"),
    ],
)
def test_memory_grows_with_the_media_and_doubles_with_each_rung(
    seconds: int | None, rung: int, asked: str
) -> None:
    assert UNKNOWN_LENGTH_SECONDS == 4 * 3600
    item = ITEM.model_copy(update={"duration_seconds": seconds})
    resources = worker_of(job(Start(7, 1, 0, rung, 0), item, PodProfile(memory=MEMORY)))["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == asked


def test_cores_and_disk_are_asked_for_and_not_limited() -> None:
    resources = worker_of(job(pods=PodProfile(cpus=6, scratch_gib=50)))["resources"]
    assert (resources["requests"]["cpu"], resources["requests"]["ephemeral-storage"]) == ("6", "50Gi")
    assert set(resources["limits"]) == {"memory", "nvidia.com/gpu"}
    assert mounted(job(pods=PodProfile(scratch_gib=50)))["/tmp"] == (
        {"emptyDir": {"sizeLimit": "50Gi"}},
        True,
    )


def test_a_gpu_is_a_limit_of_the_profiles_resource_and_none_is_asked_for_on_a_cpu() -> None:
    sliced = worker_of(job(pods=PodProfile(gpu=GpuShare(resource="nvidia.com/mig-1g.10gb", count=2))))
    assert sliced["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "2"
    assert set(worker_of(job(pods=PodProfile(gpu=GpuShare(count=0))))["resources"]["limits"]) == {"memory"}


def test_threads_are_the_cores_that_are_asked_for() -> None:
    assert (
        '"threads":6'
        in shared_order_map(OWNER, orders_for(PodProfile(cpus=6)), FIRST)["data"][SHARED_VARIABLE]
    )


def test_the_stores_address_comes_from_the_secret_and_stands_nowhere() -> None:
    made = job(pods=PodProfile(store=StoreSecret(name="corpus", key="url")))
    assert variables(made)["INGEST_DSN"] == {"secretKeyRef": {"name": "corpus", "key": "url"}}


@pytest.mark.parametrize(
    ("where", "volume"),
    [
        (ModelVolume(), {"persistentVolumeClaim": {"claimName": "video-ingest-models", "readOnly": True}}),
        (ModelVolume(claim_name="sets"), {"persistentVolumeClaim": {"claimName": "sets", "readOnly": True}}),
        (ModelVolume(host_path="/srv/models"), {"hostPath": {"path": "/srv/models", "type": "Directory"}}),
        (ModelVolume(image="models:1"), {"image": {"reference": "models:1", "pullPolicy": "IfNotPresent"}}),
    ],
    ids=["nothing", "claim", "folder", "image"],
)
def test_models_are_mounted_read_only_from_where_the_profile_has_them(
    where: ModelVolume, volume: Object
) -> None:
    assert mounted(job(pods=PodProfile(models=where)))["/models"] == (volume, False)


@pytest.mark.parametrize(
    ("url", "mounts"),
    [
        ("https://media.example.org/sources/recordings/talk.wav", []),
        ("file:///sources/recordings/2025/talk%20one.wav", ["/sources/recordings"]),
        ("file://localhost/sources/other/talk.wav", ["/sources/other"]),
        ("/sources/other/talk.wav", ["/sources/other"]),
        ("file:///sources/secret/talk.wav", []),
        ("file:///srv/sources/recordings/talk.wav", []),
    ],
)
def test_only_the_claim_that_an_item_lies_on_is_mounted_and_only_if_the_profile_allows_it(
    url: str, mounts: list[str]
) -> None:
    made = job(item=ITEM.model_copy(update={"url": url}), pods=PodProfile(claims=CLAIMS))
    assert [path for path in mounted(made) if path.startswith("/sources")] == mounts


@pytest.mark.parametrize(
    ("url", "mounts"),
    [
        ("secret:///secrets/feeds/urls.txt#0123.4567", ["/secrets/feeds"]),
        ("secret:///secrets/allowed/urls.txt#0123.4567", []),
        ("secret:///secrets/store/dsn#0123.4567", []),
        ("secret:///secrets/feeds/../store/dsn#0123.4567", []),
        ("secret:///etc/feeds/urls.txt#0123.4567", []),
        ("https://media.example.org/secrets/feeds/urls.txt", []),
        ("s3://talks/one.mp3?mount=/secrets/bucket-reader", ["/secrets/bucket-reader"]),
        ("s3://talks/one.mp3?mount=/secrets/allowed", []),
        ("s3://talks/one.mp3?mount=/secrets/bucket-reader/../store", []),
        ("s3://talks/one.mp3?mount=/etc", []),
        ("s3://talks/one.mp3", []),
    ],
)
def test_only_the_secret_with_an_items_address_is_mounted_and_only_if_batch_and_profile_name_it(
    url: str, mounts: list[str]
) -> None:
    """A plan is what a process said that had met foreign pages."""
    sources = (
        *(Source(secret=SecretSource(secret_name=name)) for name in ("feeds", "store")),
        Source(object_store=ObjectStoreSource(url="s3://talks", secret_name="bucket-reader")),
    )
    pods = PodProfile(secrets=("feeds", "allowed", "bucket-reader"))
    made = job(item=ITEM.model_copy(update={"url": url}), pods=pods, batch={"sources": sources})
    assert [path for path in mounted(made) if path.startswith("/secrets")] == mounts


def test_a_claim_is_mounted_read_only_under_its_own_name() -> None:
    made = job(
        item=ITEM.model_copy(update={"url": "file:///sources/recordings/a.wav"}),
        pods=PodProfile(claims=CLAIMS),
    )
    claim = {"persistentVolumeClaim": {"claimName": "recordings", "readOnly": True}}
    assert mounted(made)["/sources/recordings"] == (claim, False)


def test_a_pod_is_nobody_and_can_do_nothing() -> None:
    """The restricted Pod Security Standard, and no token."""
    spec, container = pod_spec(job()), worker_of(job())
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65_532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
    }  # fmt: skip
    assert {path for path, (_, writable) in mounted(job()).items() if writable} == {"/tmp"}


def test_what_the_profile_says_of_images_and_queues_is_done() -> None:
    pods = PodProfile(
        image="w:1",
        pull_policy=PullPolicy.ALWAYS,
        pull_secrets=("a", "b"),
        queue_name="gpus",
        priority_class="low",
        queue_priority_class="backlog",
    )
    made = job(pods=pods)
    assert (worker_of(made)["image"], worker_of(made)["imagePullPolicy"]) == ("w:1", "Always")
    assert pod_spec(made)["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert pod_spec(made)["priorityClassName"] == "low"
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert made["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "backlog"
    for others in (job(), job(pods=PodProfile(queue_priority_class="backlog"))):
        assert not any(label.startswith("kueue.x-k8s.io/") for label in others["metadata"]["labels"])
