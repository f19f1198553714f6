"""What the Jobs of a batch from the store ask for: no GPU, no cache, no source, no secret of a site, and the
store alone to talk to."""

import json
from typing import Any

import pytest

from ingest_contract.cache_volume import CacheVolume
from ingest_contract.order import IngestOrder
from ingest_contract.order_variables import ORDER_VARIABLE
from ingest_contract.pack_short import PackShort
from ingest_contract.pods import GpuShare, PodProfile, RelabelPods
from ingest_contract.profile import Device, FetchProfile, IngestProfileSpec, RuntimeProfile
from ingest_contract.selection import Reprocess, StoreSource
from ingest_contract.sites import SecretKey, SiteProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.core.phases import Packing, ahead_of
from ingest_operator.core.relabel import as_used, packing
from ingest_operator.kube.api.names import INGEST, PLAN, RELABEL, ROLE
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.manifests.order_encoding import SHARED_VARIABLE, joined
from ingest_operator.kube.manifests.overlay import OverlayError, has_gpu
from ingest_operator.kube.manifests.plan_job import plan_job, plan_order_map
from ingest_operator.kube.manifests.sources import Found, planned_sources
from testkit.objects.builders import TRACE, a_spec, from_store
from testkit.objects.manifests import ITEM, OWNER, mounted, pod_spec, variables, worker_of

START = Start(index=0, number=1, charged_attempts=0, rung=0, disruptions=0)
GPU: dict[str, Any] = {"spec": {"nodeSelector": {"gpu": "a100"}, "tolerations": [{"key": "nvidia.com/gpu"}]}}
FULL = IngestProfileSpec(
    fetch=FetchProfile(
        sites=(SiteProfile(name="*", cookies=SecretKey(secret_name="cookies", key="cookies.txt")),)
    ),
    runtime=RuntimeProfile(device=Device.CUDA),
    pods=PodProfile(
        gpu=GpuShare(count=2),
        cache=CacheVolume(claim_name="fetched"),
        claims=("talks",),
        secrets=("lists",),
        worker_template=GPU,
        pack_short=PackShort(recordings=2),
    ),
)
"""A profile that gives its workers everything that there is."""


def orders_from_store(profile: IngestProfileSpec = FULL) -> Orders:
    batch = from_store()
    used = as_used(batch.spec, profile)
    runtime = runtime_of(used, Machine(has_gpu(used.pods), used.pods.cpus), 1)
    return Orders(batch, used, settings_of(batch, used, ()), runtime, TRACE)


def jobs(orders: Orders) -> list[dict[str, Any]]:
    return [run_job(OWNER, orders, ITEM, START), plan_job(OWNER, orders, 0, 1)]


def test_nothing_of_such_a_batch_asks_for_a_gpu() -> None:
    for job in jobs(orders_from_store()):
        assert "gpu" not in json.dumps(job["spec"])
        resources = worker_of(job)["resources"]
        assert resources["limits"].keys() == {"memory"}
        assert resources["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}


def test_its_pods_have_the_models_and_a_little_room_and_nothing_of_sources() -> None:
    ingest, plan = (mounted(job).keys() for job in jobs(orders_from_store()))
    assert ingest < plan
    assert plan - ingest == {"/order"}
    assert not [path for path in plan if "cache" in path or "source" in path]
    assert "secret" not in json.dumps([pod_spec(job)["volumes"] for job in jobs(orders_from_store())])


def test_its_pods_are_those_that_reach_the_store_alone_and_its_jobs_are_found_like_others() -> None:
    made = jobs(orders_from_store())
    assert [job["metadata"]["labels"][ROLE] for job in made] == [INGEST, PLAN]
    assert {job["spec"]["template"]["metadata"]["labels"][ROLE] for job in made} == {RELABEL}


def test_a_worker_hears_nothing_and_gets_nothing_to_hear_with() -> None:
    orders = orders_from_store()
    shared = shared_order_map(OWNER, orders, START)["data"][SHARED_VARIABLE]
    own = variables(run_job(OWNER, orders, ITEM, START))[ORDER_VARIABLE]
    order = IngestOrder.model_validate_json(joined(own, shared))
    assert (order.from_store, order.runtime.device, order.place.cache, order.sites) == (True, "cpu", None, ())
    with pytest.raises(ValueError, match="no GPU, no cache and no sites"):
        IngestOrder.from_object(
            json.loads(order.to_json())
            | {"runtime": json.loads(order.runtime.to_json()) | {"device": "cuda"}}
        )


def test_its_plan_order_says_what_of_the_store_is_meant() -> None:
    orders = orders_from_store()
    fitting = planned_sources(orders.batch.spec, (0,), orders.profile.pods, Found())
    order = plan_order_map(OWNER, orders, fitting.sources, (), 0)["data"]["order.json"]
    told = json.loads(order)
    assert (told["sources"], told["reprocess"], told["sites"]) == (
        [
            {
                "url": "store:",
                "speakers": {},
                "title": "",
                "fault": "",
                "store": {"channels": [], "batches": []},
                "entry": 0,
            }
        ],
        Reprocess.IF_PIPELINE_CHANGED,
        [],
    )
    assert fitting.sources[0].store == StoreSource()


def test_it_takes_what_the_profile_says_for_such_pods() -> None:
    wanted = RelabelPods(cpus=7, template={"spec": {"nodeSelector": {"cheap": "yes"}}}, recordings=3)
    profile = FULL.model_copy(update={"pods": FULL.pods.model_copy(update={"relabel": wanted})})
    job = run_job(OWNER, orders_from_store(profile), ITEM, START)
    assert worker_of(job)["resources"]["requests"]["cpu"] == "7"
    assert pod_spec(job)["nodeSelector"] == {"cheap": "yes"}
    spec = from_store().spec
    found = packing(spec, profile)
    assert found is not None
    assert found.recordings == 3
    assert found.max_seconds > 100 * 3600
    alone = wanted.model_copy(update={"recordings": 1})
    assert packing(spec, profile.model_copy(update={"pods": replace_relabel(profile, alone)})) is None


def replace_relabel(profile: IngestProfileSpec, wanted: RelabelPods) -> PodProfile:
    return profile.pods.model_copy(update={"relabel": wanted})


def test_a_wrong_template_is_named_as_the_profile_has_it() -> None:
    wanted = RelabelPods(template={"spec": {"containers": 7}})
    profile = FULL.model_copy(update={"pods": replace_relabel(FULL, wanted)})
    with pytest.raises(OverlayError, match=r"pods\.relabel\.template"):
        run_job(OWNER, orders_from_store(profile), ITEM, START)


def test_it_fetches_nothing_ahead() -> None:
    used = as_used(from_store().spec, FULL)
    assert ahead_of(used.fetch, 4, has_cache=True) is None
    assert used.fetch.sites == ()


def test_a_batch_that_hears_uses_the_profile_as_it_is() -> None:
    assert as_used(a_spec(), FULL) is FULL
    assert packing(a_spec(), FULL) == Packing(60, 2)
