"""The API client before a server of bad days: what is sent again, what is not, and what an answer that never
came becomes."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from ingest_operator.kube.api import client as api_module
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    BusyError,
    ConflictError,
    NotFoundError,
    UnreachableError,
)
from ingest_operator.kube.api.resources import CONFIG_MAPS, JOBS
from tests.support.api_scene import OK, POD, Scene, Use, create, delete, get, patch, replace
from tests.support.scripted_api import Answer, refuses, resets, says, says_half, scripted, stalls


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


async def lists(api: Api) -> object:
    return await api.list(JOBS, "media")


@pytest.mark.parametrize("use", [get, replace, delete])
@pytest.mark.parametrize("bad", [refuses(500, "InternalError"), refuses(429, "TooManyRequests"), resets])
def test_what_may_be_sent_twice_is_sent_again_after_a_bad_moment(
    scene: Scene, use: Use[object], bad: Answer
) -> None:
    scene.play(use, bad, bad, OK)
    assert len(scene.server.asked) == 3
    assert [status for _, _, status in scene.observed] == [200], (
        "one request was asked for, however often it was sent"
    )


@pytest.mark.parametrize("use", [create, patch])
def test_what_must_not_be_sent_twice_is_not(scene: Scene, use: Use[object]) -> None:
    assert isinstance(scene.refused(use, refuses(500, "InternalError"), OK), BusyError)
    assert isinstance(scene.refused(use, resets, OK), UnreachableError)
    assert len(scene.server.asked) == 1


@pytest.mark.parametrize("answer", [{}, {"groups": None}, {"groups": ["video-ingest.dev"]}, [], "Hello"])
def test_a_discovery_that_is_none_is_no_answer(answer: object, scene: Scene) -> None:
    """What is in front of a server that begins says anything; an operator that begins asks again."""

    async def served(api: Api) -> object:
        return await api.served("video-ingest.dev", "v1alpha1")

    assert isinstance(scene.refused(served, says(answer)), UnreachableError)


def test_a_server_that_stays_busy_is_believed_after_three_attempts(scene: Scene) -> None:
    error = scene.refused(get, *[refuses(503, "ServiceUnavailable", "etcd is away")] * 4)
    assert isinstance(error, BusyError)
    assert (len(scene.server.asked), error.message) == (3, "etcd is away")
    assert scene.observed == [("get", "pods", 503)]


def test_a_short_wait_that_the_server_wants_is_kept(scene: Scene) -> None:
    scene.play(get, refuses(429, "TooManyRequests", Retry_After="1"), OK)
    first, second = scene.server.asked
    assert second.at - first.at >= 1


def test_a_long_wait_is_left_to_the_caller(scene: Scene) -> None:
    error = scene.refused(get, refuses(429, "TooManyRequests", Retry_After="60"), OK)
    assert isinstance(error, BusyError)
    assert (error.retry_after, len(scene.server.asked)) == (60, 1)


def test_an_accepted_write_whose_answer_was_lost_meets_itself(scene: Scene) -> None:
    error = scene.refused(replace, resets, refuses(409, "Conflict", "the object has been modified"))
    assert isinstance(error, ConflictError)
    assert scene.server.methods == ["PUT", "PUT"]


@pytest.mark.parametrize(
    "answer", [says_half, says("<html>welcome</html>"), says("[]"), says("{}"), says("")]
)
@pytest.mark.parametrize("use", [get, create, lists])
def test_half_an_answer_or_a_strangers_is_none(scene: Scene, use: Use[object], answer: Answer) -> None:
    error = scene.refused(use, answer, OK)
    assert isinstance(error, UnreachableError)
    assert (error.status, len(scene.server.asked)) == (0, 1)


def test_half_an_answer_is_observed_as_none(scene: Scene) -> None:
    scene.refused(get, says_half)
    assert scene.observed == [("get", "pods", 0)]


def test_a_server_that_stalls_is_left_in_time_and_not_asked_again(scene: Scene) -> None:
    error = scene.refused(get, stalls, OK, seconds=0.3)
    assert isinstance(error, UnreachableError)
    assert "/pods/one" in error.message
    assert (len(scene.server.asked), scene.observed) == (1, [("get", "pods", 0)])


def test_a_server_that_is_away_is_unreachable(scene: Scene) -> None:
    async def after_its_end() -> None:
        async with scripted() as server:
            pass
        async with scene.before(server) as api:
            with pytest.raises(UnreachableError):
                await get(api)

    asyncio.run(after_its_end())
    assert scene.observed == [("get", "pods", 0)]


def test_waiting_for_a_free_connection_is_not_taken_for_a_server_that_is_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "CONNECTIONS", 1)
    monkeypatch.setattr(api_module, "CONNECT_SECONDS", 0.2)

    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return await OK(request)

    async def burst(api: Api) -> list[object]:
        return await asyncio.gather(create(api), create(api), create(api))

    assert scene.play(burst, slow, slow, slow) == [POD] * 3


def test_many_requests_that_fail_leave_every_connection_free(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "CONNECTIONS", 2)

    async def use(api: Api) -> object:
        for _ in range(4):
            with pytest.raises(NotFoundError):
                await get(api)
            with pytest.raises(UnreachableError):
                await create(api)
        with pytest.raises(AlreadyExistsError):
            await api.create(CONFIG_MAPS, "media", {})
        return await get(api)

    assert (
        scene.play(use, *[refuses(404, "NotFound"), says_half] * 4, refuses(409, "AlreadyExists"), OK) == POD
    )
