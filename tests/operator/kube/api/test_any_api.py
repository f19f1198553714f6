"""What an API server answers, whichever: the real client of a real one, and the one in memory on which tests
reconcile without a cluster, so that they cannot promise what no server holds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusalCause,
    RefusedError,
)
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, JOBS, Object
from testkit.cluster.memory_api import MemoryApi, RefusingApi

NO_UID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Server:
    """One of them, with a namespace in it."""

    api: Any
    run: Callable[[Any], Any]
    namespace: str

    def make(self, resource: Any, body: Object) -> Object:
        made: Object = self.run(self.api.create(resource, self.namespace, body))
        return made

    def get(self, resource: Any, name: str) -> Object:
        found: Object = self.run(self.api.get(resource, self.namespace, name))
        return found


@pytest.fixture
def in_memory() -> Server:
    return Server(MemoryApi(), asyncio.run, "media")


@pytest.fixture
def of_a_cluster(api: Any, run: Callable[[Any], Any], namespace: str, control_plane: object) -> Server:
    del control_plane
    return Server(api, run, namespace)


def config_map(name: str = "one", **labels: str) -> Object:
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "a"}}


def job() -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "worker:1"}]}}
    spec = {"suspend": True, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "one"}, "spec": spec}


def batch() -> Object:
    spec = {"sources": [{"url": "https://media.example.org/talk.mp4"}]}
    return {
        "apiVersion": BATCHES.api_version,
        "kind": BATCHES.kind,
        "metadata": {"name": "talks"},
        "spec": spec,
    }


def what_is_made_is_found_once(server: Server) -> None:
    made = server.make(CONFIG_MAPS, config_map())
    assert server.get(CONFIG_MAPS, "one") == made
    with pytest.raises(AlreadyExistsError):
        server.make(CONFIG_MAPS, config_map())
    with pytest.raises(NotFoundError):
        server.get(CONFIG_MAPS, "two")
    tried = server.run(server.api.create(CONFIG_MAPS, server.namespace, config_map("two"), dry_run=True))
    assert tried["data"] == {"text": "a"}
    with pytest.raises(NotFoundError):
        server.get(CONFIG_MAPS, "two")


def a_list_is_what_its_selector_matches(server: Server) -> None:
    for name, labels in (("a", {"of": "us"}), ("b", {"of": "them"}), ("c", {"of": "us", "gone": "yes"})):
        server.make(CONFIG_MAPS, config_map(name, **labels))

    def found(selector: str) -> list[str]:
        listed, version = server.run(
            server.api.list(
                CONFIG_MAPS, server.namespace, labels=selector, keep=lambda thing: thing["metadata"]
            )
        )
        assert int(version) > 0
        return [each["name"] for each in listed]

    assert found("of=us") == ["a", "c"]
    assert found("of in (us,them),!gone") == ["a", "b"]
    assert found("of in (them),of=us") == []


def a_status_replaces_the_version_that_was_read(server: Server) -> None:
    read = server.make(BATCHES, batch())
    accepted = server.run(server.api.replace_status(BATCHES, read | {"status": {"observedGeneration": 1}}))
    assert server.get(BATCHES, "talks") == accepted
    with pytest.raises(ConflictError):
        server.run(server.api.replace_status(BATCHES, read | {"status": {"observedGeneration": 2}}))
    server.run(server.api.delete(BATCHES, server.namespace, "talks", uid=read["metadata"]["uid"]))
    server.make(BATCHES, batch())
    with pytest.raises(ConflictError):
        server.run(server.api.replace_status(BATCHES, accepted | {"status": {"observedGeneration": 3}}))


def a_patch_changes_what_it_names_of_the_version_that_it_names(server: Server) -> None:
    made = server.make(JOBS, job())
    version = made["metadata"]["resourceVersion"]
    body = {"metadata": {"annotations": {"a": "b"}}, "spec": {"suspend": False}}
    patched = server.run(server.api.patch(JOBS, server.namespace, "one", body))
    assert (patched["metadata"]["annotations"], patched["spec"]["suspend"]) == ({"a": "b"}, False)
    stale = {"metadata": {"resourceVersion": version}}
    with pytest.raises(ConflictError):
        server.run(server.api.patch(JOBS, server.namespace, "one", body | stale))
    with pytest.raises(RefusedError) as caught:
        server.run(server.api.patch(JOBS, server.namespace, "one", body | {"metadata": {"uid": NO_UID}}))
    assert caught.value.cause is RefusalCause.INVALID
    through = server.run(
        server.api.patch(JOBS, server.namespace, "one", {"spec": {"suspend": True}}, subresource="status")
    )
    assert through["spec"]["suspend"] is False
    with pytest.raises(NotFoundError):
        server.run(server.api.patch(JOBS, server.namespace, "two", body))


def only_the_object_that_is_meant_is_deleted(server: Server) -> None:
    made = server.make(CONFIG_MAPS, config_map())
    server.run(server.api.delete(CONFIG_MAPS, server.namespace, "one", uid=NO_UID))
    assert server.get(CONFIG_MAPS, "one") == made
    for _ in range(2):
        server.run(server.api.delete(CONFIG_MAPS, server.namespace, "one", uid=made["metadata"]["uid"]))
    with pytest.raises(NotFoundError):
        server.get(CONFIG_MAPS, "one")


CONTRACT = (
    what_is_made_is_found_once,
    a_list_is_what_its_selector_matches,
    a_status_replaces_the_version_that_was_read,
    a_patch_changes_what_it_names_of_the_version_that_it_names,
    only_the_object_that_is_meant_is_deleted,
)


@pytest.mark.parametrize("holds", CONTRACT)
def test_a_server_in_memory_answers_as_a_server_does(
    in_memory: Server, holds: Callable[[Server], None]
) -> None:
    holds(in_memory)


@pytest.mark.parametrize("holds", CONTRACT)
def test_a_real_server_answers_as_tests_believe(
    of_a_cluster: Server, holds: Callable[[Server], None]
) -> None:
    holds(of_a_cluster)


def test_a_policy_refuses_what_it_is_about_and_nothing_that_is_not_there(in_memory: Server) -> None:
    made = [in_memory.make(CONFIG_MAPS, config_map(name)) for name in ("one", "two")]
    api = RefusingApi(in_memory.api, "delete", of=lambda kind, name: kind == CONFIG_MAPS and name == "one")
    with pytest.raises(RefusedError) as caught:
        in_memory.run(api.delete(CONFIG_MAPS, "media", "one", uid=made[0]["metadata"]["uid"]))
    assert caught.value.cause is RefusalCause.ADMISSION
    in_memory.run(api.delete(CONFIG_MAPS, "media", "one", uid=NO_UID))
    in_memory.run(api.patch(CONFIG_MAPS, "media", "one", {"metadata": {"annotations": {"a": "b"}}}))
    in_memory.run(api.delete(CONFIG_MAPS, "media", "two", uid=made[1]["metadata"]["uid"]))
    assert api.refused == ["delete configmaps/one"]
    api.refuses = False
    in_memory.run(api.delete(CONFIG_MAPS, "media", "one", uid=made[0]["metadata"]["uid"]))
    assert api.objects == {}
