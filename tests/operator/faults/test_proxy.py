"""The proxy between an operator and its API server does to a request what its script says,
and nothing to the others."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.proxy import RunningProxy
from testkit.cluster.proxy_faults import (
    BUSY,
    EXPIRED,
    Asked,
    Broken,
    Fault,
    Half,
    Reset,
    Script,
    Stall,
    cut,
    gone,
)

BROKEN_OFF = (ConnectionResetError, http.client.RemoteDisconnected, http.client.IncompleteRead)


class Person:
    """Sends requests through a proxy, as a ServiceAccount that may do everything in its namespace."""

    def __init__(self, plane: ControlPlane, namespace: str, proxy: RunningProxy) -> None:
        self.proxy, self.token = proxy, plane.token_of(namespace, "somebody")
        self.maps = f"/api/v1/namespaces/{namespace}/configmaps"

    def send(self, method: str, path: str, body: Json | None = None) -> tuple[int, bytes, str | None]:
        with self.answer(method, path, body) as answer:
            return answer.status, answer.read(), answer.headers["Retry-After"]

    @contextmanager
    def answer(self, method: str, path: str, body: Json | None = None) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self.proxy.url.removeprefix("http://"), timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            yield connection.getresponse()
        finally:
            connection.close()

    def make(self, name: str) -> int:
        return self.send(
            "POST", self.maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        )[0]


@pytest.fixture
def may(control_plane: ControlPlane, namespace: str) -> str:
    """The namespace, when `somebody` may do everything in it."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "somebody"},
    }
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    control_plane.admin.apply(
        binding
        | {
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": "somebody", "namespace": namespace}],
        },
        namespace,
    )
    return namespace


@contextmanager
def through(plane: ControlPlane, namespace: str, script: Script) -> Iterator[Person]:
    with RunningProxy(plane, script) as proxy:
        yield Person(plane, namespace, proxy)


def second_write(fault: Fault) -> Script:
    return lambda asked: fault if asked.write == 2 else None


def test_requests_pass_and_those_that_change_something_are_numbered(
    control_plane: ControlPlane, may: str
) -> None:
    with through(control_plane, may, lambda _: None) as person:
        assert person.make("a") == 201
        assert json.loads(person.send("GET", f"{person.maps}/a")[1])["metadata"]["name"] == "a"
        assert person.send("DELETE", f"{person.maps}/a")[0] == 200
        asked = [each.asked for each in person.proxy.passed]
        assert [(each.method, each.resource, each.name, each.write) for each in asked] == [
            ("POST", "configmaps", "a", 1), ("GET", "configmaps", "a", None),
            ("DELETE", "configmaps", "a", 2),
        ]  # fmt: skip
        assert [each.code for each in person.proxy.passed] == [201, 200, 200]


@pytest.mark.parametrize(
    ("fault", "there"), [(Reset(accepted=False), False), (Reset(accepted=True), True), (Half(), True)]
)
def test_a_connection_breaks_before_a_write_or_when_it_is_accepted(
    control_plane: ControlPlane, may: str, fault: Fault, *, there: bool
) -> None:
    with through(control_plane, may, second_write(fault)) as person:
        assert person.make("a") == 201
        with pytest.raises(BROKEN_OFF):
            person.make("b")
        assert control_plane.admin.send("GET", f"{person.maps}/b")[0] == (200 if there else 404)


def test_a_refusal_reaches_the_client_and_nothing_the_server(control_plane: ControlPlane, may: str) -> None:
    with through(control_plane, may, lambda _: BUSY) as person:
        code, text, wait = person.send("GET", person.maps)
        assert (code, wait, json.loads(text)["reason"]) == (429, "1", "TooManyRequests")
        assert person.proxy.passed[0].code == 0


def test_a_write_that_stalls_arrives_though_its_client_has_gone(
    control_plane: ControlPlane, may: str
) -> None:
    with through(control_plane, may, second_write(Stall(0.5))) as person:
        person.make("a")
        connection = http.client.HTTPConnection(person.proxy.url.removeprefix("http://"), timeout=0.1)
        body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}})
        connection.request(
            "POST",
            person.maps,
            body,
            {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"},
        )
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
        deadline = time.monotonic() + 30
        while control_plane.admin.send("GET", f"{person.maps}/b")[0] == 404 and time.monotonic() < deadline:
            pass
        assert control_plane.admin.send("GET", f"{person.maps}/b")[0] == 200


def watch_of(person: Person) -> list[Json | bytes]:
    """The events until the watch ends."""
    with person.answer("GET", f"{person.maps}?watch=1&timeoutSeconds=20") as answer:
        return [json.loads(line) for line in answer]


def test_a_watch_passes_events_as_they_come_and_ends_as_its_script_says(
    control_plane: ControlPlane, may: str
) -> None:
    faults: list[Broken] = [gone(1)]
    with through(control_plane, may, lambda asked: faults[0] if asked.watch else None) as person:
        person.make("a")
        first, last = watch_of(person)
        assert first["type"] == "ADDED"
        assert (last["type"], last["object"]["code"]) == ("ERROR", 410)
        faults[0] = cut(1)
        with pytest.raises((*BROKEN_OFF, ValueError)):
            watch_of(person)


def test_a_watch_may_be_refused(control_plane: ControlPlane, may: str) -> None:
    with through(control_plane, may, lambda _: EXPIRED) as person:
        assert person.send("GET", f"{person.maps}?watch=1")[0] == 410


def test_what_a_script_raises_is_raised_in_the_test(control_plane: ControlPlane, may: str) -> None:
    def script(asked: Asked) -> None:
        raise LookupError(asked.path)

    with pytest.raises(LookupError), through(control_plane, may, script) as person:
        person.send("GET", person.maps)
