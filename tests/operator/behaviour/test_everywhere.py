"""One operator for the whole cluster, with the rights of its ClusterRole and no others: batches of every
namespace, none before another."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ingest_operator.kube.api.names import MANAGER
from ingest_operator.kube.operator import Options
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import with_our_kinds
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.roles import Account, cluster_role_objects
from testkit.cluster.running_operator import RunningOperator
from testkit.cluster.scene import Scene


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """A cluster of its own: this operator would serve the batches of all tests that run beside it."""
    with with_our_kinds() as plane:
        yield plane


@pytest.fixture
def elsewhere(control_plane: ControlPlane, namespace: str) -> Iterator[Scene]:
    """Another namespace, made after the operator has begun."""
    name = f"{namespace}-b"
    with ExitStack() as ends:
        ends.callback(control_plane.admin.delete, f"/api/v1/namespaces/{name}")
        yield Scene(control_plane, name, ends)


@pytest.fixture
def everywhere(control_plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An operator for all namespaces; the user that it is."""
    objects = cluster_role_objects(Account(namespace))
    for each in objects:
        control_plane.admin.apply(each)
    client = control_plane.client_of(namespace, MANAGER)
    until(lambda: client.send("GET", "/api/v1/pods")[0] == 200, "its rights are known", every=0.01)
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig_of(namespace, MANAGER)))
    with RunningOperator(Options((), 0)):
        yield f"system:serviceaccount:{namespace}:{MANAGER}"
    for each in objects:
        control_plane.admin.delete(control_plane.admin.path_of(each))


def test_batches_of_all_namespaces_are_served_also_of_one_that_comes_later(
    scene: Scene, elsewhere: Scene, everywhere: str, control_plane: ControlPlane
) -> None:
    mark = control_plane.audit.now()
    scene.play(sequence({0: [hangs()]}))
    scene.batch(parallelism=3)
    control_plane.admin.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere.namespace}}
    )
    account = f"/api/v1/namespaces/{elsewhere.namespace}/serviceaccounts/default"
    until(lambda: control_plane.admin.send("GET", account)[0] == 200, "pods can be made there", every=0.01)
    elsewhere.secret()
    elsewhere.profile()
    elsewhere.play()
    elsewhere.batch("later")
    assert elsewhere.until_state("Complete", "later")["counts"]["succeeded"] == 3
    assert (
        scene.until(lambda status: status["counts"]["succeeded"] == 2, "the other batch goes on")["state"]
        == "Running"
    )
    mine = [
        request
        for request in control_plane.audit.since(mark, user=everywhere)
        if elsewhere.namespace in (request.namespace, "")
    ]
    assert {request.resource for request in mine} >= {
        "jobs",
        "ingestbatches/status",
        "pods/log",
        "configmaps",
        "events",
    }
    assert [request for request in mine if request.code == 403] == []
