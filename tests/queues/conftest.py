"""A control plane with the real Kueue at work: `make e2e-full` runs these tests, and `make test` does not:
Kueue takes minutes to build."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest_operator.kube import requeueing
from ingest_operator.kube.api.names import MANAGER
from ingest_operator.kube.batches import controller
from ingest_operator.kube.install.rbac import queue_rules
from ingest_operator.kube.observe import queues
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.fixtures import a_namespace, definitions
from testkit.cluster.scene import Scene
from tests.support.hurry import hurry
from tests.support.kueue.running import kueue


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kueue)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    with starting() as plane:
        plane.install(*definitions())
        with kueue(plane):
            yield plane


@pytest.fixture
def scene(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A namespace whose operator may read Workloads, as the chart lets it where there are queues."""
    hurry(monkeypatch)
    for module, name in (
        (queues, "PATIENCE_SECONDS"),
        (queues, "ASK_EVERY_SECONDS"),
        (controller, "ASK_EVERY_SECONDS"),
        (requeueing, "RESYNC_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 1.0)
    with a_namespace(control_plane) as namespace, ExitStack() as ends:
        made = Scene(control_plane, namespace, ends)
        made.secret()
        about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "queues"}}
        made.apply(about | {"kind": "Role", "rules": queue_rules()})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "queues"}
        account = {"kind": "ServiceAccount", "name": MANAGER, "namespace": namespace}
        made.apply(about | {"kind": "RoleBinding", "roleRef": role, "subjects": [account]})
        yield made
