"""The Job that plans: a small pod without a GPU, told by a file what to look at."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.batch import Source
from ingest_contract.batch_sources import ConfigMapSource, ObjectStoreSource, SecretSource, VolumeSource
from ingest_contract.order import Item, PlannedSource, PlanOrder, read_order
from ingest_contract.order_variables import ORDER_DIGEST_VARIABLE, order_digest
from ingest_contract.pods import PodProfile
from ingest_contract.selection import Reprocess
from ingest_operator.core.orders import Orders
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.order_encoding import MAX_PLAN_ORDER_BYTES, OrderTooLargeError, in_pods
from ingest_operator.kube.manifests.plan_job import DEADLINE_SECONDS, knowing, plan_job, plan_order_map
from ingest_operator.kube.manifests.sources import Found, needed_claims, planned_sources
from ingest_operator.kube.manifests.volumes import PLACE
from testkit.objects.builders import items
from testkit.objects.manifests import OWNER, mounted, orders_for, pod_spec, variables, worker_of

GOLDENS = Path(__file__).parents[3] / "goldens" / "kube"
CLAIMS = ("recordings", "voices")
SOURCES = (PlannedSource(url="https://media.example.org/$(HOME)"),)


def job(pods: PodProfile | None = None, **batch: Any) -> Object:
    """Of all sources of a batch that can be planned."""
    orders = orders_for(pods, batch=batch)
    spec, allowed = orders.batch.spec, orders.profile.pods
    everything = range(len(spec.sources))
    found = planned_sources(spec, everything, allowed, Found({"backlog": {"urls.txt": "https://a.example/"}}))
    return plan_job(OWNER, orders, 2, 1, found.sources, needed_claims(spec, found.entries, allowed))


def told(orders: Orders, sources: tuple[PlannedSource, ...] = SOURCES, planned: tuple[Item, ...] = ()) -> str:
    text: str = plan_order_map(OWNER, orders, sources, planned, 2)["data"]["order.json"]
    return text


def test_a_plan_job_looks_as_agreed() -> None:
    pods = PodProfile(
        plan_image="planner:1",
        pull_secrets=("registry",),
        claims=CLAIMS,
        queue_name="gpus",
        priority_class="batch",
    )
    sources = (Source(volume=VolumeSource(claim_name="recordings")),)
    made = job(pods, sources=sources, reprocess=Reprocess.IF_PIPELINE_CHANGED)
    assert made == yaml.safe_load((GOLDENS / "plan-job.yaml").read_text(encoding="utf-8"))


def test_the_worker_finds_its_order_in_the_file_that_is_named() -> None:
    orders = orders_for(PodProfile(claims=CLAIMS))
    file = variables(plan_job(OWNER, orders, 2, 1))["INGEST_WORK_ORDER_FILE"]
    folder, name = file.rsplit("/", 1)
    volume, writable = mounted(plan_job(OWNER, orders, 2, 1))[folder]
    made = plan_order_map(OWNER, orders, SOURCES, items(3), 2)
    assert (volume, writable) == ({"configMap": {"name": made["metadata"]["name"]}}, False)
    order = read_order(made["data"][name])
    assert isinstance(order, PlanOrder)
    assert order == in_pods(orders).to_plan(SOURCES, order.claims, items(3), PLACE)
    assert order.fetch.allow.folders == ("/sources/recordings", "/sources/voices")
    assert order.claims == {"recordings": "/sources/recordings", "voices": "/sources/voices"}


def test_every_run_of_a_plan_is_a_job_of_its_own_with_the_same_order() -> None:
    first, second = (plan_job(OWNER, orders_for(), 0, number) for number in (1, 2))
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert pod_spec(first) == pod_spec(second)


def test_a_plan_needs_neither_gpu_nor_queue() -> None:
    made = job(PodProfile(queue_name="gpus", priority_class="low"))
    assert worker_of(made)["resources"]["limits"] == {"memory": "1024Mi"}
    assert worker_of(made)["resources"]["requests"]["cpu"] == "1"
    assert pod_spec(made)["activeDeadlineSeconds"] == DEADLINE_SECONDS
    assert "kueue.x-k8s.io/queue-name" not in made["metadata"]["labels"]
    assert "priorityClassName" not in pod_spec(made)


@pytest.mark.parametrize(("plan_image", "used"), [(None, "worker:1"), ("planner:1", "planner:1")])
def test_a_plan_may_have_an_image_without_engines(plan_image: str | None, used: str) -> None:
    assert worker_of(job(PodProfile(image="worker:1", plan_image=plan_image)))["image"] == used


@pytest.mark.parametrize(
    ("reprocess", "mount"),
    [(Reprocess.NEVER, False), (Reprocess.ALWAYS, False), (Reprocess.IF_PIPELINE_CHANGED, True)],
)
def test_models_are_mounted_only_where_their_locks_decide(reprocess: Reprocess, mount: bool) -> None:  # noqa: FBT001 -- a table's column
    assert ("/models" in mounted(job(reprocess=reprocess))) is mount


@pytest.mark.parametrize(
    ("source", "mounts"),
    [
        (Source(url="https://media.example.org/talks"), []),
        (Source(volume=VolumeSource(claim_name="recordings")), ["/sources/recordings"]),
        (Source(volume=VolumeSource(claim_name="forbidden")), []),
        (Source(url="file:///sources/voices/ann.wav"), ["/sources/voices"]),
        (Source(config_map=ConfigMapSource(name="backlog")), ["/sources/recordings", "/sources/voices"]),
    ],
    ids=["none", "a volume", "one that is not allowed", "a file", "a list that may name any"],
)
def test_a_plan_sees_the_claims_that_its_batch_names(source: Source, mounts: list[str]) -> None:
    assert [
        path
        for path in mounted(job(PodProfile(claims=CLAIMS, config_maps=("backlog",)), sources=(source,)))
        if path.startswith("/sources")
    ] == mounts


def test_a_plan_sees_those_keys_of_secrets_that_its_batch_names_and_its_profile_allows() -> None:
    named = [("feeds", "a.txt"), ("feeds", "b.txt"), ("store", "dsn"), ("feeds", "a.txt")]
    sources = tuple(Source(secret=SecretSource(secret_name=name, key=key)) for name, key in named)
    found = mounted(job(PodProfile(secrets=("feeds", "others")), sources=sources))
    items = [{"key": "a.txt", "path": "a.txt"}, {"key": "b.txt", "path": "b.txt"}]
    volume = {"secret": {"secretName": "feeds", "items": items, "optional": True}}
    assert {path: each for path, each in found.items() if path.startswith("/secrets")} == {
        "/secrets/feeds": (volume, False)
    }


def test_a_plan_sees_the_keys_to_the_buckets_that_its_batch_names() -> None:
    stores = (
        ObjectStoreSource(url="s3://talks/2025", secret_name="reader"),
        ObjectStoreSource(url="s3://others", secret_name="forbidden"),
        ObjectStoreSource(url="s3://open"),
    )
    sources = tuple(Source(object_store=store) for store in stores)
    found = mounted(job(PodProfile(secrets=("reader",)), sources=sources))
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    items = [{"key": key, "path": key} for key in keys]
    volume = {"secret": {"secretName": "reader", "items": items, "optional": True}}
    assert {path: each for path, each in found.items() if path.startswith("/secrets")} == {
        "/secrets/reader": (volume, False)
    }


def test_ten_thousand_recordings_and_a_thousand_sources_fit_into_one_map() -> None:
    sources = tuple(PlannedSource(url=f"https://media.example.org/{number:0100d}") for number in range(1000))
    assert len(told(orders_for(), sources, items(10_000)).encode()) < MAX_PLAN_ORDER_BYTES


def test_an_order_that_fits_into_no_map_is_refused_with_what_to_do() -> None:
    sources = tuple(PlannedSource(url=f"https://media.example.org/{number:02000d}") for number in range(1000))
    with pytest.raises(
        OrderTooLargeError,
        match=r"1000 sources.* a ConfigMap takes 1000000: put fewer sources into one batch$",
    ):
        told(orders_for(), sources)


def test_a_plan_job_is_small() -> None:
    assert len(json.dumps(job(), separators=(",", ":")).encode()) < 2800


def test_a_plans_worker_takes_the_order_that_was_made_for_it_and_no_other() -> None:
    orders = orders_for()
    order = plan_order_map(OWNER, orders, SOURCES, (), 2)
    made = knowing(plan_job(OWNER, orders, 2, 1), order)
    assert variables(made) == variables(job()) | {
        ORDER_DIGEST_VARIABLE: order_digest(order["data"]["order.json"])
    }
