"""Lists of everything, now and then: they find what the watches have missed, and which namespaces are out of
reach.

The operator may read no namespaces. One that is deleted takes the operator's Role with it, so every list in
it is refused for want of a right: it is then left out of what makes the operator ready, until a list there is
answered again. If that is so in all of them, nothing is left out: then the operator's own rights are missing.
Either way the metrics say which are out of reach.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from itertools import product
from typing import Final, Protocol

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ApiError
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.watch.watches import SPEAKS_WITHIN_SECONDS, Watched, list_of, watch_of

LOG: Final = logging.getLogger(__name__)

SWEEP_TAKES_SECONDS: Final = 60.0
"""Seconds that a sweep may take before health counts its lists as overdue."""


class ClusterRestoredError(Exception):
    """The API server's history ends before what it has shown already: its etcd was restored from a backup.
    All that is known is newer than anything that it shows, so only a new process sees its changes."""


class Signs(Protocol):
    """Who is told what was seen: `telemetry.health.Health`."""

    def expect(self, what: str, within: float, /) -> None:
        """`what` is due every so many seconds."""

    def saw(self, what: str, /) -> None:
        """`what` was seen."""

    def excuse(self, whats: Collection[str], /) -> None:
        """Nothing is to be seen of these now, and of no others."""


OutOfReach = Callable[[Mapping[str, bool]], object]
"""Takes whether each watched namespace is out of reach; `*` stands for all of them, in one list."""


class Lists:
    """Of every watched kind in every watched namespace."""

    def __init__(
        self,
        api: Api,
        watched: Sequence[Watched],
        namespaces: Sequence[str],
        signs: Signs,
        out_of_reach: OutOfReach = lambda _: None,
    ) -> None:
        """No namespaces means all of them, in one list."""
        self._api, self._watched, self._signs, self._out_of_reach = api, watched, signs, out_of_reach
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._newest: dict[str, int] = {}
        self._away: frozenset[str | None] = frozenset()

    def expect(self, every_seconds: float) -> None:
        """Tell how often each list and each watch is due, and that no namespace is out of reach yet."""
        self._tell(())
        for each, namespace in product(self._watched, self._namespaces):
            within = 2 * every_seconds + SWEEP_TAKES_SECONDS
            self._signs.expect(list_of(each.resource.plural, namespace), within)
            self._signs.expect(
                watch_of(each.resource.plural, namespace), SPEAKS_WITHIN_SECONDS + every_seconds
            )

    async def sweep(self) -> None:
        """List everything, then enqueue the keys that the changes concern: no batch is reconciled before its
        profile and its Jobs are listed.

        Raises the first `ApiError` at the end, unless it is of a namespace that is out of reach as a whole;
        `ClusterRestoredError`.
        """
        changes: list[tuple[Callable[[Object], None], Object]] = []
        refused: dict[str | None, list[ApiError]] = {}
        try:
            for each, namespace in product(self._watched, self._namespaces):
                try:
                    listed, version = await self._api.list(
                        each.resource, namespace, labels=each.labels, keep=each.cache.slim
                    )
                except ApiError as error:
                    refused.setdefault(namespace, []).append(error)
                    continue
                self._require_history(list_of(each.resource.plural, namespace), int(version))
                changes += ((each.enqueue, thing) for thing in each.cache.replace(listed, version, namespace))
                self._signs.saw(list_of(each.resource.plural, namespace))
        finally:  # the next list does not report again what one list has changed
            for enqueue, thing in changes:
                enqueue(thing)
        self._leave_out(refused)
        for namespace, errors in refused.items():
            if namespace not in self._away:
                raise errors[0]

    def _leave_out(self, refused: Mapping[str | None, Sequence[ApiError]]) -> None:
        away = frozenset(
            namespace
            for namespace, errors in refused.items()
            if len(errors) == len(self._watched)
            and all(error.status == HTTPStatus.FORBIDDEN for error in errors)
        )
        self._tell(away)
        if away == {*self._namespaces}:
            away = frozenset()
        for namespace in away - self._away:
            LOG.warning(
                "namespace %s is out of reach: it is gone, or the operator's Role there is. "
                "It is served again when a list is answered: %s",
                namespace,
                refused[namespace][0],
                extra={"action": "leave-out"},
            )
        for namespace in self._away - away:
            LOG.info("namespace %s is in reach again", namespace, extra={"action": "take-in"})
        self._away = away
        named = [(each.resource.plural, of) for each in self._watched for of in away]
        self._signs.excuse([sign(*each) for each in named for sign in (list_of, watch_of)])

    def _tell(self, away: Collection[str | None]) -> None:
        self._out_of_reach({each or "*": each in away for each in self._namespaces})

    def _require_history(self, name: str, version: int) -> None:
        """Lists are read from etcd, so each is at least as new as the one before."""
        if version < self._newest.get(name, 0):
            raise ClusterRestoredError(
                f"{name} is of version {version} and was of {self._newest[name]} before"
            )
        self._newest[name] = version
