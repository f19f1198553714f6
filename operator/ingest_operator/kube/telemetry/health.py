"""Whether the operator is alive, whether it observes and acts, and its metrics: three pages on one port.

`/healthz` checks only what a restart would fix: an event loop that runs. `/readyz` says more, for people and
alerts: whether every kind of object was listed lately, whether every watch delivers, and whether every key is
reconciled in time: one batch that hangs among a hundred is seen. An API server that is away makes the
operator unready, but never restarts it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

BEAT_SECONDS: Final = 1.0
"""Seconds between two beats of the event loop."""

BEATS_WITHIN_SECONDS: Final = 60.0
"""Seconds without a beat after which the loop counts as dead, though this page is still served."""

RECONCILED_WITHIN_SECONDS: Final = 300.0
"""Seconds that one reconcile may take, failed or not: longer than all its requests together if each is
answered late."""

Body = Mapping[str, Any]


class Exposed(Protocol):
    """What shows metrics."""

    def exposition(self) -> bytes:
        """In Prometheus' text form."""


class Health:
    """When things last made progress. The clock is any monotonic clock, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._within: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._excused: frozenset[str] = frozenset()
        self._beat = clock()
        self._running: dict[str, Callable[[], float]] = {}

    def expect(self, what: str, within: float) -> None:
        """From now on the operator is ready only if `what` was seen in the last `within` seconds."""
        self._within[what] = within

    def saw(self, what: str) -> None:
        """`what` was seen."""
        self._seen[what] = self._clock()

    def excuse(self, whats: Collection[str]) -> None:
        """Nothing can be seen of these now, and that is nobody's fault here. What is no longer among them has
        as much time as if it had just been seen."""
        for what in self._excused - frozenset(whats):
            self.saw(what)
        self._excused = frozenset(whats)

    def limit(self, what: str, seconds: Callable[[], float]) -> None:
        """From now on the operator is ready only if `seconds()` is at most `RECONCILED_WITHIN_SECONDS`."""
        self._running[what] = seconds

    def beat(self) -> None:
        """The event loop has completed another turn."""
        self._beat = self._clock()

    def is_alive(self) -> tuple[bool, Body]:
        """Whether the event loop runs, and how long ago its last beat was."""
        age = self._clock() - self._beat
        return age <= BEATS_WITHIN_SECONDS, {"heartbeatSeconds": round(age, 3)}

    def is_ready(self) -> tuple[bool, Body]:
        """Whether the operator observes and acts; ages in seconds by what was seen, null for what was never
        seen, and what is left out because its namespace is out of reach."""
        now = self._clock()
        ages = {
            what: round(now - self._seen[what], 3) if what in self._seen else None
            for what in self._within
            if what not in self._excused
        }
        stale = {what: age for what, age in ages.items() if age is None or age > self._within[what]}
        running = {what: round(seconds(), 3) for what, seconds in self._running.items()}
        stale |= {what: seconds for what, seconds in running.items() if seconds > RECONCILED_WITHIN_SECONDS}
        return not stale, {
            "stale": stale,
            "fresh": {what: age for what, age in ages.items() if what not in stale},
            "outOfReach": sorted(self._excused),
        }


@contextlib.asynccontextmanager
async def served(port: int, health: Health, metrics: Exposed, host: str | None = None) -> AsyncIterator[int]:
    """Serve the pages, on every address if `host` is None; returns the port. Raises `OSError` when the port
    is taken: without its pages the operator does not count as healthy."""
    pages = web.Application()
    pages.router.add_get("/healthz", _verdict(health.is_alive))
    pages.router.add_get("/readyz", _verdict(health.is_ready))
    pages.router.add_get("/metrics", _exposition(metrics))
    runner = web.AppRunner(pages, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    beating = asyncio.create_task(_beat(health), name="heartbeat")
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await runner.cleanup()


async def _beat(health: Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(BEAT_SECONDS)


Page = Callable[[web.Request], Awaitable[web.Response]]


def _verdict(judge: Callable[[], tuple[bool, Body]]) -> Page:
    async def page(_: web.Request) -> web.Response:
        good, body = judge()
        return web.json_response(
            {"ok": good, **body}, status=HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        )

    return page


def _exposition(metrics: Exposed) -> Page:
    async def page(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return page
