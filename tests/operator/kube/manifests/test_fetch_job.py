"""The Jobs of a batch that fetches ahead: what a fetch gets and an ingest run does not, and the other way."""

from dataclasses import replace
from typing import Any

import pytest

from ingest_contract.batch import Source
from ingest_contract.batch_sources import SecretSource
from ingest_contract.cache_volume import CacheObjects, CacheVolume
from ingest_contract.cuda_cache import CudaCache
from ingest_contract.order import FetchOrder, IngestOrder, read_order
from ingest_contract.order_variables import ORDER_VARIABLE
from ingest_contract.pods import GpuShare, PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.phases import Phase
from ingest_operator.kube.api.names import FETCH, INGEST, ROLE, run_job_name
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import FETCH_MEMORY_MIB, run_job, shared_order_map
from ingest_operator.kube.observe.runs import phase_of
from ingest_operator.kube.watch.jobs_and_pods import slim_job
from testkit.cluster.kubelet_order import expand
from testkit.objects.builders import a_voice
from testkit.objects.manifests import ITEM, OWNER, mounted, orders_for, pod_spec, variables, worker_of

CLAIMED = CacheVolume(claim_name="fetched")
FETCHING = Start(7, 1, 0, 0, 0, phase=Phase.FETCH)
INGESTING = Start(7, 2, 0, 0, 0, cached=True)
INLINE = Start(7, 2, 0, 0, 0)


def job(
    start: Start, cache: CacheVolume | None = CLAIMED, pods: dict[str, Any] | None = None, **item: Any
) -> Object:
    profile = PodProfile(cache=cache, **(pods or {}))
    return run_job(OWNER, orders_for(profile), ITEM.model_copy(update=item), start)


def order_of(start: Start, cache: CacheVolume | None = CLAIMED) -> FetchOrder | IngestOrder:
    orders = orders_for(PodProfile(cache=cache))
    made, shared = run_job(OWNER, orders, ITEM, start), shared_order_map(OWNER, orders, start)
    order = read_order(expand(variables(made)[ORDER_VARIABLE], shared["data"]))
    assert isinstance(order, FetchOrder | IngestOrder)
    return order


def test_a_fetch_gets_the_cache_and_neither_models_nor_a_gpu() -> None:
    made = job(FETCHING, pods={"gpu": GpuShare(count=2)})
    assert set(mounted(made)) == {"/tmp", "/cache"}
    assert worker_of(made)["resources"]["limits"] == {"memory": f"{FETCH_MEMORY_MIB}Mi"}


def test_what_ingests_from_the_cache_gets_no_source() -> None:
    source = {"url": "file:///sources/recordings/talk.wav"}
    pods = {"claims": ("recordings",)}
    assert "/sources/recordings" in mounted(job(FETCHING, pods=pods, **source))
    assert "/sources/recordings" in mounted(job(INLINE, pods=pods, **source))
    assert set(mounted(job(INGESTING, pods=pods, **source))) == {"/models", "/tmp", "/cache"}


@pytest.mark.parametrize("start", [INGESTING, INLINE])
def test_what_cuda_compiles_outlives_pods_with_a_gpu_and_no_other_has_it(start: Start) -> None:
    kept = {"cuda_cache": CudaCache(claim_name="compiled")}
    made = job(start, pods=kept)
    assert "/cuda-cache" in mounted(made)
    assert variables(made)["CUDA_CACHE_PATH"] == "/cuda-cache"
    assert int(variables(made)["CUDA_CACHE_MAXSIZE"]) == 4 * 2**30
    assert "/cuda-cache" not in mounted(job(FETCHING, pods=kept))


def test_secret_addresses_are_in_the_pod_that_fetches_and_in_no_other() -> None:
    batch = {"sources": (Source(secret=SecretSource(secret_name="links", key="list")),)}
    orders = orders_for(PodProfile(cache=CLAIMED, secrets=("links",)), batch=batch)
    item = ITEM.model_copy(update={"url": "secret:///secrets/links/list#0123456789abcdef"})
    paths = [mounted(run_job(OWNER, orders, item, start)) for start in (FETCHING, INGESTING)]
    assert ["/secrets/links" in each for each in paths] == [True, False]


def test_what_voices_are_enrolled_from_is_in_no_pod_of_a_recording() -> None:
    orders = orders_for(
        PodProfile(cache=CLAIMED, claims=("voices",)),
        voices=[a_voice("ann", "file:///sources/voices/ann.wav")],
    )
    for start in (FETCHING, INGESTING, INLINE):
        assert "/sources/voices" not in mounted(run_job(OWNER, orders, ITEM, start))


def test_both_orders_name_the_cache_and_an_inline_one_does_not() -> None:
    fetch, ingest, inline = order_of(FETCHING), order_of(INGESTING), order_of(INLINE)
    assert (type(fetch), type(ingest), type(inline)) == (FetchOrder, IngestOrder, IngestOrder)
    assert [each.place.cache for each in (fetch, ingest, inline)] == ["/cache", "/cache", None]
    assert [each.run for each in (fetch, ingest, inline)] == [1, 2, 2]


@pytest.mark.parametrize("start", [FETCHING, INGESTING])
def test_a_claim_is_writable_for_the_workers_group(start: Start) -> None:
    context = pod_spec(job(start))["securityContext"]
    assert (context["fsGroup"], context["fsGroupChangePolicy"]) == (65_532, "OnRootMismatch")
    assert "fsGroup" not in pod_spec(job(INLINE, cache=None))["securityContext"]


@pytest.mark.parametrize("start", [FETCHING, INGESTING])
def test_a_folder_of_the_node_must_exist(start: Start) -> None:
    volumes = pod_spec(job(start, CacheVolume(host_path="/var/fetched")))["volumes"]
    (cache,) = (each for each in volumes if each["name"] == "cache")
    assert cache["hostPath"] == {"path": "/var/fetched", "type": "Directory"}


@pytest.mark.parametrize("start", [FETCHING, INGESTING])
def test_the_keys_of_an_object_store_come_from_its_secret(start: Start) -> None:
    store = CacheObjects(url="s3://ingest/fetched", endpoint="https://s3.example.org", secret_name="s3")
    made, order = (
        job(start, CacheVolume(object_store=store)),
        order_of(start, CacheVolume(object_store=store)),
    )
    keys = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in worker_of(made)["env"]
        if each["name"].startswith("AWS_")
    }
    assert keys == {key: {"name": "s3", "key": key} for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    assert (order.place.cache, order.place.cache_endpoint) == (
        "s3://ingest/fetched",
        "https://s3.example.org",
    )
    assert "/cache" not in mounted(made)


def test_a_fetch_has_the_image_and_the_template_that_the_profile_gives_it() -> None:
    template = {"spec": {"nodeSelector": {"pool": "cpu"}}}
    pods = {"image": "worker", "plan_image": "light", "fetch_template": template, "worker_template": {}}
    made = job(FETCHING, pods=pods)
    assert worker_of(made)["image"] == "light"
    assert pod_spec(made)["nodeSelector"] == {"pool": "cpu"}
    assert "nodeSelector" not in pod_spec(job(INGESTING, pods=pods))


def test_a_fetch_waits_in_no_queue() -> None:
    queues = [
        "kueue.x-k8s.io/queue-name" in job(start, pods={"queue_name": "gpus"})["metadata"]["labels"]
        for start in (FETCHING, INGESTING)
    ]
    assert queues == [False, True]


def test_a_rung_doubles_the_memory_of_a_fetch() -> None:
    made = job(replace(FETCHING, rung=2))
    assert worker_of(made)["resources"]["requests"]["memory"] == f"{4 * FETCH_MEMORY_MIB}Mi"


def test_a_run_number_names_one_job_whatever_it_is_for() -> None:
    names = {job(replace(start, number=3))["metadata"]["name"] for start in (FETCHING, INGESTING, INLINE)}
    assert names == {run_job_name(OWNER, 7, 3)}


@pytest.mark.parametrize(
    ("start", "phase", "role"), [(FETCHING, Phase.FETCH, FETCH), (INGESTING, Phase.INGEST, INGEST)]
)
def test_what_a_job_is_for_is_read_from_what_nobody_can_edit(start: Start, phase: Phase, role: str) -> None:
    made = job(start)
    assert made["metadata"]["labels"][ROLE] == role
    made["metadata"]["labels"] = {ROLE: "something else"}
    made["metadata"]["uid"] = "0"
    assert phase_of(slim_job(made)) is phase_of(slim_job(slim_job(made))) is phase
