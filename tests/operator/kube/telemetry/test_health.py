"""The pages of the operator's port, by real HTTP:
alive is not ready, and what is stale is told with its age."""

import asyncio
from itertools import count
from typing import Any

import aiohttp
import pytest

from ingest_operator.kube.telemetry.health import (
    BEATS_WITHIN_SECONDS,
    RECONCILED_WITHIN_SECONDS,
    Health,
    served,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Metrics:
    def exposition(self) -> bytes:
        return b"video_ingest_queue_keys 3.0\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def asked(health: Health, path: str) -> tuple[int, str, Any]:
    """(status, content type, body) of a page."""

    async def ask() -> tuple[int, str, Any]:
        async with (
            served(0, health, Metrics(), "127.0.0.1") as port,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            body = await (answer.json() if answer.content_type == "application/json" else answer.text())
            return answer.status, answer.headers["Content-Type"], body

    return asyncio.run(ask())


def test_an_operator_that_has_seen_nothing_yet_is_alive_and_not_ready(clock: Clock) -> None:
    health = Health(clock)
    health.expect("jobs", 60)
    assert asked(health, "/healthz")[::2] == (200, {"ok": True, "heartbeatSeconds": 0.0})
    assert asked(health, "/readyz")[::2] == (
        503,
        {"ok": False, "stale": {"jobs": None}, "fresh": {}, "outOfReach": []},
    )


def test_it_is_ready_once_everything_was_seen_and_until_something_has_not_been_for_too_long(
    clock: Clock,
) -> None:
    health = Health(clock)
    health.expect("jobs", 60)
    health.expect("pods", 60)
    health.saw("jobs")
    assert asked(health, "/readyz")[0] == 503
    clock.now += 20
    health.saw("pods")
    assert asked(health, "/readyz")[::2] == (
        200,
        {"ok": True, "stale": {}, "fresh": {"jobs": 20.0, "pods": 0.0}, "outOfReach": []},
    )
    clock.now += 41
    assert asked(health, "/readyz")[::2] == (
        503,
        {"ok": False, "stale": {"jobs": 61.0}, "fresh": {"pods": 41.0}, "outOfReach": []},
    )
    health.saw("jobs")
    assert asked(health, "/readyz")[0] == 200


def test_what_is_seen_and_not_expected_is_no_matter(clock: Clock) -> None:
    health = Health(clock)
    health.saw("events")
    clock.now += 10_000
    assert health.is_ready() == (True, {"stale": {}, "fresh": {}, "outOfReach": []})


def test_a_reconcile_that_does_not_end_makes_it_unready_for_as_long_as_it_does_not(clock: Clock) -> None:
    health, wait = Health(clock), {"batch reconciles": 0.0, "schedule reconciles": RECONCILED_WITHIN_SECONDS}
    health.limit("batch reconciles", lambda: wait["batch reconciles"])
    health.limit("schedule reconciles", lambda: wait["schedule reconciles"])
    assert asked(health, "/readyz")[0] == 200
    wait["batch reconciles"] = RECONCILED_WITHIN_SECONDS + 1
    assert asked(health, "/readyz")[2]["stale"] == {"batch reconciles": RECONCILED_WITHIN_SECONDS + 1}
    wait["batch reconciles"] = 0.0
    assert asked(health, "/readyz")[0] == 200


def test_a_loop_that_has_not_come_round_for_long_is_dead_though_it_answers() -> None:
    leaps = count(0.0, BEATS_WITHIN_SECONDS + 1)  # so much passes between any beat and any question
    status, _, body = asked(Health(lambda: next(leaps)), "/healthz")
    assert (status, body) == (503, {"ok": False, "heartbeatSeconds": BEATS_WITHIN_SECONDS + 1})


def test_the_loop_beats_while_it_is_served(clock: Clock) -> None:
    health = Health(clock)
    clock.now += 2 * BEATS_WITHIN_SECONDS
    assert not health.is_alive()[0]
    assert asked(health, "/healthz")[0] == 200


def test_staleness_never_kills(clock: Clock) -> None:
    health = Health(clock)
    health.expect("jobs", 1)
    health.limit("batch reconciles", lambda: clock.now)
    clock.now += 100 * RECONCILED_WITHIN_SECONDS
    assert asked(health, "/readyz")[0] == 503
    assert asked(health, "/healthz")[0] == 200


def test_metrics_are_served_in_the_form_that_prometheus_asks_for(clock: Clock) -> None:
    status, kind, body = asked(Health(clock), "/metrics")
    assert (status, body) == (200, "video_ingest_queue_keys 3.0\n")
    assert kind.startswith("text/plain; version=")
    assert asked(Health(clock), "/anything")[0] == 404


def test_a_port_that_is_taken_is_an_error(clock: Clock) -> None:
    async def twice() -> None:
        async with (
            served(0, Health(clock), Metrics(), "127.0.0.1") as port,
            served(port, Health(clock), Metrics(), "127.0.0.1"),
        ):
            pass

    with pytest.raises(OSError, match="address already in use"):
        asyncio.run(twice())
