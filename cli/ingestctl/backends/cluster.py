"""The batches of a cluster, read and changed through its API server with the user's own rights."""

import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from ingest_contract.batch import IngestBatch
from ingest_contract.order import Item
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import outcome_of
from ingest_operator.core.plans import items_of
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import (
    ApiError,
    ConflictError,
    NotFoundError,
    RefusalCause,
    RefusedError,
    SilentError,
)
from ingest_operator.kube.api.fields import created_at
from ingest_operator.kube.api.kubeconfig import Chosen
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import BATCH_UID, CONTAINER, INDEX, PLAN, ROLE, Owner, own_place_of
from ingest_operator.kube.api.ownership import controller_of, is_controlled
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, EVENTS, JOBS, PODS, Object
from ingest_operator.kube.observe.runs import indexes_of, runs_of
from ingest_operator.kube.planning.frozen_plan import PART, FrozenPlan, PlanDamagedError, from_parts
from ingest_operator.kube.watch.jobs_and_pods import slim_job, slim_pod
from ingestctl.backends.log_marks import LogMark, NewLines
from ingestctl.backends.near import near_names
from ingestctl.backends.port import (
    ChangedError,
    CommandError,
    EventSeen,
    Found,
    LogLine,
    MissingError,
    PassingError,
    RunSeen,
    moment_of,
)

CALL_SECONDS: Final = 30.0
"""Seconds that one call may take."""


@dataclass(frozen=True, slots=True)
class InCluster:
    """`Batches` of a cluster."""

    api: Api
    chosen: Chosen
    namespace: str | None
    """None: of every namespace."""

    @property
    def where(self) -> str:
        """In words."""
        return f"context {self.chosen.context}, " + (
            f"namespace {self.namespace}" if self.namespace else "all namespaces"
        )

    async def all(self) -> tuple[Found, ...]:
        """Every batch."""
        with self._explained("list ingestbatches", "view"):
            things, _ = await self.api.list(BATCHES, self.namespace)
        found = [_found(thing) for thing in things]
        return tuple(sorted(found, key=lambda each: (each.namespace, each.name)))

    async def get(self, name: str) -> Found:
        """One batch."""
        namespace = self.namespace or self.chosen.namespace
        try:
            with self._explained("get ingestbatches", "view", missing_is_passed_on=True):
                return _found(await self.api.get(BATCHES, namespace, name))
        except (NotFoundError, MissingError) as error:
            near = near_names(name, [each.name for each in await self.all()])
            raise MissingError(f"no batch {name!r} in {self.where}{near}") from error

    async def is_live(self, found: Found) -> bool:  # noqa: ARG002  the protocol's
        """Always: the operator does."""
        return True

    async def items(self, found: Found) -> Mapping[int, Item]:
        """From the ConfigMaps of the frozen plans."""
        labels = f"{BATCH_UID}={found.uid},{ROLE}={PLAN}"
        with self._explained("list configmaps", "view"):
            maps, _ = await self.api.list(CONFIG_MAPS, found.namespace, labels=labels)
        try:
            plans = tuple(_plans(_owner(found), maps))
        except PlanDamagedError as error:
            raise CommandError(f"the plan of {found.namespace}/{found.name}: {error}") from error
        return {item.index: item for item in items_of(plans)}

    async def runs(self, found: Found, indexes: Collection[int]) -> Mapping[int, tuple[RunSeen, ...]]:
        """From the Jobs and pods that are still kept."""
        labels, owner = f"{BATCH_UID}={found.uid}", _owner(found)
        with self._explained("list jobs and pods", "view"):
            jobs, _ = await self.api.list(JOBS, found.namespace, labels=labels, keep=slim_job)
            pods, _ = await self.api.list(PODS, found.namespace, labels=labels, keep=slim_pod)
        newest: dict[str, Object] = {}
        for pod in sorted(pods, key=lambda each: str(each["metadata"]["creationTimestamp"])):
            if (owning := controller_of(pod)) is not None:
                newest[owning.uid] = pod
        seen: dict[int, list[RunSeen]] = {index: [] for index in indexes}
        for job in jobs:
            if not _is_of(owner, job):
                continue
            for index in seen.keys() & set(indexes_of(job)):
                seen[index] += _runs(job, newest.get(job["metadata"]["uid"]), index)
        return {index: tuple(sorted(runs, key=lambda run: run.number)) for index, runs in seen.items()}

    async def events(self, found: Found) -> tuple[EventSeen, ...]:
        """The Events about it, as long as the cluster keeps them."""
        with self._explained("list events", "view"):
            things, _ = await self.api.list(EVENTS, found.namespace)
        mine = (each for each in things if (each.get("regarding") or {}).get("uid") == found.uid)
        return tuple(sorted(map(_event, mine), key=lambda event: event.at))

    async def log(self, found: Found, run: RunSeen, tail: int | None) -> str:
        """The log of its worker."""
        with self._explained_log(run) as pod:
            return await self.api.log(found.namespace, pod, CONTAINER, tail=tail)

    async def log_lines(
        self, found: Found, run: RunSeen, *, after: str = "", tail: int | None = None
    ) -> AsyncIterator[LogLine]:
        """The log of its worker, as the node passes it on. A connection that brings nothing for long may be
        dead and is asked for anew, without a word: a worker that computes has nothing to say."""
        mark, is_whole = after, False
        while not is_whole:
            left = LogMark.read(mark)
            new = NewLines(left)
            with self._explained_log(run) as pod, suppress(SilentError):
                lines = self.api.log_lines(
                    found.namespace, pod, CONTAINER, since=left.since, tail=None if mark else tail
                )
                async for line in lines:
                    for each in new.of(line):
                        mark = each.mark
                        yield each
                is_whole = True

    async def change(self, found: Found, fields: Mapping[str, Any]) -> None:
        """By a merge patch of the spec, of the version that was found."""
        body = {"metadata": {"resourceVersion": found.version}, "spec": dict(fields)}
        with self._explained("patch ingestbatches", "edit"):
            try:
                await self.api.patch(BATCHES, found.namespace, found.name, body)
            except ConflictError as error:
                raise ChangedError(
                    f"{found.namespace}/{found.name} changes all the time, and nothing of it was changed: "
                    "try again"
                ) from error

    @contextmanager
    def _explained_log(self, run: RunSeen) -> Iterator[str]:
        """The pod that has a run's log, and errors of asking for it as sentences."""
        gone = (
            f"the pod of run {run.number} is gone, and its log with it; "
            "`pods.keepFailedSeconds` of the profile says how long Jobs are kept"
        )
        if run.pod is None:
            raise MissingError(gone)
        with self._explained("get pods/log", "view", missing_is_passed_on=True):
            try:
                yield run.pod
            except NotFoundError as error:
                raise MissingError(gone) from error
            except RefusedError as error:
                if error.cause is not RefusalCause.INVALID:
                    raise
                raise MissingError(f"the pod {run.pod} has no log yet: {error.message}") from error

    @contextmanager
    def _explained(self, what: str, role: str, *, missing_is_passed_on: bool = False) -> Iterator[None]:
        """Errors of the API server as sentences with the next step. `missing_is_passed_on` leaves a missing
        object to the caller."""
        try:
            yield
        except ValueError as error:  # what cannot be a name: nothing was asked
            raise MissingError(str(error)) from error
        except NotFoundError as error:
            if missing_is_passed_on:
                raise
            raise CommandError(
                f"the cluster of {self.chosen.context} lacks our kinds: "
                f"install the chart's definitions (`crds/`), or name another context; it says: "
                f"{error.message}"
            ) from error
        except RefusedError as error:
            raise self._refused(error, what, role) from error
        except ApiError as error:
            raise PassingError(
                f"the cluster of {self.chosen.context} does not answer as it should "
                f"({error.reason}: {error.message}): see `kubectl --context {self.chosen.context} version`"
            ) from error

    def _refused(self, error: RefusedError, what: str, role: str) -> CommandError:
        if error.cause is not RefusalCause.FORBIDDEN_BY_RBAC:
            return CommandError(f"the cluster refuses: {error.message}")
        namespace = self.namespace or "every namespace"
        return CommandError(
            f"{self.chosen.context} may not {what} in {namespace}: ask for the role `{role}` there "
            f"(the chart adds our kinds to it), or log in again; it says: {error.message}"
        )


def _owner(found: Found) -> Owner:
    return Owner(found.namespace, found.name, found.uid)


def _is_of(owner: Owner, job: Object) -> bool:
    place = own_place_of(owner, job["metadata"]["name"])
    return place is not None and place.role != PLAN and is_controlled(job, owner.identity)


def _found(thing: Object) -> Found:
    known, metadata = reading(IngestBatch, thing), thing["metadata"]
    return Found(
        metadata["namespace"],
        metadata["name"],
        known.value,
        moment_of(created_at(thing)),
        known.text if known.mistakes else "",
        metadata["uid"],
        metadata["resourceVersion"],
        thing,
    )


def _plans(owner: Owner, maps: list[Object]) -> Iterator[FrozenPlan]:
    """The frozen plans, in order: labels say which ConfigMap is which part of which."""
    by_plan: dict[int, list[tuple[int, Object]]] = {}
    for each in maps:
        labels = each["metadata"].get("labels") or {}
        plan, part = labels.get(INDEX, ""), labels.get(PART, "")
        if plan.isdecimal() and part.isdecimal() and is_controlled(each, owner.identity):
            by_plan.setdefault(int(plan), []).append((int(part), each))
    for number, parts in sorted(by_plan.items()):
        in_order = [each for _, each in sorted(parts, key=lambda pair: pair[0])]
        if parts and min(part for part, _ in parts) == 0:
            yield from_parts(owner, number, in_order)


def _runs(job: Object, pod: Object | None, index: int) -> Iterator[RunSeen]:
    for run in runs_of(job, pod, PodProfile(), time.time()):
        if run.index != index:
            continue
        outcome = outcome_of(run.ended) if run.ended else None
        begun = pod is not None and (pod.get("status") or {}).get("phase") != "Pending"
        live = "Running" if begun else "Pending"
        state = live if outcome is None else outcome.reason.value if outcome.reason else "Succeeded"
        yield RunSeen(
            run.number,
            run.phase.value,
            job["metadata"]["name"],
            state,
            moment_of(run.started_at),
            moment_of(run.ended_at),
            outcome.message if outcome else "",
            run.rung,
            run.charged_attempts,
            run.ended.exit_code if run.ended else None,
            run.node,
            None if pod is None else pod["metadata"]["name"],
        )


def _event(thing: Object) -> EventSeen:
    series = thing.get("series") or {}
    at = series.get("lastObservedTime") or thing.get("eventTime") or thing.get("deprecatedLastTimestamp")
    return EventSeen(
        str(at or thing["metadata"]["creationTimestamp"]),
        str(thing.get("type") or ""),
        str(thing.get("reason") or ""),
        str(thing.get("note") or ""),
        int(series.get("count") or thing.get("deprecatedCount") or 1),
    )
