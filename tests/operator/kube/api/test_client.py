"""The API client before a server of good days: what is asked of it, and what comes of the answers."""

from pathlib import Path

import pytest

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import (
    BusyError,
    ConflictError,
    RefusedError,
    SilentError,
    UnreachableError,
)
from ingest_operator.kube.api.resources import BATCHES, JOBS, PODS, Object
from tests.support.api_scene import BATCH, OK, POD, Scene, create, delete, get, patch, replace
from tests.support.scripted_api import Answer, refuses, says, says_half, stalls


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_an_object_is_asked_for_with_our_credentials(scene: Scene) -> None:
    assert scene.play(get, OK) == POD
    (asked,) = scene.server.asked
    assert (asked.method, asked.path, asked.body) == ("GET", "/api/v1/namespaces/media/pods/one", None)
    assert asked.headers["Authorization"] == "Bearer open-sesame"


def test_objects_are_made_and_patched_and_their_status_replaced(scene: Scene) -> None:
    async def use(api: Api) -> None:
        await create(api)
        await patch(api)
        await api.patch(JOBS, "media", "one", {"status": {}}, subresource="status")
        await replace(api)

    scene.play(use, OK, OK, OK, OK)
    made, patched, patched_below, replaced = scene.server.asked
    jobs = "/apis/batch/v1/namespaces/media/jobs"
    assert (made.method, made.path, made.body) == ("POST", jobs, {"metadata": {"name": "one"}})
    assert (patched.method, patched.path, patched.body) == (
        "PATCH",
        f"{jobs}/one",
        {"spec": {"suspend": True}},
    )
    assert patched.headers["Content-Type"] == "application/merge-patch+json"
    assert patched_below.path == f"{jobs}/one/status"
    assert (replaced.method, replaced.path, replaced.body) == (
        "PUT",
        BATCHES.path("media", "talks", "status"),
        BATCH,
    )


def page(*names: str, following: str = "", version: str = "50") -> Answer:
    items = [{"metadata": {"name": name}} for name in names]
    return says(
        {"kind": "PodList", "metadata": {"resourceVersion": version, "continue": following}, "items": items}
    )


async def listed(api: Api) -> tuple[list[str], str]:
    items, version = await api.list(PODS, "media", labels="a=b,c in (d,e)")
    return [item["metadata"]["name"] for item in items], version


def test_a_list_comes_in_pages_and_every_object_says_its_kind(scene: Scene) -> None:
    async def use(api: Api) -> tuple[list[Object], str]:
        return await api.list(PODS, "media", labels="a=b,c in (d,e)")

    items, version = scene.play(use, page("one", "two", following="tok+en/="), page("three"))
    assert items == [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}} for name in ("one", "two", "three")
    ]
    assert version == "50"
    first, second = (asked.query for asked in scene.server.asked)
    assert first == {"limit": "500", "labelSelector": "a=b,c in (d,e)"}
    assert second == first | {"continue": "tok+en/="}
    assert scene.observed == [("list", "pods", 200)] * 2


def test_an_empty_list_is_a_list(scene: Scene) -> None:
    empty = says({"kind": "PodList", "metadata": {"resourceVersion": "50"}, "items": None})
    assert scene.play(listed, empty) == ([], "50")


def test_a_list_whose_version_expires_between_two_pages_begins_again_once(scene: Scene) -> None:
    expired = refuses(410, "Expired", "The provided continue parameter is too old")
    answers = (
        page("one", following="next"),
        expired,
        page("two", following="next", version="60"),
        page("three", version="60"),
    )
    assert scene.play(listed, *answers) == (["two", "three"], "60")
    assert scene.server.asked[2].query == scene.server.asked[0].query
    error = scene.refused(
        listed, page("one", following="next"), expired, page("one", following="next"), expired
    )
    assert isinstance(error, BusyError)


def test_a_log_is_text_of_one_container(scene: Scene) -> None:
    async def use(api: Api) -> str:
        return await api.log("media", "one", "worker")

    assert scene.play(use, says("plan/1/1: abc\nünd\n")) == "plan/1/1: abc\nünd\n"
    asked = scene.server.asked[0]
    assert asked.path == "/api/v1/namespaces/media/pods/one/log"
    assert asked.query == {"container": "worker", "limitBytes": "16777216"}
    assert scene.observed == [("get", "pods/log", 200)]


async def followed(api: Api) -> list[str]:
    return [
        line async for line in api.log_lines("media", "one", "worker", since="2026-01-01T00:00:00Z", tail=3)
    ]


def test_a_log_that_is_followed_comes_line_by_line(scene: Scene) -> None:
    assert scene.play(followed, says("1 one\n2 zw\u00f6lf\n\n3 unended")) == [
        "1 one",
        "2 zw\u00f6lf",
        "",
        "3 unended",
    ]
    (asked,) = scene.server.asked
    assert asked.path == "/api/v1/namespaces/media/pods/one/log"
    assert asked.query == {
        "container": "worker",
        "follow": "true",
        "timestamps": "true",
        "sinceTime": "2026-01-01T00:00:00Z",
        "tailLines": "3",
    }
    assert isinstance(scene.refused(followed, refuses(403, "Forbidden")), RefusedError)


def test_a_log_that_is_followed_and_says_nothing_for_long_is_no_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_operator.kube.api.client.SILENCE_SECONDS", 0.05)
    assert isinstance(scene.refused(followed, stalls, stalls, stalls), SilentError)
    cut = scene.refused(followed, says_half)
    assert (isinstance(cut, UnreachableError), isinstance(cut, SilentError)) == (True, False)


def test_a_deletion_is_of_one_object_with_all_it_owns(scene: Scene) -> None:
    scene.play(delete, says({"kind": "Status", "metadata": {}}))
    (asked,) = scene.server.asked
    assert (asked.method, asked.path) == ("DELETE", "/apis/batch/v1/namespaces/media/jobs/one")
    assert asked.body["propagationPolicy"] == "Background"
    assert asked.body["preconditions"] == {"uid": "u1"}


ANOTHER = refuses(409, "Conflict", "Precondition failed: UID in precondition")


@pytest.mark.parametrize(
    "answers",
    [
        [refuses(404, "NotFound")],
        [ANOTHER, says({"metadata": {"name": "one", "uid": "u2"}})],
        [ANOTHER, refuses(404, "NotFound")],
    ],
    ids=["gone", "another of its name", "another that is gone too"],
)
def test_deleting_what_is_gone_already_is_fine(scene: Scene, answers: list[Answer]) -> None:
    scene.play(delete, *answers)
    assert scene.server.methods == ["DELETE", "GET"][: len(answers)]


def test_an_object_that_is_still_there_does_not_count_as_deleted(scene: Scene) -> None:
    there = says({"metadata": {"name": "one", "uid": "u1"}})
    assert isinstance(scene.refused(delete, refuses(409, "Conflict"), there), ConflictError)


def test_a_deletion_that_is_refused_is_reported(scene: Scene) -> None:
    assert isinstance(scene.refused(delete, refuses(403, "Forbidden")), RefusedError)
