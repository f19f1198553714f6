"""Lists of everything: what is gone keeps no operator from being ready, and what is back counts again."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ApiError, BusyError, RefusalCause, RefusedError
from ingest_operator.kube.api.resources import JOBS, PODS, Object, Resource
from ingest_operator.kube.telemetry.health import Health
from ingest_operator.kube.watch.cache import Cache
from ingest_operator.kube.watch.lists import SWEEP_TAKES_SECONDS, Lists
from ingest_operator.kube.watch.watches import SPEAKS_WITHIN_SECONDS, Watched

FORBIDDEN = RefusedError(403, "Forbidden", "jobs is forbidden", RefusalCause.FORBIDDEN_BY_RBAC)
UNKNOWN_TOKEN = RefusedError(401, "Unauthorized", "who are you", RefusalCause.FORBIDDEN_BY_RBAC)
JOB = {"metadata": {"namespace": "media", "name": "one", "uid": "1", "resourceVersion": "5"}}
NAMES = ("here", "media")


class Server:
    """Answers lists, or refuses them by (plural, namespace)."""

    def __init__(self) -> None:
        self.refused: dict[tuple[str, str | None], ApiError] = {}

    def refuse(self, namespace: str, error: ApiError, *kinds: Resource) -> None:
        self.refused |= {(kind.plural, namespace): error for kind in kinds or (JOBS, PODS)}

    async def list(self, resource: Resource, namespace: str | None, **_: Any) -> tuple[list[Object], str]:
        if (error := self.refused.get((resource.plural, namespace))) is not None:
            raise error
        return ([JOB] if (resource, namespace) == (JOBS, "media") else []), "9"


class Scene:
    """Two kinds in two namespaces, and who is told."""

    def __init__(self) -> None:
        self.server, self.now, self.enqueued = Server(), 0.0, list[Object]()
        self.health = Health(lambda: self.now)
        watched = [Watched(kind, Cache(), self.enqueued.append) for kind in (JOBS, PODS)]
        self.out_of_reach: Mapping[str, bool] = {}
        self.lists = Lists(cast("Api", self.server), watched, NAMES, self.health, self._hear)
        self.lists.expect(60.0)

    def _hear(self, namespaces: Mapping[str, bool]) -> None:
        self.out_of_reach = namespaces

    def sweep(self, *, watches_of: tuple[str, ...] = NAMES) -> None:
        asyncio.run(self.lists.sweep())
        for kind in ("jobs", "pods"):
            for namespace in watches_of:
                self.health.saw(f"watch of {kind} in {namespace}")


@pytest.fixture
def scene() -> Scene:
    return Scene()


AWAY = [f"{way} of {kind} in media" for way in ("list", "watch") for kind in ("jobs", "pods")]


def test_an_operator_is_ready_without_a_namespace_that_is_gone_and_says_so(scene: Scene) -> None:
    scene.server.refuse("media", FORBIDDEN)
    scene.sweep(watches_of=("here",))
    ready, body = scene.health.is_ready()
    assert (ready, body["outOfReach"]) == (True, AWAY)
    assert scene.out_of_reach == {"here": False, "media": True}
    assert sorted(body["fresh"]) == [name.replace("media", "here") for name in AWAY]


def test_a_namespace_that_is_back_is_listed_and_has_time_until_its_watches_must_speak(scene: Scene) -> None:
    scene.server.refuse("media", FORBIDDEN)
    scene.sweep(watches_of=("here",))
    scene.now += 10_000.0
    scene.server.refused.clear()
    scene.sweep(watches_of=("here",))
    assert scene.enqueued == [JOB]
    assert scene.out_of_reach == {"here": False, "media": False}
    assert scene.health.is_ready() == (
        True, {"stale": {}, "fresh": scene.health.is_ready()[1]["fresh"], "outOfReach": []}
    )  # fmt: skip
    scene.now += SPEAKS_WITHIN_SECONDS + 61.0
    assert {name for name in scene.health.is_ready()[1]["stale"] if name.startswith("watch")} == {
        f"watch of {kind} in {namespace}" for kind in ("jobs", "pods") for namespace in NAMES
    }


@pytest.mark.parametrize(
    ("refused", "kinds"),
    [
        pytest.param(FORBIDDEN, (JOBS,), id="one right is missing"),
        pytest.param(BusyError(503, "Busy", "later"), (JOBS, PODS), id="the server is away"),
        pytest.param(UNKNOWN_TOKEN, (JOBS, PODS), id="nobody knows our token"),
    ],
)
def test_what_is_no_missing_namespace_makes_the_operator_unready(
    scene: Scene, refused: ApiError, kinds: tuple[Resource, ...]
) -> None:
    scene.sweep()
    scene.server.refuse("media", refused, *kinds)
    scene.now += 2 * 60.0 + SWEEP_TAKES_SECONDS + 1.0
    with pytest.raises(type(refused)):
        scene.sweep()
    ready, body = scene.health.is_ready()
    assert (ready, set(body["stale"])) == (False, {f"list of {kind.plural} in media" for kind in kinds})
    assert (body["outOfReach"], scene.out_of_reach) == ([], {"here": False, "media": False})


def test_an_operator_without_any_right_is_not_ready(scene: Scene) -> None:
    for namespace in NAMES:
        scene.server.refuse(namespace, FORBIDDEN)
    with pytest.raises(RefusedError):
        scene.sweep()
    assert not scene.health.is_ready()[0]
    assert scene.out_of_reach == {"here": True, "media": True}


def test_an_operator_of_the_whole_cluster_says_of_all_namespaces_whether_they_are_out_of_reach() -> None:
    server, said = Server(), list[Mapping[str, bool]]()
    server.refused[JOBS.plural, None] = FORBIDDEN
    watched = [Watched(JOBS, Cache(), lambda _: None)]
    lists = Lists(cast("Api", server), watched, (), Health(lambda: 0.0), said.append)
    lists.expect(60.0)
    with pytest.raises(RefusedError):
        asyncio.run(lists.sweep())
    assert said == [{"*": False}, {"*": True}]


def test_a_namespace_that_is_gone_is_reported_once_and_its_return_too(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scene.server.refuse("media", FORBIDDEN)
    scene.sweep()
    scene.sweep()
    scene.server.refused.clear()
    scene.sweep()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "namespace media is out of reach",
        "namespace media is in reach again",
    ]
