"""Passes what kopf sees to the caches: every handler takes an object and enqueues the keys that it concerns;
none decides anything.

`on.event` only: change-detecting handlers would keep a copy of the spec in an annotation, timers would put a
finalizer on every batch, and `kopf.index` takes minutes to fill at thousands of objects.
"""

import asyncio
import dataclasses
import functools
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import kopf
from kopf._cogs.clients import watching
from typing_extensions import override

from ingest_operator.core.backoff import doubled
from ingest_operator.kube.api.resources import Object, Resource
from ingest_operator.kube.watch.cache import Cache

LOG: Final = logging.getLogger(__name__)

PAGE_OBJECTS: Final = 500
"""Objects per page of a list."""

AGAIN_SECONDS: Final = 2.0
"""Seconds until a watch that was refused begins again; they double while it is refused."""

AGAIN_AT_MOST_SECONDS: Final = 32.0
"""Longest wait for that: a namespace that was deleted may be made again at any time."""

SERVER_SECONDS: Final = 300
"""Seconds after which the server ends a watch; the client resumes it where it was."""

CLIENT_SECONDS: Final = 330
"""Seconds after which the client ends a watch that the server forgot."""

SPEAKS_WITHIN_SECONDS: Final = 720.0
"""Seconds in which a live watch delivers something, if lists are no rarer. Bookmarks come every minute, but
only with a version that is new to the watch: for a kind that no one changes, when someone lists it, or when
etcd reports its progress, every ten minutes by default."""


class Hearing:
    """Reports that a watch is alive when it delivers something, bookmarks included.

    The list that a watch begins with is no proof: lists may come while every watch is refused. Only the first
    one counts, so that an operator is ready as soon as it has begun.
    """

    def __init__(self, saw: Callable[[str], None]) -> None:
        self._saw = saw
        self._begun: set[str] = set()
        self._refused: Counter[str] = Counter()

    def heard(self, watch: str, event: Any) -> None:
        """Take what a kopf watch delivers: an event, an object of its first list (`type` is None), or the end
        of that list."""
        if event is watching.Bookmark.LISTED:
            if watch not in self._begun:
                self._begun.add(watch)
                self._saw(watch)
        elif event["type"] is not None:
            self._saw(watch)
            self._refused.pop(watch, None)

    def refused(self, watch: str) -> float:
        """Seconds until this watch is begun again, one refusal after another."""
        self._refused[watch] += 1
        return doubled(AGAIN_SECONDS, self._refused[watch], AGAIN_AT_MOST_SECONDS)


HEARING: Final[ContextVar[Hearing]] = ContextVar("hearing")
"""Kopf's tasks inherit it from the context that starts them."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One kind of object, its cache, and what its changes enqueue."""

    resource: Resource
    cache: Cache
    enqueue: Callable[[Object], None]
    """Called with every object that changed or was deleted."""
    labels: str = ""
    """Only objects with these labels are ever sent to us."""


class NothingToCompare(kopf.DiffBaseStorage):
    """Kopf copies every object whole, to compare it with what change handlers have seen last. There are no
    such handlers here."""

    @override
    def build(self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    @override
    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    @override
    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        return


class WatchesEndedError(Exception):
    """Kopf has ended although no one stopped it. What is left of it may never end: only a new process can
    start again."""


async def watch(
    watched: Iterable[Watched], saw: Callable[[str], None], namespaces: Collection[str], stop: asyncio.Event
) -> None:
    """Watch until stopped. `saw` is called with the name of each watch that delivers something; no namespaces
    means all. Raises `WatchesEndedError`."""
    kinds, before = tuple(watched), asyncio.all_tasks()
    HEARING.set(Hearing(saw))
    tasks = await kopf.spawn_tasks(
        registry=registry(kinds),
        settings=settings(kinds),
        standalone=True,
        namespaces=namespaces,
        clusterwide=not namespaces,
        stop_flag=stop,
    )
    # `kopf.operator` would wait here for everything it has started, and some of that never ends once another
    # part has failed.
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    failed = next(
        (error for task in tasks if task.done() and not task.cancelled() and (error := task.exception())),
        None,
    )
    if failed is not None:
        raise WatchesEndedError(f"the watches have ended: {failed}") from failed
    await kopf.run_tasks(tasks, ignored=before)


def watch_of(plural: str, namespace: str | None) -> str:
    """The name of one watch, on `/readyz` too; None means all namespaces."""
    return f"watch of {_kind(plural, namespace)}"


def list_of(plural: str, namespace: str | None) -> str:
    """The name of the lists of one kind there."""
    return f"list of {_kind(plural, namespace)}"


def _kind(plural: str, namespace: str | None) -> str:
    return plural if namespace is None else f"{plural} in {namespace}"


def registry(watched: Iterable[Watched]) -> kopf.OperatorRegistry:
    """Handlers for every kind."""
    made = kopf.OperatorRegistry()
    kopf.on.login(registry=made)(_login)
    for each in watched:
        resource = each.resource
        where = (
            (resource.group, resource.version, resource.plural)
            if resource.group
            else (resource.version, resource.plural)
        )
        kopf.on.event(*where, id=f"see-{resource.plural}", registry=made)(_handler(each))
    return made


def settings(watched: Iterable[Watched]) -> kopf.OperatorSettings:
    """Kopf's settings: what to ask the server for, and nothing that writes to objects."""
    made = kopf.OperatorSettings()
    made.persistence.diffbase_storage = NothingToCompare()
    made.posting.enabled = False
    made.peering.standalone = True
    # Otherwise kopf follows the definitions: it stops the watches of a kind that is deleted, and when the
    # kind is created again it discovers the kinds once, as often as not a moment before the API server serves
    # it. A watch that is retried until it is answered needs none of this.
    made.scanning.disabled = True
    made.watching.chunk_size = PAGE_OBJECTS
    made.watching.server_timeout, made.watching.client_timeout = SERVER_SECONDS, CLIENT_SECONDS
    made.watching.connect_timeout = 5
    made.networking.request_timeout = 30
    for each in watched:
        if each.labels:
            made.watching.label_selectors[each.resource.group, each.resource.plural] = each.labels
    return made


def never_ending(watch: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    """A kopf watch that survives whatever the API server answers.

    Kopf takes most refusals as final: a role that is missing for a moment, `410 Gone` as the answer itself, a
    server that fails for a minute. One such watch ends all the others; the process goes on without them,
    blind until its next list, and cannot be stopped.
    """

    @functools.wraps(watch)
    async def watched(**given: Any) -> AsyncIterator[Any]:
        name, hearing = watch_of(given["resource"].plural, given["namespace"]), HEARING.get()
        try:
            async for event in watch(**given):
                hearing.heard(name, event)
                yield event
        except Exception as error:  # noqa: BLE001 -- whatever it is, only another watch can tell whether it has passed
            wait = hearing.refused(name)
            LOG.log(
                logging.WARNING if wait < AGAIN_AT_MOST_SECONDS else logging.DEBUG,
                "the %s is refused and begins again: %s",
                name,
                error,
                extra={"action": "watch"},
            )
            await asyncio.sleep(wait)

    return watched


# Kopf has no hook for this; `infinite_watch` looks the name up each time, and starts again with a list
# whenever it returns.
watching.continuous_watch = never_ending(watching.continuous_watch)


async def _login(**given: Any) -> kopf.ConnectionInfo | None:
    """A pod's service account, else the user's kubeconfig: kopf calls this again when a token has expired.

    kopf connects to the API server by its DNS name. The address in a pod's environment, which our own client
    uses, needs no cluster DNS.
    """
    found = kopf.login_with_service_account(**given)
    if found is None or "KUBERNETES_SERVICE_HOST" not in os.environ:
        return found or kopf.login_with_kubeconfig(**given)
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return dataclasses.replace(found, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")


def _handler(each: Watched) -> Callable[..., Any]:
    async def seen(event: kopf.RawEvent, **_: object) -> None:
        thing: Object = dict(event["object"])
        if event["type"] == "DELETED":
            each.cache.drop(thing)
        elif not each.cache.offer(thing):
            return
        each.enqueue(thing)

    return seen
