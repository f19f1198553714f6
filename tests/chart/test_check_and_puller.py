"""The check of an installation and the puller of images go by the profile that workers go by."""

import pytest

from ingest_contract.profile import IngestProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.manifests.ingest_job import run_job
from testkit.objects.manifests import ITEM, OWNER, orders_for, pod_spec
from tests.support.chart import Json, objects_in, of_kind, template

START = Start(index=0, number=1, charged_attempts=0, rung=0, disruptions=0)


def test_the_check_and_the_puller_go_by_the_profile_that_workers_go_by() -> None:
    theirs = {
        "modelSet": "own",
        "pods": {
            "image": "registry.example.org/worker:2",
            "store": {"name": "other", "key": "url"},
            "gpu": {"resource": "nvidia.com/gpu.shared"},
            "workerTemplate": {
                "spec": {"nodeSelector": {"pool": "b"}, "tolerations": [{"key": "b", "operator": "Exists"}]}
            },
        },
    }
    settings = {"profile.spec": theirs, "gpu.nodeSelector": {"gpu": "l4"}, "prepull.enabled": True}
    objects = objects_in(template(settings=settings))
    (check,), (puller,) = of_kind(objects, "Pod"), of_kind(objects, "DaemonSet")
    tolerations = [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "b", "operator": "Exists"},
    ]
    for spec in (check["spec"], puller["spec"]["template"]["spec"]):
        assert (spec["nodeSelector"], spec["tolerations"]) == ({"gpu": "l4", "pool": "b"}, tolerations)
        assert spec["containers"][0]["image"] == "registry.example.org/worker:2"
    (container,) = check["spec"]["containers"]
    assert "--set=own" in container["args"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "other", "key": "url"}
    assert container["resources"]["limits"]["nvidia.com/gpu.shared"] == "1"


@pytest.mark.parametrize(
    "place",
    [{"hostPath": "/srv/models"}, {"image": "registry.example.org/models:1"}, {"claimName": "theirs"}],
    ids=lambda place: next(iter(place)),
)
def test_the_profile_may_say_itself_where_models_are_and_the_check_finds_them_as_a_worker_does(
    place: Json,
) -> None:
    objects = objects_in(
        template(settings={"profile.spec": {"pods": {"models": place, "pullPolicy": "Never"}}})
    )
    (found,), (check,) = of_kind(objects, "IngestProfile"), of_kind(objects, "Pod")
    job = run_job(OWNER, orders_for(IngestProfile.from_object(found).spec.pods), ITEM, START)
    worker, tried = (
        {each["name"]: each for each in spec["volumes"]} for spec in (pod_spec(job), check["spec"])
    )
    assert tried["models"] == worker["models"]


@pytest.mark.parametrize(
    "place", [{"hostPath": "/var/cache/cuda"}, {"claimName": "compiled"}], ids=lambda place: next(iter(place))
)
def test_what_cuda_compiles_is_kept_by_the_check_where_a_worker_keeps_it(place: Json) -> None:
    objects = objects_in(template(settings={"gpu.cudaCache": place}))
    (found,), (check,) = of_kind(objects, "IngestProfile"), of_kind(objects, "Pod")
    job = run_job(OWNER, orders_for(IngestProfile.from_object(found).spec.pods), ITEM, START)
    worker, tried = (by_name(spec) for spec in (pod_spec(job), check["spec"]))
    for name in (
        "volume cuda-cache",
        "mount cuda-cache",
        "variable CUDA_CACHE_PATH",
        "variable CUDA_CACHE_MAXSIZE",
    ):
        assert tried[name] == worker[name]


def by_name(spec: Json) -> dict[str, Json]:
    (container,) = spec["containers"]
    entries = {"volume": spec["volumes"], "mount": container["volumeMounts"], "variable": container["env"]}
    return {f"{kind} {each['name']}": each for kind, found in entries.items() for each in found}


def test_the_check_pulls_and_mounts_as_the_profile_has_it_and_nothing_twice() -> None:
    fast = {
        "name": "worker",
        "volumeMounts": [{"name": "fast", "mountPath": "/tmp"}],
        "envFrom": [{"configMapRef": {"name": "more"}}],
    }
    theirs = {
        "pullSecrets": ["theirs"],
        "serviceAccount": "ingest",
        "template": {
            "spec": {"containers": [fast], "volumes": [{"name": "fast", "emptyDir": {"medium": "Memory"}}]}
        },
        "workerTemplate": {
            "spec": {"volumes": [{"name": "fast", "emptyDir": {}}], "imagePullSecrets": [{"name": "more"}]}
        },
    }
    settings = {
        "profile.spec": {"pods": theirs},
        "images.pullSecrets": ["ours"],
        "prepull.enabled": True,
        "gpu.nodeSelector": {"gpu": "l4"},
    }
    objects = objects_in(template(settings=settings))
    (check,), (puller,) = of_kind(objects, "Pod"), of_kind(objects, "DaemonSet")
    for spec in (check["spec"], puller["spec"]["template"]["spec"]):
        assert spec["imagePullSecrets"] == [{"name": "more"}, {"name": "theirs"}]
        assert spec["serviceAccountName"] == "ingest"
    (container,) = check["spec"]["containers"]
    assert [(each["mountPath"], each["name"]) for each in container["volumeMounts"]] == [
        ("/models", "models"),
        ("/tmp", "fast"),
    ]
    assert container["envFrom"] == fast["envFrom"]
    assert [volume for volume in check["spec"]["volumes"] if volume["name"] == "fast"] == [
        {"name": "fast", "emptyDir": {}}
    ]


def test_a_template_that_is_null_is_none() -> None:
    empty = {"profile.spec": {"pods": {"template": {"spec": None}, "workerTemplate": {"spec": None}}}}
    (check,) = of_kind(objects_in(template(settings=empty)), "Pod")
    assert check["spec"]["containers"][0]["name"] == "check"


def test_a_list_that_is_taken_away_is_an_empty_one() -> None:
    nothing = {"models.fetch.extraEnv": None, "jobs.extraEnv": None, "gpu.tolerations": None}
    bears = {
        "profile.spec": {
            "pods": {"template": {"spec": {"tolerations": [{"key": "team", "operator": "Exists"}]}}}
        }
    }
    (found,) = of_kind(objects_in(template(settings=nothing | bears)), "IngestProfile")
    assert found["spec"]["pods"]["template"]["spec"]["tolerations"] == [{"key": "team", "operator": "Exists"}]
