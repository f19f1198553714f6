"""What tests of the cluster side ask for: one real control plane per run with our CRDs, a namespace per test,
and a connected client.

A plugin of `tests/conftest.py`, and imported by no conftest: pytest would make a fixture anew for each that
did. A test that uses the plane is marked `control_plane` by itself.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.names import API_VERSION
from ingest_operator.kube.api.client import Api, connected
from testkit.cluster.admission import FLAGS
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.program import until
from testkit.shared_servers import reach

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))

KINDS = ("ingestschedules", "ingestbatches", "ingestprofiles", "speakerprofiles")
AT_WORK = (*(f"/apis/{API_VERSION}/namespaces/{{}}/{kind}" for kind in KINDS),
    "/apis/batch/v1/namespaces/{}/jobs",
    "/api/v1/namespaces/{}/pods",
)  # fmt: skip
"""What somebody or something goes on working for, in a namespace that nobody looks at any more."""

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def definitions() -> list[dict[str, Any]]:
    """Our CustomResourceDefinitions as they are shipped."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in CRDS]


def _answers(plane: ControlPlane, path: str) -> bool:
    return plane.admin.send("GET", path)[0] == 200


@contextmanager
def with_our_kinds() -> Iterator[ControlPlane]:
    """A control plane with our CRDs, which serves policies that change what is created."""
    with starting(api_server_flags=FLAGS) as plane:
        plane.install(*definitions())
        for definition in definitions():  # what is established may still be without its storage
            path = f"/apis/{API_VERSION}/{definition['spec']['names']['plural']}"
            until(partial(_answers, plane, path), f"{path} can be listed")
        yield plane


@pytest.fixture(scope="session")
def control_plane() -> ControlPlane:
    """etcd, API server and controller manager with our CRDs, for all processes of the run."""
    return ControlPlane.at(reach("control plane"))


@contextmanager
def a_namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace in which pods can be made. At the end what works in it goes, and the rest with the control
    plane: to take a namespace away, each kind that there is is asked for in it, for 0.2 s of a processor."""
    name = f"t-{secrets.token_hex(4)}"
    control_plane.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"  # without it no pod is admitted
    until(
        lambda: control_plane.admin.send("GET", account)[0] == 200,
        f"{name} has its ServiceAccount",
        every=0.01,
    )
    try:
        yield name
    finally:
        for path in AT_WORK:  # of a kind that there is not, or in a namespace that is gone, there is nothing
            control_plane.admin.send(
                "DELETE", path.format(name), propagationPolicy="Background", gracePeriodSeconds="0"
            )


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    with a_namespace(control_plane) as name:
        yield name


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs coroutines, all in one loop: `run(api.get(...))`, or a whole story as one coroutine."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def api(control_plane: ControlPlane, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The operator's client as an admin; its methods are for `run`."""
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    connection = connected()
    yield run(connection.__aenter__())
    run(connection.__aexit__(None, None, None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the control plane, so that it can be left out."""
    for item in items:
        if "control_plane" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.control_plane)
