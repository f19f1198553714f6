"""The API client and a real API server: what is made, found, changed and deleted, and the server's own words
when it refuses."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from kubernetes.aio.config import incluster_config

from ingest_operator.kube.api import client as api_module
from ingest_operator.kube.api.client import Api, connected
from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusalCause,
    RefusedError,
)
from ingest_operator.kube.api.namespaces import is_terminating
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, JOBS, PODS, Object
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import Run
from testkit.cluster.program import until


def config_map(name: str = "one", **metadata: object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"text": "a"},
    }


def job(name: str = "one") -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "worker:1"}]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"suspend": True, "template": template},
    }


def batch(name: str = "talks") -> Object:
    spec = {"sources": [{"url": "https://media.example.org/talk.mp4"}]}
    return {"apiVersion": BATCHES.api_version, "kind": BATCHES.kind, "metadata": {"name": name}, "spec": spec}


def refusal(run: Run, doing: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        run(doing)
    return caught.value


def test_making_a_thing_twice_is_told_apart_from_making_it(api: Api, run: Run, namespace: str) -> None:
    made = run(api.create(CONFIG_MAPS, namespace, config_map()))
    with pytest.raises(AlreadyExistsError):
        run(api.create(CONFIG_MAPS, namespace, config_map()))
    assert run(api.get(CONFIG_MAPS, namespace, "one")) == made
    with pytest.raises(NotFoundError):
        run(api.get(CONFIG_MAPS, namespace, "two"))


def test_a_paged_list_is_whole_and_its_objects_are_as_they_would_be_alone(
    api: Api, run: Run, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "PAGE_OBJECTS", 2)
    made = [
        run(api.create(CONFIG_MAPS, namespace, config_map(f"m-{number}", labels={"of": "us"})))
        for number in range(5)
    ]
    run(api.create(CONFIG_MAPS, namespace, config_map("other", labels={"of": "them"})))
    items, version = run(api.list(CONFIG_MAPS, namespace, labels="of in (us),!gone"))
    assert items == made
    assert int(version) >= int(made[-1]["metadata"]["resourceVersion"])
    kept, _ = run(
        api.list(
            CONFIG_MAPS,
            namespace,
            labels="of in (us),!gone",
            keep=lambda thing: {"name": thing["metadata"]["name"]},
        )
    )
    assert kept == [{"name": item["metadata"]["name"]} for item in items]
    everywhere, _ = run(api.list(CONFIG_MAPS, None, labels="of=them"))
    assert [
        item["metadata"]["namespace"] for item in everywhere if item["metadata"]["namespace"] == namespace
    ] == [namespace]


def test_a_status_is_replaced_in_the_version_that_was_read_and_in_no_other(
    api: Api, run: Run, namespace: str
) -> None:
    read = run(api.create(BATCHES, namespace, batch()))
    accepted = run(api.replace_status(BATCHES, read | {"status": {"observedGeneration": 1}}))
    with pytest.raises(ConflictError):
        run(api.replace_status(BATCHES, read | {"status": {"observedGeneration": 2}}))
    assert run(api.get(BATCHES, namespace, "talks")) == accepted
    assert accepted["status"]["observedGeneration"] == 1


def test_the_status_of_a_batch_that_was_made_again_is_not_replaced(
    api: Api, run: Run, namespace: str
) -> None:
    read = run(api.create(BATCHES, namespace, batch()))
    run(api.delete(BATCHES, namespace, "talks", uid=read["metadata"]["uid"]))
    run(api.create(BATCHES, namespace, batch()))
    with pytest.raises(ConflictError):
        run(api.replace_status(BATCHES, read | {"status": {"observedGeneration": 1}}))


def test_a_patch_changes_what_it_names(api: Api, run: Run, namespace: str) -> None:
    made = run(api.create(JOBS, namespace, job()))
    patched = run(
        api.patch(
            JOBS, namespace, "one", {"metadata": {"annotations": {"a": "b"}}, "spec": {"suspend": False}}
        )
    )
    assert patched["metadata"]["annotations"] == {"a": "b"}
    assert patched["spec"] == made["spec"] | {"suspend": False}
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"], "labels": {"a": "b"}}}
    with pytest.raises(ConflictError):
        run(api.patch(JOBS, namespace, "one", stale))
    through_status = run(api.patch(JOBS, namespace, "one", {"spec": {"suspend": True}}, subresource="status"))
    assert through_status["spec"]["suspend"] is False


def test_only_the_object_that_is_meant_is_deleted_with_what_it_owns(
    api: Api, run: Run, namespace: str
) -> None:
    made = run(api.create(JOBS, namespace, job()))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "one", "uid": made["metadata"]["uid"]}
    run(api.create(CONFIG_MAPS, namespace, config_map(ownerReferences=[owner])))
    run(api.delete(JOBS, namespace, "one", uid="00000000-0000-0000-0000-000000000000"))
    assert run(api.get(JOBS, namespace, "one"))["metadata"]["uid"] == made["metadata"]["uid"]
    for _ in range(2):
        run(api.delete(JOBS, namespace, "one", uid=made["metadata"]["uid"]))
    until(lambda: run(api.list(JOBS, namespace))[0] == [], "the Job is gone")
    until(
        lambda: "one" not in [item["metadata"]["name"] for item in run(api.list(CONFIG_MAPS, namespace))[0]],
        "what it owned is gone",
    )


def test_a_quota_that_is_used_up_is_known(
    api: Api, run: Run, namespace: str, control_plane: ControlPlane
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    control_plane.admin.create(quota, namespace)
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/few"
    until(lambda: "hard" in control_plane.admin.get(path).get("status", {}), "the quota counts")
    error = refusal(run, api.create(JOBS, namespace, job()))
    assert (error.status, error.cause) == (403, RefusalCause.QUOTA)


def test_a_namespace_that_ends_is_known(
    api: Api, run: Run, namespace: str, control_plane: ControlPlane
) -> None:
    run(api.create(CONFIG_MAPS, namespace, config_map(finalizers=["tests.example.org/hold"])))
    assert not run(is_terminating(api, namespace))
    control_plane.admin.delete(f"/api/v1/namespaces/{namespace}")
    try:
        until(lambda: _terminates(api, run, namespace), "the namespace ends")
        error = refusal(run, api.create(JOBS, namespace, job()))
        assert (error.status, error.cause) == (403, RefusalCause.NAMESPACE_TERMINATING)
        assert run(is_terminating(api, namespace))
    finally:
        run(api.patch(CONFIG_MAPS, namespace, "one", {"metadata": {"finalizers": None}}))


def _terminates(api: Api, run: Run, namespace: str) -> bool:
    with suppress(AlreadyExistsError, RefusedError):
        run(api.create(CONFIG_MAPS, namespace, config_map("two")))
        return False
    return True


def test_a_policy_that_denies_is_known(
    api: Api, run: Run, namespace: str, control_plane: ControlPlane
) -> None:
    matched = {
        "resourceRules": [
            {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
        ]
    }
    metadata = {"name": namespace}
    kind = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
    }
    rules = {
        "failurePolicy": "Fail",
        "matchConstraints": matched,
        "validations": [{"expression": "false", "message": "not today"}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": here}
    policies = [kind | {"spec": rules}, kind | {"kind": f"{kind['kind']}Binding", "spec": binding}]
    try:
        for policy in policies:
            control_plane.admin.create(policy)
        error = _once_refused(run, lambda number: api.create(JOBS, namespace, job(f"job-{number}")))
        assert (error.status, error.cause) == (422, RefusalCause.ADMISSION)
        assert "not today" in error.message
    finally:
        for policy in policies:
            control_plane.admin.delete(control_plane.admin.path_of(policy))


def _once_refused(run: Run, doing: Callable[[int], object]) -> RefusedError:
    """The refusal of a policy, which takes a moment to be in force."""
    refusals: list[RefusedError] = []
    numbers = iter(range(10_000))

    def refused() -> bool:
        try:
            run(doing(next(numbers)))
        except RefusedError as error:
            refusals.append(error)
        return bool(refusals)

    until(refused, "the policy is in force")
    return refusals[0]


def test_what_is_wrong_in_itself_is_known(api: Api, run: Run, namespace: str) -> None:
    wrong = job()
    wrong["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    error = refusal(run, api.create(JOBS, namespace, wrong))
    assert (error.status, error.reason, error.cause) == (422, "Invalid", RefusalCause.INVALID)
    assert refusal(run, api.create(JOBS, namespace, config_map())).cause is RefusalCause.INVALID


def test_a_pod_without_a_node_has_an_empty_log_and_no_pod_has_none(
    api: Api, run: Run, namespace: str
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": job()["spec"]["template"]["spec"],
    }
    run(api.create(PODS, namespace, pod))
    assert run(api.log(namespace, "one", "worker")) == "", "it has no node"
    assert refusal(run, api.log(namespace, "one", "another")).cause is RefusalCause.INVALID
    with pytest.raises(NotFoundError):
        run(api.log(namespace, "two", "worker"))


def test_in_a_pod_it_is_its_service_account_and_may_do_what_that_may(
    control_plane: ControlPlane, run: Run, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(control_plane.token_of(namespace, "somebody"), encoding="utf-8")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.port))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(control_plane.certificates.authority))

    async def ask() -> object:
        async with connected() as api:
            return await api.list(JOBS, namespace)

    error = refusal(run, ask())
    assert (error.status, error.cause) == (403, RefusalCause.FORBIDDEN_BY_RBAC)
    assert f'User "system:serviceaccount:{namespace}:somebody" cannot list' in error.message
    token.write_text("forged", encoding="utf-8")
    assert refusal(run, ask()).status == 401
