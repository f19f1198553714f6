"""What the chart's objects have to do with each other, and with the operator and the worker."""

import argparse
import importlib
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import NoReturn

import pytest

from ingest_contract.documents import KINDS
from ingest_contract.profile import IngestProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.install.managed_fields_policy import untracked
from ingest_operator.kube.install.rbac import rules, user_roles
from ingest_operator.kube.manifests.ingest_job import ingest_job
from ingest_operator.kube.manifests.plan_job import plan_job
from ingest_operator.kube.manifests.volumes import MODELS, MODELS_CLAIM
from ingest_worker.sources.guard import is_public
from testkit.objects.manifests import ITEM, OWNER, orders_for, pod_spec, worker_of
from tests.support.chart import CASES, NAMESPACE, RELEASE, Json, case, objects_in, of_kind, pods_in, template

START = Start(index=0, number=1, charged_attempts=0, rung=0, disruptions=0)


def test_the_operator_has_the_rules_that_the_tests_ask_the_authorizer_about_and_no_others() -> None:
    (everywhere,) = [
        each
        for each in of_kind(case("cluster-wide"), "ClusterRole")
        if each["metadata"]["name"] == f"{RELEASE}-{NAMESPACE}"
    ]
    assert everywhere["rules"] == rules()
    roles = of_kind(case("namespaces"), "Role")
    assert {role["metadata"]["namespace"] for role in roles} == {"media", "research"}
    assert all(role["rules"] == rules() for role in roles)
    assert (
        of_kind(case("namespaces"), "ClusterRole") + of_kind(case("namespaces"), "ClusterRoleBinding") == []
    )


def test_by_default_the_operator_serves_the_releases_own_namespace_and_has_no_right_beyond() -> None:
    assert {role["metadata"]["namespace"] for role in of_kind(case("default"), "Role")} == {NAMESPACE}
    assert of_kind(case("default"), "ClusterRoleBinding") == []
    (operator,) = of_kind(case("default"), "Deployment")
    assert f"--namespace={NAMESPACE}" in operator["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("cluster-wide", "ClusterRoleBinding"), ("default", "RoleBinding"), ("namespaces", "RoleBinding")],
)
def test_the_rules_are_given_to_the_account_that_the_operator_runs_as(name: str, kind: str) -> None:
    (operator,) = of_kind(case(name), "Deployment")
    account = operator["spec"]["template"]["spec"]["serviceAccountName"]
    bindings = of_kind(case(name), kind)
    assert bindings
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": account}]
        given = of_kind(case(name), binding["roleRef"]["kind"])
        assert binding["roleRef"]["name"] in [role["metadata"]["name"] for role in given]


def test_people_get_what_the_operator_says_they_should() -> None:
    made = {each["metadata"]["name"]: each["rules"] for each in of_kind(case("default"), "ClusterRole")}
    wanted = {each["metadata"]["name"]: each for each in user_roles()}
    assert {name: made[name] for name in wanted} == {name: role["rules"] for name, role in wanted.items()}
    for role in of_kind(case("default"), "ClusterRole"):
        if role["metadata"]["name"] in wanted:
            assert (
                role["metadata"]["labels"].items()
                >= wanted[role["metadata"]["name"]]["metadata"]["labels"].items()
            )


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_policy_against_managed_fields_is_the_one_that_is_tried_in_force(version: str) -> None:
    kinds = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
    found = [
        each
        for each in objects_in(template(settings={"untracked.version": version}))
        if each["kind"] in kinds
    ]
    for each in found:
        assert each["metadata"].pop("labels")["app.kubernetes.io/instance"] == RELEASE
    assert tuple(found) == untracked(version)
    assert not [each for each in case("default") if each["kind"] in kinds]


@pytest.mark.parametrize("name", CASES)
def test_only_the_operator_has_a_token_and_nobody_but_the_migration_sees_the_owner(name: str) -> None:
    for which, spec in pods_in(case(name)).items():
        assert spec["automountServiceAccountToken"] is (
            which.startswith("Deployment/") and "try-out" not in which
        ), which
        secrets = {
            variable["valueFrom"]["secretKeyRef"]["name"]
            for container in spec["containers"]
            for variable in container.get("env", ())
            if "valueFrom" in variable
        }
        expected = {
            "migrate": {"video-ingest-store-owner"},
            "fetch": {"hub"} if name in ("everything", "try-out") else set(),
        }
        if which.startswith("Job/"):
            assert secrets == next(seen for part, seen in expected.items() if f"-{part}-" in which)
        else:
            assert secrets <= {"video-ingest-store", "postgres"}


SLEEP = ["python", "-c", "import signal; signal.pause()"]


def commands_of(name: str) -> set[tuple[str, ...]]:
    """(module, arguments) of everything that the chart runs."""
    return {
        (container["command"][2], *container["args"])
        for spec in pods_in(case(name)).values()
        for container in spec["containers"]
        if container.get("command", SLEEP) != SLEEP
    }


class Understood(Exception):  # noqa: N818 -- no error
    """The command line was read."""


def read_by(module: str, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the module's own parser read its arguments, and stop there."""
    runs = (
        f"{module}.__main__"
        if importlib.import_module(module).__spec__.submodule_search_locations
        else module
    )
    read = argparse.ArgumentParser.parse_args

    def reading(parser: argparse.ArgumentParser) -> NoReturn:
        read(parser, arguments)
        raise Understood

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", reading)
        importlib.import_module(runs).main()


@pytest.mark.parametrize("name", CASES)
def test_every_command_of_the_chart_is_one_that_there_is_and_takes_what_it_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = commands_of(name)
    assert commands
    for module, *arguments in commands:
        with pytest.raises(Understood):
            read_by(module, arguments, monkeypatch)


def test_a_command_that_is_misspelt_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        read_by("ingest_worker.check", ["--modles=/models"], monkeypatch)


@pytest.mark.parametrize("name", CASES)
def test_the_profile_is_one_by_which_a_worker_is_made(name: str) -> None:
    for found in of_kind(case(name), "IngestProfile"):
        profile = KINDS["IngestProfile"].from_object(found)
        assert isinstance(profile, IngestProfile)
        job = ingest_job(OWNER, orders_for(profile.spec.pods), ITEM, START)
        assert pod_spec(job)["automountServiceAccountToken"] is False
        assert worker_of(job)["image"] == profile.spec.pods.image


def test_a_worker_gets_the_slices_nodes_runtime_and_variables_that_were_asked_for() -> None:
    (found,) = of_kind(case("mig"), "IngestProfile")
    pods = IngestProfile.from_object(found).spec.pods
    job = ingest_job(OWNER, orders_for(pods), ITEM, START)
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
    job = ingest_job(OWNER, orders_for(IngestProfile.from_object(found).spec.pods), ITEM, START)
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
    plan, worker = pod_spec(plan_job(OWNER, orders, 0, 1)), pod_spec(ingest_job(OWNER, orders, ITEM, START))
    assert (plan["nodeSelector"], plan.get("runtimeClassName"), plan.get("tolerations")) == (
        {"pool": "small"},
        None,
        None,
    )
    assert (worker["nodeSelector"], worker["runtimeClassName"]) == ({"gpu": "l4"}, "nvidia")


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
    job = ingest_job(OWNER, orders_for(IngestProfile.from_object(found).spec.pods), ITEM, START)
    worker, tried = (
        {each["name"]: each for each in spec["volumes"]} for spec in (pod_spec(job), check["spec"])
    )
    assert tried["models"] == worker["models"]


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


def test_jobs_run_where_their_values_say_and_a_label_of_theirs_makes_another_job() -> None:
    placed = {
        "nodeSelector": {"pool": "gpus"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "priorityClassName": "batch",
    }
    settings = {f"jobs.{name}": value for name, value in placed.items()} | {"store.tryOut.enabled": True}
    specs = {
        which: spec
        for which, spec in pods_in(objects_in(template(settings=settings))).items()
        if which.startswith("Job/") or "try-out" in which
    }
    assert len(specs) == 3
    for which, spec in specs.items():
        assert {name: spec[name] for name in placed} == placed, which
    labelled = template(settings=settings | {"jobs.podLabels": {"sidecar.istio.io/inject": "false"}})
    jobs = of_kind(objects_in(labelled), "Job")
    assert all(
        job["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false" for job in jobs
    )
    assert {f"Job/{NAMESPACE}/{job['metadata']['name']}" for job in jobs}.isdisjoint(specs)


def test_two_releases_of_one_name_have_roles_of_their_own() -> None:
    names = {
        each["metadata"]["name"]
        for kind in ("ClusterRole", "ClusterRoleBinding")
        for each in of_kind(case("cluster-wide"), kind)
    }
    assert {name for name in names if name.startswith(RELEASE)} == {f"{RELEASE}-{NAMESPACE}"}


def test_the_models_are_where_workers_look_for_them_by_default() -> None:
    (claim,) = of_kind(case("default"), "PersistentVolumeClaim")
    assert claim["metadata"]["name"] == MODELS_CLAIM
    (job,) = [spec for which, spec in pods_in(case("default")).items() if "-fetch-" in which]
    assert f"--into={MODELS}" in job["containers"][0]["args"]


def test_a_job_that_is_done_is_another_object_when_its_work_changes_and_the_same_when_it_does_not() -> None:
    def names(**settings: object) -> dict[str, str]:
        jobs = of_kind(objects_in(template(settings=settings)), "Job")
        return {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: each["metadata"]["name"]
            for each in jobs
        }

    first = names()
    assert first == names(**{"operator.sweepSeconds": 60})
    migrated = names(**{"store.migration.dimensions": [384]})
    assert (first["migrate"] != migrated["migrate"], first["fetch"] == migrated["fetch"]) == (True, True)
    newer = names(**{"images.workerLight.tag": "0.2.0"})
    assert all(first[component] != newer[component] for component in ("migrate", "fetch"))


def test_the_profile_is_a_hook_only_as_long_as_nobody_serves_its_kind() -> None:
    (first,) = of_kind(objects_in(template(served=("v1",))), "IngestProfile")
    (later,) = of_kind(case("default"), "IngestProfile")
    annotations = first["metadata"]["annotations"]
    assert annotations.pop("helm.sh/hook") == "post-install,post-rollback"
    assert annotations.pop("helm.sh/hook-delete-policy") == "before-hook-creation"
    assert first == later
    assert annotations == {
        "meta.helm.sh/release-name": RELEASE,
        "meta.helm.sh/release-namespace": NAMESPACE,
        "helm.sh/resource-policy": "keep",
    }


def test_definitions_that_are_to_be_there_already_are_asked_for_by_helm_and_not_by_the_chart() -> None:
    (profile,) = of_kind(
        objects_in(template(served=("v1",), settings={"crds.install": False})), "IngestProfile"
    )
    assert "helm.sh/hook" not in profile["metadata"]["annotations"]


def egress_of(name: str, component: str) -> list[Json]:
    policies = of_kind(case(name), "NetworkPolicy", f"-{component}")
    assert policies
    return [rule for policy in policies for rule in policy["spec"]["egress"]]


def may_reach(rules: list[Json], address: str, port: int) -> bool:
    """Whether some rule lets a connection out: to a block of addresses, or to everybody."""
    for rule in rules:
        if port not in [each["port"] for each in rule["ports"]]:
            continue
        if "to" not in rule:
            return True
        for peer in rule["to"]:
            block = peer.get("ipBlock", {"cidr": "0.0.0.0/32"})
            excepted = any(ip_address(address) in ip_network(each) for each in block.get("except", ()))
            if ip_address(address) in ip_network(block["cidr"]) and not excepted:
                return True
    return False


PRIVATE = (
    "10.0.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.5.4",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
)
PRIVATE6 = ("::1", "fd00:ec2::254", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1")
PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:4700::1111")


@pytest.mark.parametrize("component", ["worker", "fetch"])
def test_media_and_models_come_from_public_addresses_only(component: str) -> None:
    rules = egress_of("default", component)
    for address in (*PRIVATE, *PRIVATE6):
        assert not is_public(ip_address(address))
        assert not may_reach(rules, address, 443), address
    for address in PUBLIC:
        assert is_public(ip_address(address))
        assert may_reach(rules, address, 443), address


def test_a_private_range_that_is_allowed_may_be_reached_and_no_other() -> None:
    rules = egress_of("locked-down", "worker")
    assert (may_reach(rules, "10.30.4.5", 443), may_reach(rules, "10.31.4.5", 443)) == (True, False)
    assert (may_reach(rules, "10.20.0.5", 5432), may_reach(rules, "10.20.0.6", 5432)) == (True, False)


def test_a_store_that_is_not_named_may_be_anywhere_but_where_clouds_keep_credentials() -> None:
    rules = egress_of("default", "worker")
    assert may_reach(rules, "10.20.0.5", 5432)
    assert not may_reach(rules, "169.254.169.254", 5432)


def test_the_operator_reaches_workers_and_the_api_server_and_nothing_else() -> None:
    rules = egress_of("locked-down", "operator")
    assert [
        may_reach(rules, address, 443) for address in ("10.96.0.1", "10.0.0.10", "10.0.0.11", "8.8.8.8")
    ] == [True, True, False, False]
    (progress,) = [rule for rule in rules if rule["ports"] == [{"protocol": "TCP", "port": 8080}]]
    (worker,) = of_kind(case("locked-down"), "NetworkPolicy", "-worker")
    assert progress["to"][0]["podSelector"] == worker["spec"]["podSelector"]
    labels = ingest_job(OWNER, orders_for(), ITEM, START)["spec"]["template"]["metadata"]["labels"]
    assert selects(worker["spec"]["podSelector"], labels)


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes an object with these labels; of the expressions only the one that is used
    here."""
    keys = [each["key"] for each in selector.get("matchExpressions", ()) if each["operator"] == "Exists"]
    assert len(keys) == len(selector.get("matchExpressions", ()))
    return selector.get("matchLabels", {}).items() <= labels.items() and labels.keys() >= set(keys)


@pytest.mark.parametrize("name", CASES)
def test_every_pod_of_the_chart_but_sleeping_ones_has_its_policy(name: str) -> None:
    selectors = [each["spec"]["podSelector"] for each in of_kind(case(name), "NetworkPolicy")]
    for each in case(name):
        if each["kind"] in ("Job", "Deployment", "Pod"):
            labels = (
                each["metadata"]["labels"]
                if each["kind"] == "Pod"
                else each["spec"]["template"]["metadata"]["labels"]
            )
            assert any(selects(selector, labels) for selector in selectors), each["metadata"]["name"]
