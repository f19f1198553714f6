"""A Kubernetes cluster behind the `Cluster` protocol: one Job per try, found again by its name and its
labels."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ingest_contract.failures import FAILURES, Verdict
from ingest_contract.order import Item
from ingest_contract.pods import PodProfile
from ingest_contract.progress import Progress
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.fold import is_recorded
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run, outcome_of
from ingest_operator.core.timestamps import as_text
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from ingest_operator.kube.api.names import INGEST, PROGRESS_PORT, STOPPED, Place, ingest_job_name, place_of
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.refusals import NameTakenError, hindrance_of_refusal, name_taken
from ingest_operator.kube.api.resources import JOBS, Object
from ingest_operator.kube.batches.context import Scene
from ingest_operator.kube.batches.shared_orders import SharedOrders
from ingest_operator.kube.manifests.ingest_job import QUEUE, ingest_job
from ingest_operator.kube.manifests.order_encoding import OrderTooLargeError
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.observe.end_rules import decided
from ingest_operator.kube.observe.pod_reasons import lacks_something
from ingest_operator.kube.observe.runs import hindrance_of, needs_ending, run_of, rung_of
from ingest_operator.kube.watch.confirm import ask
from ingest_operator.kube.watch.jobs_and_pods import Seen

Try = tuple[int, int]
"""(index, number)."""

JobAndPod = tuple[Object, Object | None]
"""A Job, and its newest pod if there is one."""

ANY: Final = 10_000_000
"""As many recordings as a name can tell apart: for who does not know the plan."""

DELETIONS: Final = 100
"""Jobs that are deleted in one look at most: a batch whose ten thousand Jobs fall due together must still be
looked at."""

DOUBT: Final = 90.0
"""Seconds from a look in which a start found no answer until that start is certain not to be carried out any
more: it is given up within thirty, and an API server ends requests after sixty (kubernetes
`apiserver/pkg/server/config.go`, `RequestTimeout`)."""

RETRY_REFUSED: Final = 60.0
"""Seconds until a start that cannot be made as the profile has it is tried again."""


@dataclass(slots=True)
class Remembered:
    """What the looks at one batch hand on to each other. All of it but the doubts is found out anew after a
    restart."""

    refusals: dict[int | None, Hindrance] = field(default_factory=dict)
    """Why starts were refused; by item, or None for what concerns every start."""
    kept: dict[Try, float] = field(default_factory=dict)
    """Jobs whose end is recorded, and when they may go."""
    doubtful: dict[Try, float] = field(default_factory=dict)
    """Starts without an answer, and until when one may still be carried out. Their Jobs stay till then, or
    the same would be made again."""
    progress: Mapping[Try, Progress] = field(default_factory=dict)
    """What the workers said last."""
    progress_due: float = 0.0
    """When they are asked again."""


class Poller(Protocol):
    """Whoever reads live progress."""

    async def look(self, targets: Mapping[Try, str]) -> Mapping[Try, Progress]:
        """The progress of each try whose address answers."""


class KubeCluster:
    """The Jobs of one batch, during one look."""

    def __init__(
        self, api: Api, seen: Seen, scene: Scene, remembered: Remembered, now: float, *, total: int
    ) -> None:
        """`total` recordings are planned: no Job of any other is one of the batch."""
        self._api, self._seen, self._owner, self._orders = api, seen, scene.owner, scene.orders
        self._outside, self._remembered, self._now, self._total = scene.hindrances, remembered, now, total
        self._shared = SharedOrders(api, scene.owner, scene.orders)
        self._live: Mapping[Try, JobAndPod] = {}

    async def observe(self, ledger: Ledger) -> Observation:
        """Every Job whose end the ledger does not hold, those included that should run and no watch has
        shown."""
        self._keep_hidden(ledger)
        await self._confirm((index, ledger.trying[index].number) for index in ledger.running)
        found = self._found()
        await self._restore_orders(found)
        return self._classified(found)

    def shown(self) -> Observation:
        """What the watches show, whatever the ledger says."""
        return self._classified(self._found())

    def _classified(self, found: Mapping[Try, JobAndPod]) -> Observation:
        """Each Job looked at once: its run, or what keeps it from beginning.

        What is missing altogether comes first among what is in the way, then refused starts, then Jobs that
        cannot begin.
        """
        self._live = found
        said, runs, stuck = self._remembered.progress, list[Run](), list[Hindrance]()
        for key, (job, pod) in sorted(found.items()):
            run = run_of(job, pod, self._profile, self._now)
            runs.append(replace(run, progress=said[key]) if run.ended is None and key in said else run)
            blocker = hindrance_of(job, pod, run, self._now)
            if blocker is not None:
                stuck.append(blocker)
        return Observation(tuple(runs), (*self._outside, *self._remembered.refusals.values(), *stuck))

    async def ask_for_progress(self, poller: Poller) -> None:
        """Ask the workers now and then how far they are: what they say is observed with their runs."""
        if self._now >= self._remembered.progress_due:
            self._remembered.progress_due = self._now + requeueing.RESYNC
            self._remembered.progress = await poller.look(self._addresses())

    def _keep_hidden(self, ledger: Ledger) -> None:
        """Hide Jobs that are kept only as long as the status records their ends: one that was wiped, or is
        another's, does not."""
        kept = self._remembered.kept
        for key in [
            key
            for key in kept
            if not is_recorded(ledger, Run(*key, attempts=0, rung=0, disruptions=0, started_at=0.0))
        ]:
            del kept[key]

    async def _confirm(self, expected: Iterable[Try]) -> None:
        """Ask for Jobs that the status knows as running and no watch has shown."""
        missing = (each for each in expected if self._job(*each) is None)
        await ask(
            self._api,
            self._seen,
            self._owner.namespace,
            [ingest_job_name(self._owner, *each) for each in missing],
        )

    def _addresses(self) -> Mapping[Try, str]:
        """Where the workers that run serve their progress."""
        pods = {key: pod for key, (_, pod) in self._found().items() if pod is not None}
        found = {
            key: pod["status"].get("podIP")
            for key, pod in pods.items()
            if pod["status"].get("phase") == "Running"
        }
        return {key: f"http://{address}:{PROGRESS_PORT}" for key, address in found.items() if address}

    async def start(self, start: Start, item: Item) -> Hindrance | None:
        """Create the Job. One that is there already is ours if the batch controls it; else the item is
        blocked."""
        refusals = self._remembered.refusals
        if None in refusals and refusals[None].until > self._now:
            return refusals[None]
        try:
            blocker = await self._create(start, item)
        except UnreachableError:
            self._remembered.doubtful[start.index, start.number] = self._now + DOUBT
            raise
        except (NameTakenError, OrderTooLargeError, OverlayError, RefusedError) as error:
            blocker = self._refusal(error)
        if blocker is not None:
            refusals[blocker.index] = blocker
            return blocker
        refusals.pop(None, None)
        refusals.pop(start.index, None)
        return None

    def _refusal(self, error: Exception) -> Hindrance:
        """What keeps every start of the batch from being made."""
        match error:
            case RefusedError():
                return hindrance_of_refusal(error, self._now)
            case NameTakenError():
                return name_taken(error.kind, error.name, self._now)
            case OverlayError():
                return Hindrance("TemplateInvalid", f"The profile's {error}", self._now + RETRY_REFUSED)
            case _:  # what all items share is too large
                return Hindrance("OrderTooLarge", str(error), self._now + RETRY_REFUSED)

    async def stop(self, index: int, number: int) -> None:
        """Suspend the Job: its pod is ended and the Job stays as the record. It resumes never: the next try
        is another Job.

        One of a queue is deleted instead, and ends as one that somebody else has deleted: uncharged.
        """
        job = self._job(index, number)
        if job is None or (STOPPED in (job["metadata"].get("annotations") or {}) and job["spec"]["suspend"]):
            return
        if QUEUE in (job["metadata"].get("labels") or {}):
            await self._delete(
                job
            )  # a queue resumes what it has admitted: only a Job that is gone stays ended
            return
        metadata = {"uid": job["metadata"]["uid"], "annotations": {STOPPED: as_text(self._now)}}
        try:
            self._seen.jobs.tell(
                await self._api.patch(
                    JOBS, self._owner.namespace, _name(job), {"metadata": metadata, "spec": {"suspend": True}}
                )
            )
        except (NotFoundError, ConflictError):
            return  # it is gone, or another one has its name: the next look sees

    async def forget(self, run: Run, *, final: bool) -> None:
        """Keep the Job of a recorded run for a while, for people. One that is over for us and not for the
        cluster goes now."""
        del final  # what later tries need is in the store
        job, pod = self._live.get((run.index, run.number), (None, None))
        if job is None or run.ended is None:
            return
        if self._seen.jobs.is_gone(job):
            self._seen.forget_job(job)
            return
        if needs_ending(job, pod, run):
            await self._delete(job)
            return
        reason = outcome_of(run.ended).reason
        settled = reason is None or FAILURES[reason].verdict is Verdict.SKIP
        keep = self._profile.keep_succeeded_seconds if settled else self._profile.keep_failed_seconds
        doubt = self._remembered.doubtful.pop((run.index, run.number), 0.0)
        self._remembered.kept[run.index, run.number] = max(doubt, (run.ended_at or self._now) + keep)

    async def clear(self) -> float | None:
        """Delete Jobs that were kept long enough; when the next one may go."""
        due = [key for key, at in self._remembered.kept.items() if at <= self._now][:DELETIONS]
        await asyncio.gather(
            *(self._delete(job) for job in (self._job(*key) for key in due) if job is not None)
        )
        for key in due:
            del self._remembered.kept[
                key
            ]  # one that somebody else deleted is found no longer hidden by the next look, and forgotten
        return min(self._remembered.kept.values(), default=None)

    @property
    def _profile(self) -> PodProfile:
        return self._orders.profile.pods

    def _found(self) -> dict[Try, JobAndPod]:
        """The batch's own ingest Jobs whose end is not recorded, each with its newest pod. Whoever asks goes
        through all that are kept."""
        pods, found = self._seen.pods_of(self._owner.identity), {}
        for job in self._seen.jobs.of(self._owner.identity):
            place = self._place(job)
            if place is None and self._seen.jobs.is_gone(job):
                self._seen.forget_job(job)  # none of ours: nobody will ever count how it ended
            if place is None or (place.index, place.number) in self._remembered.kept:
                continue
            if self._seen.jobs.is_gone(job) and decided(job) is None:
                self._seen.forget_job(
                    job
                )  # deleted before it was over: nothing else will ever be known of it
                continue
            found[place.index, place.number] = job, pods.get(_name(job))
        return found

    def _place(self, job: Object) -> Place | None:
        """Which try of a planned item a Job is; None for any other."""
        place = place_of(_name(job))
        ours = (
            place is not None
            and place.role == INGEST
            and place.index < self._total
            and place.name(self._owner) == _name(job)
        )
        return place if ours else None

    def _job(self, index: int, number: int) -> Object | None:
        """The Job of one try, if it is there, as far as is known, and the batch's own."""
        job = self._seen.jobs.get((self._owner.namespace, ingest_job_name(self._owner, index, number)))
        there = (
            job is not None and not self._seen.jobs.is_gone(job) and is_controlled(job, self._owner.identity)
        )
        return job if there else None

    async def _restore_orders(self, found: Mapping[Try, JobAndPod]) -> None:
        """Make anew the orders that pods may be waiting for: those of a batch that starts nothing more would
        wait for ever."""
        stuck = {rung_of(job) for job, pod in found.values() if pod is not None and lacks_something(pod)}
        for rung in sorted(stuck):
            try:
                await self._shared.ensure(rung)
            except (NameTakenError, RefusedError) as error:
                self._remembered.refusals[None] = self._refusal(error)

    async def _create(self, start: Start, item: Item) -> Hindrance | None:
        await self._shared.ensure(start.rung)
        body = ingest_job(self._owner, self._orders, item, start)
        try:
            self._seen.jobs.offer(await self._api.create(JOBS, self._owner.namespace, body))
        except AlreadyExistsError:
            job = await self._api.get(JOBS, self._owner.namespace, _name(body))
            if not is_controlled(job, self._owner.identity):
                return name_taken("Job", _name(body), self._now, start.index)
            self._seen.jobs.tell(job)
        return None

    async def _delete(self, job: Object) -> None:
        await self._api.delete(JOBS, self._owner.namespace, _name(job), uid=job["metadata"]["uid"])
        self._seen.jobs.drop(job)
        self._seen.forget_job(job)


def _name(thing: Object) -> str:
    name: str = thing["metadata"]["name"]
    return name
