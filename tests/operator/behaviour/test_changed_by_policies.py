"""A policy of the cluster that changes what the operator and the Job controller create: no recording and no
figure is lost, and nothing runs twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ingest_contract.failures import Reason
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.names import BATCH_UID, CHARGED_ATTEMPTS, INDEX, RUN
from ingest_operator.kube.watch import confirm
from testkit.cluster.admission import VERSION
from testkit.cluster.client import Json
from testkit.cluster.lives import fails, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, final, rows, stalled_by

API = f"admissionregistration.k8s.io/{VERSION}"
JOBS, PODS = ("batch", "jobs"), ("", "pods")


def removed(label: str) -> str:
    """A patch in CEL that takes a label away, if it is there."""
    place = label.replace("~", "~0").replace("/", "~1")
    there = f"has(object.metadata.labels) && '{label}' in object.metadata.labels"
    return f'{there} ? [JSONPatch{{op: "remove", path: "/metadata/labels/{place}"}}] : []'


@contextmanager
def without(scene: Scene, *labels: str, of: tuple[tuple[str, str], ...]) -> Iterator[None]:
    """A policy that takes labels from these kinds of the namespace when they are created, as long as this
    lasts."""
    name = f"of-{scene.namespace}"
    rules = [
        {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}
        for group, plural in of
    ]
    mutations = [{"patchType": "JSONPatch", "jsonPatch": {"expression": removed(label)}} for label in labels]
    spec = {
        "matchConstraints": {"resourceRules": rules},
        "mutations": mutations,
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}}
    kind = "MutatingAdmissionPolicy"
    made = [
        scene.admin.create({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}),
        scene.admin.create(
            {
                "apiVersion": API,
                "kind": f"{kind}Binding",
                "metadata": {"name": name},
                "spec": {"policyName": name, "matchResources": here},
            }
        ),
    ]
    try:
        for group, _ in of:
            until(lambda group=group: holds(scene, group, labels), "the policy holds")
        yield
    finally:
        for each in reversed(made):
            scene.admin.delete(scene.admin.path_of(each))


def holds(scene: Scene, group: str, labels: tuple[str, ...]) -> bool:
    metadata = {"name": "probe", "labels": dict.fromkeys(labels, "1")}
    pod = {"restartPolicy": "Never", "containers": [{"name": "theirs", "image": "theirs"}]}
    body: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
    if group:
        body |= {"apiVersion": f"{group}/v1", "kind": "Job", "spec": {"template": {"spec": pod}}}
    seen = scene.admin.create(body, scene.namespace, dryRun="All")["metadata"].get("labels") or {}
    return not any(label in seen for label in labels)


@pytest.mark.parametrize("of", [(JOBS,), (PODS,), (JOBS, PODS)], ids=["Jobs", "pods", "both"])
def test_what_loses_the_label_that_the_watches_select_by_is_found_by_its_owner(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, of: tuple[tuple[str, str], ...]
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 0.5)
    monkeypatch.setattr(confirm, "UNSEEN_SECONDS", 0.5)
    kubelet = scene.play(sequence({}, count=3))
    with without(scene, BATCH_UID, of=of):
        scene.operate()
        scene.batch(parallelism=2)
        status = scene.until_state("Complete")
    assert (final(status)["succeeded"], stalled_by(status)) == (3, None)
    assert status["sums"]["mediaSeconds"] == "1800", "every Receipt was read"
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1), (2, 1)]


def test_a_budget_ends_though_its_labels_are_taken_away(scene: Scene) -> None:
    scene.play(sequence({}, otherwise=fails(Reason.DOWNLOAD_FAILED), count=1))
    with without(scene, CHARGED_ATTEMPTS, INDEX, RUN, of=(JOBS,)):
        scene.operate()
        scene.batch(retry={"backoffSeconds": 0, "maxAttempts": 3})
        row = rows(scene.until_state("CompleteWithFailures"))[0]
    assert (row["run"], row["chargedAttempts"], row["reason"]) == (3, 3, "DownloadFailed")
