"""Enforces `spec.retention`: what the Jobs of a profile show, and the Job that is to be made.

What is decided is in `core.retention`; the profile's controller writes it before `act` makes anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from ingest_contract.conditions import ConditionType, with_conditions
from ingest_contract.names import PROFILE_KIND
from ingest_contract.profile import IngestProfile
from ingest_contract.profile_status import IngestProfileStatus, RetentionStatus
from ingest_contract.voice_orders import MAX_BATCH_NAMES, RetainOrder
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import ConditionDraft, as_conditions
from ingest_operator.core.retention import (
    RetentionRun,
    RetentionStep,
    Wanted,
    refused,
    retention_step,
    without_retention,
)
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.api.refusals import NameTakenError, blocker_of_refusal, name_taken
from ingest_operator.kube.api.resources import JOBS, Object
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.manifests.retention_job import ProfileWork, retention_job
from ingest_operator.kube.manifests.volumes import PLACE
from ingest_operator.kube.planning.attempts import REQUEST
from ingest_operator.kube.planning.create import create_or_meet
from ingest_operator.kube.voices.attempts import Attempts, VoiceAttempt, VoiceRequest, attempts_of
from ingest_operator.kube.voices.next_step import KEPT_RUNS
from ingest_operator.kube.watch.confirm import ask_again, ask_for_pods, end_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods


@dataclass(frozen=True, slots=True)
class Retention:
    """What one profile asks for, and what became of it."""

    owner: Owner
    profile: IngestProfile
    days: int
    batches: tuple[str, ...]
    """`<namespace>/<name>` of those that use it."""
    attempts: Attempts

    def step(self, before: RetentionStatus | None, now: float) -> RetentionStep:
        """What is to be written next, and done then. Raises `OverlayError`."""
        has_curator = self.profile.spec.pods.curator_store is not None
        wanted = Wanted(self.days, self._request, has_curator=has_curator)
        runs = {one.run.number: _run_of(one) for one in self.attempts.present}
        return retention_step(before or RetentionStatus(), wanted, runs, self.attempts.following, now)

    def job(self, run: int) -> Object:
        """The Job of a run. Raises `OverlayError`."""
        job = self._made(run, self.batches[:MAX_BATCH_NAMES])[1]
        job["metadata"]["annotations"] = {REQUEST: self._request}
        return job

    @property
    def _request(self) -> str:
        """What is asked, whatever the number of the run, and whichever batches there are today."""
        return VoiceRequest.of(*self._made(1, ())).text

    def _made(self, run: int, batches: tuple[str, ...]) -> tuple[RetainOrder, Object]:
        order = RetainOrder(
            trace_id=self.owner.trace_id,
            profile=f"{self.owner.namespace}/{self.owner.name}",
            batches=batches,
            days=self.days,
            run=run,
            place=PLACE,
        )
        return order, retention_job(self.owner, self.profile.spec.pods, order)


class Retaining:
    """One reconcile's view of a profile's retention."""

    def __init__(self, api: Api, seen: JobsAndPods, owner: Owner, found: Retention | None) -> None:
        """`found` is None where the profile keeps everything."""
        self._api, self._seen, self._owner, self._found = api, seen, owner, found
        self._step: RetentionStep | None = None

    def laid_over(self, status: IngestProfileStatus, generation: int, now: float) -> IngestProfileStatus:
        """The status with what is to be done next: to be written before `act`."""
        if self._found is None:
            kept = tuple(each for each in status.conditions if each.type is not ConditionType.RETENTION_KEPT)
            retention = without_retention(status.retention)
            return status.model_copy(update={"conditions": kept, "retention": retention})
        try:
            self._step = self._found.step(status.retention, now)
        except OverlayError as error:
            self._step = None
            return self.held(
                status, Blocker("TemplateInvalid", f"The profile's {error}.", inf), generation, now
            )
        status = status.model_copy(update={"retention": self._step.status})
        return status if self._step.draft is None else _with(status, self._step.draft, generation, now)

    def held(
        self, status: IngestProfileStatus, blocker: Blocker, generation: int, now: float
    ) -> IngestProfileStatus:
        """The status where the Job cannot be made."""
        return _with(status, refused(blocker), generation, now)

    async def act(self, now: float) -> Blocker | None:
        """Do what the status says: create the Job of the run, or meet the one that an earlier call has
        created, after Jobs that are in its way or too old to be kept are deleted. Returns why it cannot be
        made. Raises `ApiError`."""
        if self._found is None:
            for job in tuple(self._seen.jobs.of(self._owner.identity)):
                await end_job(self._api, self._seen, job)
        elif self._step is not None and self._step.make:
            return await self._make(self._found, self._step.status.run, now)
        return None

    async def _make(self, found: Retention, run: int, now: float) -> Blocker | None:
        others = [one for one in found.attempts.present if one.run.number != run]
        try:
            for one in others:
                if one.is_live or one.lingers or one in others[: -(KEPT_RUNS - 1)]:
                    await end_job(self._api, self._seen, one.job)
            self._seen.take_created(await create_or_meet(self._api, self._owner, JOBS, found.job(run)))
        except NameTakenError as error:
            return name_taken(error.kind, error.name, now)
        except RefusedError as error:
            return blocker_of_refusal(error, now)
        return None


async def retaining(
    api: Api, seen: JobsAndPods, body: Object, profile: IngestProfile, batches: Iterable[Object], now: float
) -> Retaining:
    """What is to be enforced for a profile now. Raises `ApiError`."""
    metadata, days = body["metadata"], profile.spec.retention.days
    owner = Owner(metadata["namespace"], metadata["name"], metadata["uid"], PROFILE_KIND)
    await ask_again(api, seen, owner.identity, now)
    await ask_for_pods(api, seen, owner.identity, now)
    if days is None:
        return Retaining(api, seen, owner, None)
    jobs, pods = seen.jobs.of(owner.identity), seen.pods_of(owner.identity)
    attempts = attempts_of(owner, ProfileWork.RETAIN, jobs, pods, profile.spec.pods, now)
    names = sorted(f"{owner.namespace}/{each['metadata']['name']}" for each in batches)
    return Retaining(api, seen, owner, Retention(owner, profile, days, tuple(names), attempts))


def _with(
    status: IngestProfileStatus, draft: ConditionDraft, generation: int, now: float
) -> IngestProfileStatus:
    conditions = with_conditions(status.conditions, as_conditions([draft], now, generation))
    return status.model_copy(update={"conditions": conditions})


def _run_of(one: VoiceAttempt) -> RetentionRun:
    request = "" if one.request is None else one.request.text
    if one.is_live:
        return RetentionRun(request, None, blocker=one.blocker)
    return RetentionRun(request, one.outcome, one.run.ended_at)
