"""A cluster that refuses what a batch needs: the batch says who must change what, charges nobody, and goes on
by itself."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from ingest_operator.kube import requeueing
from ingest_operator.kube.api.names import ROLE, Owner, run_job_name
from ingest_operator.kube.observe import runs
from testkit.cluster.client import Json, Refused
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import SOURCE, Scene, final, rows, stalled_by


def a_job(name: str) -> Json:
    """Somebody else's."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "theirs", "image": "theirs"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"suspend": True, "template": {"spec": pod}},
    }


def quota(scene: Scene, **hard: str) -> None:
    """A quota that the API server knows."""
    named = {name.replace("_", "/", 1).replace("_", "."): value for name, value in hard.items()}
    scene.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": named}}
    )
    path = f"/api/v1/namespaces/{scene.namespace}/resourcequotas/team"
    until(lambda: scene.admin.get(path).get("status", {}).get("hard") == named, "the quota holds")


@contextmanager
def policy(scene: Scene, expression: str, message: str) -> Iterator[None]:
    """A policy that denies Jobs of the namespace, as long as this lasts."""
    name, version = f"of-{scene.namespace}", "admissionregistration.k8s.io/v1"
    created = {"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE"]}
    spec = {
        "matchConstraints": {"resourceRules": [created]},
        "validations": [{"expression": expression, "message": message}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    made = [
        scene.admin.create(
            {
                "apiVersion": version,
                "kind": f"ValidatingAdmissionPolicy{kind}",
                "metadata": {"name": name},
                "spec": content,
            }
        )
        for kind, content in (("", spec), ("Binding", binding))
    ]

    def denied() -> bool:
        job = a_job("probe") | {"metadata": {"name": "probe", "labels": {ROLE: "ingest"}}}
        try:
            scene.admin.create(job, scene.namespace, dryRun="All")
        except Refused as error:
            return message in error.message
        return False

    try:
        until(denied, "the policy holds")
        yield
    finally:
        for each in reversed(made):
            scene.admin.delete(scene.admin.path_of(each))


def charged_attempts(status: Json) -> set[int]:
    return {row["chargedAttempts"] for row in rows(status).values()}


def test_without_a_place_for_its_plan_in_the_quota_a_batch_waits_until_there_is_one(scene: Scene) -> None:
    quota(scene, count_jobs_batch="0")
    scene.play()
    scene.operate()
    scene.batch()
    assert "exceeded quota: team" in scene.until_stalled("QuotaExceeded")["message"]
    quota(scene, count_jobs_batch="100")
    assert final(scene.until_state("Complete"))["succeeded"] == 3


def test_more_recordings_than_the_quota_has_places_wait_uncharged(scene: Scene) -> None:
    quota(scene, count_jobs_batch="1")
    kubelet = scene.play(sequence({}, otherwise=hangs()))
    scene.operate()
    scene.batch(parallelism=3)
    until(lambda: len(kubelet.runs()) == 1, "one of them has a place")
    status = scene.until(
        lambda status: stalled_by(status) == "QuotaExceeded" and status["counts"]["running"] == 1,
        "the others wait",
    )
    assert (charged_attempts(status), status["counts"]["pending"]) == ({0}, 2)
    quota(scene, count_jobs_batch="100")
    for index in range(3):
        kubelet.finish(index, 1)
    status = scene.until_state("Complete")
    assert (charged_attempts(status), sorted(kubelet.runs())) == ({0}, [(0, 1), (1, 1), (2, 1)])


def test_a_job_that_gets_no_pod_is_reported_and_gets_one_when_there_is_a_place(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    monkeypatch.setattr(runs, "POD_PATIENCE_SECONDS", 1.0)
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate()
    scene.batch(parallelism=1)
    kubelet.until_running(0, 1)
    quota(scene, pods="1")
    scene.change(parallelism=2)
    assert "kubectl describe job" in scene.until_stalled("PodNotCreated")["message"]
    kubelet.finish(0, 1)
    status = scene.until_state("Complete")
    assert (charged_attempts(status), stalled_by(status)) == ({0}, None)


def test_a_policy_that_denies_workers_is_quoted_and_they_start_when_it_is_gone(scene: Scene) -> None:
    kubelet = scene.play()
    with policy(scene, f"object.metadata.labels['{ROLE}'] != 'ingest'", "no GPUs on Fridays"):
        scene.operate()
        scene.batch(parallelism=2)
        assert "no GPUs on Fridays" in scene.until_stalled("AdmissionDenied")["message"]
        assert kubelet.runs() == []
    status = scene.until_state("Complete")
    assert (charged_attempts(status), sorted(kubelet.runs())) == ({0}, [(0, 1), (1, 1), (2, 1)])


def test_a_job_of_somebody_else_that_has_our_name_holds_up_one_recording_and_is_not_touched(
    scene: Scene,
) -> None:
    made = scene.batch(suspend=True)
    name = run_job_name(Owner(scene.namespace, "talks", made["metadata"]["uid"]), 0, 1)
    job = scene.admin.create(a_job(name), scene.namespace)
    kubelet = scene.play()
    scene.operate()
    scene.change(suspend=False)
    status = scene.until(
        lambda status: stalled_by(status) == "NameTaken" and status["counts"]["succeeded"] == 2,
        "the others go on",
    )
    assert f"A Job named {name} exists and is not this batch's: delete or rename it." in str(
        status["conditions"]
    )
    assert scene.admin.get(scene.admin.path_of(job))["metadata"]["uid"] == job["metadata"]["uid"]
    scene.admin.delete(scene.admin.path_of(job), propagationPolicy="Background")
    assert charged_attempts(scene.until_state("Complete")) == {0}
    assert kubelet.runs() == [(1, 1), (2, 1), (0, 1)]


def test_a_namespace_that_ends_takes_its_batch_along_and_the_operator_serves_the_others(scene: Scene) -> None:
    other = f"{scene.namespace}-ends"
    namespace = scene.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    account = f"/api/v1/namespaces/{other}/serviceaccounts/default"
    until(lambda: scene.admin.send("GET", account)[0] == 200, "pods can be made there")
    with ExitStack() as ends:
        ending = Scene(scene.plane, other, ends)
        ending.secret()
        ending.profile()
        scene.operate(also=(other,))
        kubelet = ending.play(sequence({0: [hangs()], 1: [hangs()]}))
        ending.batch(parallelism=2, sources=[SOURCE])
        kubelet.until_running(1, 1)
        scene.admin.delete(scene.admin.path_of(namespace))
        until(
            lambda: scene.admin.send("GET", scene.admin.path_of(namespace))[0] == 404,
            "the namespace is gone, with all that was in it",
        )
    scene.play()
    scene.batch()
    scene.until_state("Complete")
