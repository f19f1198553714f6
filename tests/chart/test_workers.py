"""A worker, a plan and their models, made by the operator from the profile of the chart."""

import pytest

from ingest_contract.documents import KINDS
from ingest_contract.profile import IngestProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.manifests.plan_job import plan_job
from ingest_operator.kube.manifests.volumes import MODELS, MODELS_CLAIM
from testkit.objects.manifests import ITEM, OWNER, orders_for, pod_spec, worker_of
from tests.support.chart import CASES, case, objects_in, of_kind, pods_in, template

START = Start(index=0, number=1, charged_attempts=0, rung=0, disruptions=0)


@pytest.mark.parametrize("name", CASES)
def test_the_profile_is_one_by_which_a_worker_is_made(name: str) -> None:
    for found in of_kind(case(name), "IngestProfile"):
        profile = KINDS["IngestProfile"].from_object(found)
        assert isinstance(profile, IngestProfile)
        job = run_job(OWNER, orders_for(profile.spec.pods), ITEM, START)
        assert pod_spec(job)["automountServiceAccountToken"] is False
        assert worker_of(job)["image"] == profile.spec.pods.image


def test_a_worker_gets_the_slices_nodes_runtime_and_variables_that_were_asked_for() -> None:
    (found,) = of_kind(case("mig"), "IngestProfile")
    pods = IngestProfile.from_object(found).spec.pods
    job = run_job(OWNER, orders_for(pods), ITEM, START)
    spec = pod_spec(job)
    assert worker_of(job)["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
    assert spec["tolerations"] == [
        {"key": "pool", "operator": "Equal", "value": "gpus", "effect": "NoSchedule"}
    ]
    (puller,) = of_kind(case("mig"), "DaemonSet")
    assert puller["spec"]["template"]["spec"]["nodeSelector"] == spec["nodeSelector"]
    assert puller["spec"]["template"]["spec"]["containers"][0]["image"] == worker_of(job)["image"]


def test_what_the_values_and_the_profile_both_say_of_a_worker_adds_up() -> None:
    bears, trusts = {"key": "team", "operator": "Exists"}, {"name": "trust", "mountPath": "/etc/trust"}
    more = {
        "tolerations": [bears],
        "containers": [{"name": "beside", "image": "beside:1"}, {"name": "worker", "volumeMounts": [trusts]}],
    }
    variable = {"name": "PGSSLROOTCERT", "value": "/etc/trust/ca.crt"}
    settings = {"profile.spec": {"pods": {"template": {"spec": more}}}, "worker.extraEnv": [variable]}
    (found,) = of_kind(objects_in(template(settings=settings)), "IngestProfile")
    job = run_job(OWNER, orders_for(IngestProfile.from_object(found).spec.pods), ITEM, START)
    assert pod_spec(job)["tolerations"] == [
        bears,
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    ]
    assert trusts in worker_of(job)["volumeMounts"]
    assert variable in worker_of(job)["env"]
    assert "beside" in [container["name"] for container in pod_spec(job)["containers"]]
    (check,) = of_kind(objects_in(template(settings=settings)), "Pod")
    (tried,) = check["spec"]["containers"]
    assert variable in tried["env"], "what proves an installation has what a worker has"
    assert trusts in tried["volumeMounts"]
    assert check["spec"]["tolerations"] == pod_spec(job)["tolerations"], "and stands where a worker stands"


def test_a_plan_waits_for_no_gpu_node_and_runs_where_the_values_say_of_jobs() -> None:
    settings = {
        "gpu.nodeSelector": {"gpu": "l4"},
        "gpu.runtimeClassName": "nvidia",
        "jobs.nodeSelector": {"pool": "small"},
    }
    (found,) = of_kind(objects_in(template(settings=settings)), "IngestProfile")
    orders = orders_for(IngestProfile.from_object(found).spec.pods)
    plan, worker = pod_spec(plan_job(OWNER, orders, 0, 1)), pod_spec(run_job(OWNER, orders, ITEM, START))
    assert (plan["nodeSelector"], plan.get("runtimeClassName"), plan.get("tolerations")) == (
        {"pool": "small"},
        None,
        None,
    )
    assert (worker["nodeSelector"], worker["runtimeClassName"]) == ({"gpu": "l4"}, "nvidia")


def test_the_models_are_where_workers_look_for_them_by_default() -> None:
    (claim,) = of_kind(case("default"), "PersistentVolumeClaim")
    assert claim["metadata"]["name"] == MODELS_CLAIM
    (job,) = [spec for which, spec in pods_in(case("default")).items() if "-fetch-" in which]
    assert f"--into={MODELS}" in job["containers"][0]["args"]
