"""What kopf sees, handed to the caches: every handler takes an object and wakes whoever it concerns; none
decides anything.

`on.event` only: change-detecting handlers would keep a copy of the spec in an annotation, timers would put a
finalizer on every batch, and `kopf.index` takes minutes to fill at thousands of objects.
"""

import asyncio
import dataclasses
import functools
import logging
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import kopf
from kopf._cogs.clients import watching
from typing_extensions import override

from ingest_operator.kube.api.resources import Object, Resource
from ingest_operator.kube.watch.cache import Cache

LOG: Final = logging.getLogger(__name__)

PAGE: Final = 500
"""Objects per page of a list."""

AGAIN: Final = 2.0
"""Seconds until a watch that was refused begins again."""

SERVER_SECONDS: Final = 300
"""After which the server ends a watch; the client goes on where it was."""

CLIENT_SECONDS: Final = 330
"""After which the client ends one that the server forgot."""

SPEAKS_WITHIN: Final = 720.0
"""Seconds in which a watch that lives brings something, if lists are no rarer. Bookmarks come each minute,
but only with a version that is new to the watch: of a kind that nobody touches, when somebody lists it, or
when etcd tells of its progress, each ten minutes by default."""


class Hearing:
    """Tells that a watch lives by what it brings, bookmarks too.

    The list that it begins with does not say so: lists may come while every watch is refused. Only the first
    one counts, so that an operator is ready as soon as it has begun.
    """

    def __init__(self, saw: Callable[[str], None]) -> None:
        self._saw = saw
        self._begun: set[str] = set()

    def heard(self, watch: str, event: Any) -> None:
        """A watch of kopf's brings an event, an object of its first list (`type` is None), or the end of that
        list."""
        if event is watching.Bookmark.LISTED:
            if watch not in self._begun:
                self._begun.add(watch)
                self._saw(watch)
        elif event["type"] is not None:
            self._saw(watch)


HEARING: Final[ContextVar[Hearing]] = ContextVar("hearing")
"""Kopf's tasks take it with them from where they are started."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One kind of object, and who wants to know."""

    resource: Resource
    cache: Cache
    wake: Callable[[Object], None]
    """Told of every object that changed or went."""
    labels: str = ""
    """Only objects with these labels are ever sent to us."""


class NothingToCompare(kopf.DiffBaseStorage):
    """Kopf copies every object whole, to compare it with what handlers of changes have seen last. There are
    none here."""

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
    """Kopf has ended though nobody stopped it. What is left of it may never end: only another process begins
    anew."""


async def watch(
    watched: Iterable[Watched], saw: Callable[[str], None], namespaces: Collection[str], stop: asyncio.Event
) -> None:
    """Until stopped. `saw` is told by its name of each watch that brings something; no namespaces means all.
    Raises `WatchesEndedError`."""
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
    # `kopf.operator` would wait here for all that it has started, and some of that never ends once another
    # part of it has failed.
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
    """What one watch is called, on `/readyz` too; None is for all namespaces."""
    return f"watch of {_kind(plural, namespace)}"


def list_of(plural: str, namespace: str | None) -> str:
    """What the lists of one kind are called there."""
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
    # Else kopf follows the definitions: it stops the watches of a kind that goes, and when the kind is made
    # again it asks once which kinds there are, as often as not a moment before the API server serves it. A
    # watch that begins again until it is answered needs none of it.
    made.scanning.disabled = True
    made.watching.chunk_size = PAGE
    made.watching.server_timeout, made.watching.client_timeout = SERVER_SECONDS, CLIENT_SECONDS
    made.watching.connect_timeout = 5
    made.networking.request_timeout = 30
    for each in watched:
        if each.labels:
            made.watching.label_selectors[each.resource.group, each.resource.plural] = each.labels
    return made


def never_ending(watch: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    """A watch of kopf's that outlives whatever the API server answers.

    Kopf takes most refusals for final: a role that is missing for a moment, `410 Gone` as the answer itself,
    a server that fails for a minute. One such watch ends all the others, and the process goes on without
    them, blind until its next list, and cannot be stopped.
    """

    @functools.wraps(watch)
    async def watched(**given: Any) -> AsyncIterator[Any]:
        name, hearing = watch_of(given["resource"].plural, given["namespace"]), HEARING.get()
        try:
            async for event in watch(**given):
                hearing.heard(name, event)
                yield event
        except Exception as error:  # noqa: BLE001 -- whatever it is, only another watch can tell whether it has passed
            LOG.warning(
                "the watch of %s is refused and begins again: %s",
                given.get("resource"),
                error,
                extra={"action": "watch"},
            )
            await asyncio.sleep(AGAIN)

    return watched


# Kopf offers no place for this; `infinite_watch` looks the name up each time, and begins anew with a list
# whenever it returns.
watching.continuous_watch = never_ending(watching.continuous_watch)


async def _login(**given: Any) -> kopf.ConnectionInfo | None:
    """A pod's service account, else the user's kubeconfig: kopf asks again when a token has expired.

    kopf goes to the API server by its name. The address in a pod's environment, by which our own client goes,
    needs no cluster DNS.
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
        each.wake(thing)

    return seen
