"""A Kubernetes cluster behind the `Cluster` protocol: one Job per run, found again by name and labels."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from ingest_contract.failures import FAILURES, Verdict
from ingest_contract.order import Item
from ingest_contract.pods import PodProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.fold import is_recorded
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run, outcome_of
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from ingest_operator.kube.api.fields import spec_of
from ingest_operator.kube.api.names import STOPPED
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.refusals import NameTakenError, name_taken
from ingest_operator.kube.api.resources import JOBS, Object
from ingest_operator.kube.batches.batch_jobs import (
    BatchJobs,
    addresses,
    by_recording,
    job_of,
    runs_by_job,
)
from ingest_operator.kube.batches.context import BatchContext
from ingest_operator.kube.batches.pending import (
    DOUBT_SECONDS,
    REFUSED_SECONDS,
    JobAndPod,
    PendingStarts,
    Poller,
    RunKey,
)
from ingest_operator.kube.batches.refused_starts import refusal_of, unstoppable
from ingest_operator.kube.batches.shared_orders import SharedOrders
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.manifests.order_encoding import OrderTooLargeError
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.observe.end_rules import is_of_queue, is_stopped
from ingest_operator.kube.observe.pod_reasons import lacks_something
from ingest_operator.kube.observe.runs import blocker_of, needs_ending, phase_of, rung_of, runs_of
from ingest_operator.kube.observe.unplaced import no_node
from ingest_operator.kube.watch.confirm import ask, delete_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods

LOG: Final = logging.getLogger(__name__)

ANY_RECORDINGS: Final = 10_000_000
"""As many recordings as a Job name can tell apart: for a caller that does not know the plan."""

DELETIONS: Final = 100
"""Jobs deleted in one reconcile at most: a batch whose 10,000 Jobs fall due together must go on."""


class KubeCluster:
    """The Jobs of one batch, during one reconcile."""

    def __init__(
        self,
        api: Api,
        seen: JobsAndPods,
        context: BatchContext,
        remembered: PendingStarts,
        now: float,
        *,
        total: int,
    ) -> None:
        """`total` recordings are planned: a Job of any other index is not the batch's."""
        self._api, self._seen, self._owner, self._orders = api, seen, context.owner, context.orders
        self._outside, self._remembered, self._now = context.blockers, remembered, now
        self._jobs = BatchJobs(seen, context.owner, remembered.kept, total)
        self._shared = SharedOrders(api, context.owner, context.orders)
        self._live: Mapping[RunKey, JobAndPod] = {}
        self._sharing: Mapping[str, list[RunKey]] = {}
        self._recorded: dict[RunKey, float] = {}
        """Recorded runs of Jobs, and how long each wants its Job kept."""

    async def observe(self, ledger: Ledger) -> Observation:
        """Every Job whose end the ledger does not hold,
        including those that should run but that no watch has shown."""
        self._keep_hidden(ledger)
        await self._confirm((index, ledger.open_items[index].number) for index in ledger.running)
        found = self._jobs.found()
        return self._classified(found, await self._restore_orders(found))

    def shown(self) -> Observation:
        """What the watches show, whatever the ledger says."""
        return self._classified(self._jobs.found())

    def _classified(
        self, found: Mapping[RunKey, JobAndPod], refused: tuple[Blocker, ...] = ()
    ) -> Observation:
        """Go through each Job once: its run, and what keeps it from beginning.

        The order of the blockers: first what is missing altogether, then refused starts, then Jobs that
        cannot begin.
        """
        self._live, self._sharing = found, runs_by_job(found)
        said, runs, stuck = self._remembered.progress, list[tuple[Run, Object | None]](), list[Blocker]()
        for first, *_ in self._sharing.values():
            job, pod = found[first]
            for run in runs_of(job, pod, self._profile, self._now):
                if job_of(found, key := (run.index, run.number)) is job:
                    live = run.ended is None and key in said
                    runs.append((replace(run, progress=said[key]) if live else run, pod))
            blocker = blocker_of(job, pod, runs[-1][0], self._now)
            if blocker is not None:
                stuck.append(blocker)
        stuck += no_node(runs, self._now)
        return Observation(
            tuple(run for run, _ in runs),
            (*self._outside, *refused, *self._remembered.blockers(self._now), *stuck),
        )

    async def ask_for_progress(self, poller: Poller) -> None:
        """Poll the workers' progress, at most every `RESYNC_SECONDS`:
        what they report is observed with their runs."""
        if self._now >= self._remembered.progress_due:
            self._remembered.progress_due = self._now + requeueing.RESYNC_SECONDS
            found = self._jobs.found()
            answers = await poller.poll(addresses(found))
            self._remembered.progress = dict(by_recording(found, answers))

    def _keep_hidden(self, ledger: Ledger) -> None:
        """Hide kept Jobs only as long as the status records their ends: a status that was wiped, or is
        another batch's, does not."""
        kept = self._remembered.kept
        for key in [
            key
            for key in kept
            if not is_recorded(ledger, Run(*key, charged_attempts=0, rung=0, disruptions=0, started_at=0.0))
        ]:
            del kept[key]

    async def _confirm(self, expected: Iterable[RunKey]) -> None:
        """Get from the API server the Jobs that the status has as running and that no watch has shown."""
        missing = {self._jobs.name_of(*each) for each in expected if self._jobs.of_run(*each) is None}
        await ask(self._api, self._seen, self._owner.namespace, missing)

    async def start(self, start: Start, item: Item, *others: Item) -> Blocker | None:
        """Create the Job. One that already exists is ours if the batch controls it;
        else the recording is blocked."""
        refusals = self._remembered.refusals
        if None in refusals and refusals[None].until > self._now:
            return refusals[None]
        try:
            blocker = await self._create(start, item, *others)
        except UnreachableError:
            self._remembered.doubtful[start.index, start.number] = self._now + DOUBT_SECONDS
            raise
        except (NameTakenError, OrderTooLargeError, OverlayError, RefusedError) as error:
            blocker = refusal_of(error, self._now)
        if blocker is not None:
            refusals[blocker.index] = blocker
            return blocker
        refusals.pop(None, None)
        refusals.pop(start.index, None)
        return None

    async def stop(self, index: int, number: int) -> None:
        """Suspend the Job: its pod ends and the Job stays as the record. It never resumes: the next run is
        another Job.

        A queue would resume it, so a Job of a queue gets a deadline that is over instead. No stop deletes a
        Job: until its end is recorded, the Job is the only proof that we ended it. One that is refused is a
        blocker, and is repeated once that is worth a call.
        """
        job, key = self._jobs.of_run(index, number), (index, number)
        unstopped = self._remembered.unstopped
        if job is None or is_stopped(job) or (key in unstopped and unstopped[key].until > self._now):
            return
        metadata = {"uid": job["metadata"]["uid"], "annotations": {STOPPED: to_rfc3339(self._now)}}
        spec = {"activeDeadlineSeconds": 1} if is_of_queue(job) else {"suspend": True}
        try:
            self._seen.jobs.accept(
                await self._api.patch(
                    JOBS, self._owner.namespace, _name(job), {"metadata": metadata, "spec": spec}
                )
            )
        except RefusedError as error:
            unstopped[key] = unstoppable(error, _name(job), self._now, index)
            LOG.warning("Job %s goes on: %s", _name(job), error, extra={"action": "stop-job"})
            return
        except (NotFoundError, ConflictError):
            pass  # it is gone, or another one has its name: the next reconcile sees it
        unstopped.pop(key, None)

    async def forget(self, run: Run, *, final: bool) -> None:
        """Keep the Job of a recorded run for a while, for the user. One that is over for us but not for the
        cluster is deleted now."""
        del final  # what later runs need is in the store
        key = run.index, run.number
        job, pod = self._live.get(key, (None, None))
        if job is None or run.ended is None:
            return
        reason = outcome_of(run.ended).reason
        settled = reason is None or FAILURES[reason].verdict is Verdict.SKIP
        keep = self._profile.keep_succeeded_seconds if settled else self._profile.keep_failed_seconds
        self._recorded[key] = (run.ended_at or self._now) + keep
        sharing = self._sharing[_name(job)]
        if not self._recorded.keys() >= set(sharing):
            return  # the Job is all that tells how the others ended
        if self._seen.jobs.is_gone(job):
            self._seen.forget_job(job)
        elif needs_ending(job, pod, run):
            if await self._unless_refused(job) is not None:
                self._remembered.kept |= dict.fromkeys(sharing, self._now + REFUSED_SECONDS)
        else:
            doubt = max(self._remembered.doubtful.pop(each, 0.0) for each in sharing)
            until = max(doubt, *(self._recorded[each] for each in sharing))
            self._remembered.kept |= dict.fromkeys(sharing, until)

    async def clear(self) -> float | None:
        """Delete Jobs that were kept long enough; returns when the next one may go."""
        due = [key for key, at in self._remembered.kept.items() if at <= self._now][:DELETIONS]
        jobs = (self._jobs.of_run(*key) for key in due)
        once = {_name(job): job for job in jobs if job is not None}
        left = set(filter(None, await asyncio.gather(*map(self._unless_refused, once.values()))))
        for key in due:
            if self._jobs.name_of(*key) in left:
                self._remembered.kept[key] = self._now + REFUSED_SECONDS
            else:  # one that someone else deleted is no longer hidden: the next reconcile forgets it
                del self._remembered.kept[key]
        return min(self._remembered.kept.values(), default=None)

    @property
    def _profile(self) -> PodProfile:
        return self._orders.profile.pods

    async def _restore_orders(self, found: Mapping[RunKey, JobAndPod]) -> tuple[Blocker, ...]:
        """Create again the orders that pods may be waiting for: the pods of a batch that starts nothing more
        would wait forever. Returns what prevents it now.

        An order that another profile made cannot be made again: its run is stopped, uncharged, and the next
        one gets today's.
        """
        refused: Blocker | None = None
        for key, *_ in runs_by_job(found).values():
            job, pod = found[key]
            if pod is None or not lacks_something(pod):
                continue
            wanted = spec_of(pod).get("configMaps") or ()
            try:
                if not await self._shared.restore(phase_of(job), rung_of(job), wanted):
                    await self.stop(*key)
            except (NameTakenError, OrderTooLargeError, RefusedError) as error:
                refused = refusal_of(error, self._now)
        return () if refused is None else (refused,)

    async def _create(self, start: Start, item: Item, *others: Item) -> Blocker | None:
        await self._shared.ensure(start)
        body = run_job(self._owner, self._orders, item, start, *others)
        try:
            self._seen.take_created(await self._api.create(JOBS, self._owner.namespace, body))
        except AlreadyExistsError:
            job = await self._api.get(JOBS, self._owner.namespace, _name(body))
            if not is_controlled(job, self._owner.identity):
                return name_taken("Job", _name(body), self._now, start.index)
            self._seen.jobs.accept(job)
        return None

    async def _unless_refused(self, job: Object) -> str | None:
        """Delete a Job that nobody needs; returns its name where that is refused. It stays, and the batch
        goes on: a reconcile that failed for it would be repeated once a minute only, with all else in it."""
        try:
            await self._delete(job)
        except RefusedError as error:
            LOG.warning("Job %s stays: %s", _name(job), error, extra={"action": "delete-job"})
            return _name(job)
        return None

    async def _delete(self, job: Object) -> None:
        await delete_job(self._api, self._seen, job)


def _name(thing: Object) -> str:
    name: str = thing["metadata"]["name"]
    return name
