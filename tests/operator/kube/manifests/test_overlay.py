"""A profile's pod template over ours: it wins wherever it speaks, but for what the operator relies on."""

import copy
from typing import Any

import pytest

from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.manifests.plan_job import plan_job
from testkit.objects.manifests import ITEM, OWNER, mounted, orders_for, pod_spec, variables, worker_of

FIRST = Start(7, 1, 0, 0, 0)


def job_with(template: dict[str, Any], **pods: Any) -> Object:
    return run_job(OWNER, orders_for(PodProfile(template=template, **pods)), ITEM, FIRST)


def job_with_spec(**spec: Any) -> Object:
    return job_with({"spec": spec})


def with_worker(**fields: Any) -> Object:
    return job_with_spec(containers=[{"name": "worker"} | fields])


PLAIN = job_with({})


def test_node_selectors_affinity_and_annotations_are_added() -> None:
    job = job_with(
        {
            "metadata": {"annotations": {"karpenter.sh/do-not-disrupt": "true"}, "labels": {"team": "media"}},
            "spec": {"nodeSelector": {"gpu": "l4"}, "runtimeClassName": "nvidia"},
        }
    )
    assert job["spec"]["template"]["metadata"]["annotations"] == {"karpenter.sh/do-not-disrupt": "true"}
    assert job["spec"]["template"]["metadata"]["labels"] == PLAIN["spec"]["template"]["metadata"][
        "labels"
    ] | {"team": "media"}
    assert pod_spec(job) == pod_spec(PLAIN) | {"nodeSelector": {"gpu": "l4"}, "runtimeClassName": "nvidia"}


def test_an_empty_template_changes_nothing_and_no_template_is_changed() -> None:
    template = {
        "spec": {
            "containers": [{"name": "worker", "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}]
        }
    }
    before = copy.deepcopy(template)
    job_with(template)
    assert template == before
    assert job_with({"metadata": {}, "spec": {}}) == PLAIN


def test_tolerations_volumes_mounts_and_variables_are_added_to_ours() -> None:
    job = job_with_spec(
        tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}],
        volumes=[{"name": "ca", "configMap": {"name": "ca"}}],
        containers=[
            {
                "name": "worker",
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
                "envFrom": [{"configMapRef": {"name": "proxies"}}],
                "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
            }
        ],
    )
    assert pod_spec(job)["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert mounted(job) == mounted(PLAIN) | {"/etc/ca": ({"configMap": {"name": "ca"}}, False)}
    assert variables(job) == variables(PLAIN) | {"HTTPS_PROXY": "http://proxy:3128"}
    assert worker_of(job)["envFrom"] == [{"configMapRef": {"name": "proxies"}}, *worker_of(PLAIN)["envFrom"]]
    assert worker_of(job)["resources"] == worker_of(PLAIN)["resources"]


def test_a_volume_of_our_name_takes_the_place_of_ours() -> None:
    disk = {"ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "100Gi"}}}}}}
    job = job_with_spec(volumes=[{"name": "scratch"} | disk])
    assert mounted(job) == mounted(PLAIN) | {"/tmp": (disk, True)}
    assert [each["name"] for each in pod_spec(job)["volumes"]] == [
        each["name"] for each in pod_spec(PLAIN)["volumes"]
    ]


def test_pull_secrets_of_the_profile_and_of_the_template_are_both_used_and_none_twice() -> None:
    job = job_with({"spec": {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}}, pull_secrets=("a",))
    assert pod_spec(job)["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


def test_another_container_stands_beside_the_worker() -> None:
    job = job_with_spec(initContainers=[{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}])
    assert pod_spec(job)["initContainers"] == [
        {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
    ]
    assert pod_spec(job)["containers"] == pod_spec(PLAIN)["containers"]


def test_null_takes_a_field_away() -> None:
    job = job_with_spec(
        securityContext={"runAsGroup": None, "fsGroup": 1000},
        containers=[{"name": "worker", "securityContext": {"capabilities": None}}],
    )
    assert pod_spec(job)["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 65_532, "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert worker_of(job)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
    }


def test_more_memory_than_the_profile_says_is_a_matter_of_the_template() -> None:
    job = with_worker(resources={"limits": {"memory": "64Gi"}})
    assert worker_of(job)["resources"]["limits"] == worker_of(PLAIN)["resources"]["limits"] | {
        "memory": "64Gi"
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("restartPolicy", "OnFailure"),
        ("restartPolicy", None),
        ("automountServiceAccountToken", True),
        ("enableServiceLinks", True),
        ("activeDeadlineSeconds", 1),
        ("activeDeadlineSeconds", None),
    ],
)
def test_how_a_pod_runs_stays_ours(field: str, value: object) -> None:
    assert pod_spec(job_with_spec(**{field: value}))[field] == pod_spec(PLAIN)[field]


@pytest.mark.parametrize("field", ["terminationMessagePath", "terminationMessagePolicy"])
@pytest.mark.parametrize("value", ["FallbackToLogsOnError", None])
def test_where_the_receipt_goes_stays_ours(field: str, value: object) -> None:
    assert worker_of(with_worker(**{field: value}))[field] == worker_of(PLAIN)[field]


def test_what_the_worker_is_ordered_stays_ours_and_comes_first() -> None:
    job = with_worker(
        env=[
            {"name": "INGEST_DSN", "value": "postgresql://elsewhere"},
            {"name": "INGEST_WORK_ORDER", "value": "{}"},
            {"name": "INGEST_WORK_ORDER_FILE", "value": "/etc/passwd"},
            {"name": "TZ", "value": "UTC"},
        ]
    )
    assert worker_of(job)["env"] == [*worker_of(PLAIN)["env"], {"name": "TZ", "value": "UTC"}]


@pytest.mark.parametrize("labels", [{"video-ingest.dev/batch-uid": "another"}, None])
def test_whose_a_pod_is_stays_ours(labels: object) -> None:
    ours = PLAIN["spec"]["template"]["metadata"]["labels"]
    assert job_with({"metadata": {"labels": labels}})["spec"]["template"]["metadata"]["labels"] == ours


def test_plan_jobs_wear_it_too_because_proxies_and_node_pools_are_for_all() -> None:
    template = {
        "spec": {
            "containers": [{"name": "worker", "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}]
        }
    }
    job = plan_job(OWNER, orders_for(PodProfile(template=template)), 0, 1)
    assert variables(job)["HTTPS_PROXY"] == "http://proxy:3128"


def test_what_gpu_nodes_need_is_asked_for_workers_alone_and_added_to_what_both_say() -> None:
    both, gpus, control = (
        {"key": key, "operator": "Exists"} for key in ("team", "nvidia.com/gpu", "control")
    )
    pods = PodProfile(
        template={"spec": {"tolerations": [both], "nodeSelector": {"kubernetes.io/arch": "amd64"}}},
        worker_template={
            "spec": {"tolerations": [gpus], "nodeSelector": {"gpu": "l4"}, "runtimeClassName": "nvidia"}
        },
        plan_template={"metadata": {"labels": {"pool": "small"}}, "spec": {"tolerations": [control]}},
    )
    worker, plan = run_job(OWNER, orders_for(pods), ITEM, FIRST), plan_job(OWNER, orders_for(pods), 0, 1)
    assert pod_spec(worker)["tolerations"] == [both, gpus]
    assert pod_spec(worker)["nodeSelector"] == {"kubernetes.io/arch": "amd64", "gpu": "l4"}
    assert pod_spec(worker)["runtimeClassName"] == "nvidia"
    assert "pool" not in worker["spec"]["template"]["metadata"]["labels"]
    assert pod_spec(plan)["tolerations"] == [both, control]
    assert pod_spec(plan)["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert "runtimeClassName" not in pod_spec(plan)
    assert plan["spec"]["template"]["metadata"]["labels"]["pool"] == "small"


@pytest.mark.parametrize("name", ["workerTemplate", "planTemplate"])
def test_the_templates_for_one_role_are_called_by_their_names(name: str) -> None:
    pods = PodProfile.model_validate({name: {"spec": {"tolerations": "all"}}})
    with pytest.raises(OverlayError, match=rf"^pods\.{name}\.spec\.tolerations: must be a list$"):
        [run_job(OWNER, orders_for(pods), ITEM, FIRST), plan_job(OWNER, orders_for(pods), 0, 1)]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"nodeSelector": {}}, r"\.nodeSelector: a pod template has metadata and spec$"),
        ({"spec": []}, r"\.spec: must be an object$"),
        ({"metadata": None}, r"\.metadata: must be an object$"),
        ({"metadata": {"labels": "team"}}, r"\.metadata\.labels: must be an object$"),
        ({"spec": {"tolerations": {"key": "gpu"}}}, r"\.spec\.tolerations: must be a list$"),
        ({"spec": {"volumes": None}}, r"\.spec\.volumes: must be a list$"),
        ({"spec": {"volumes": ["ca"]}}, r"\.spec\.volumes\[0\]: must be an object$"),
        (
            {"spec": {"containers": [{"image": "x"}]}},
            r"\.spec\.containers\[0\]\.name: must say which container$",
        ),
        (
            {"spec": {"containers": [{"name": "worker", "env": {}}]}},
            r"\.spec\.containers\[0\]\.env: must be a list$",
        ),
        (
            {"spec": {"containers": [{"name": "worker", "resources": 4}]}},
            r"\.spec\.containers\[0\]\.resources: must be an object$",
        ),
    ],
)
def test_a_template_that_is_none_is_refused_with_its_place(template: dict[str, Any], message: str) -> None:
    with pytest.raises(OverlayError, match=r"^pods\.template" + message):
        job_with(template)
