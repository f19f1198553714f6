"""Reconciles every SpeakerProfile: its recordings are heard once by a Job, and when it is deleted another Job
forgets the voice before the object goes.

Nothing is kept between two reconciles: the Jobs say what was tried, the status what came of it. Killed at any
point and repeated, a reconcile goes on with what it finds.
"""

import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final

from ingest_contract.names import SPEAKER_KIND
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_contract.speaker_profile import SpeakerProfile, SpeakerProfileStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.deletion import is_deleted
from ingest_operator.kube.api.errors import NotFoundError, RefusedError
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import ENROL, ROLE, Owner
from ingest_operator.kube.api.namespaces import is_terminating
from ingest_operator.kube.api.refusals import NameTakenError, blocker_of_refusal, name_taken
from ingest_operator.kube.api.resources import JOBS, SPEAKERS, Object
from ingest_operator.kube.api.statuses import body_of, replaced, stalled
from ingest_operator.kube.api.unreadable import (
    RECONCILE_ERRORS,
    UnreadableError,
    profile_unreadable,
    reconcile_failed,
    spec_unreadable,
    with_stalled,
)
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.manifests.pod_template import GRACE_SECONDS
from ingest_operator.kube.manifests.voice_jobs import VoiceWork
from ingest_operator.kube.observe.end_rules import decided
from ingest_operator.kube.planning.create import create_or_meet
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.telemetry.logs import about
from ingest_operator.kube.telemetry.voice_event_messages import ENROLLING, FORGETTING, RENAMING
from ingest_operator.kube.voices.attempts import Attempts, attempts_of
from ingest_operator.kube.voices.finalizer import by_hand, has_finalizer, with_finalizer, without_finalizer
from ingest_operator.kube.voices.next_step import Done, GivenUp, MakeJob, WaitOn, next_step
from ingest_operator.kube.voices.status import (
    PROFILE_MISSING,
    enrolled_status,
    renamed_status,
    same_status,
    waiting_status,
)
from ingest_operator.kube.voices.wanted import WantedJob
from ingest_operator.kube.watch.cache import Cache, Key
from ingest_operator.kube.watch.confirm import ask_again, ask_for_pods, delete_job, end_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods

LOG: Final = logging.getLogger(__name__)

MAX_LIVE_JOBS: Final = 4
"""Voices of one namespace that are heard at the same time, at most: a new image hears all of them again, and
batches want GPUs too."""

QUEUED: Final = "Queued"
"""The reason of a voice that others are heard before."""

GOING_SECONDS: Final = GRACE_SECONDS + 5.0
"""Seconds that a pod whose Job was deleted may still write."""

_BUSY: Final = {VoiceWork.ENROL: ENROLLING, VoiceWork.FORGET: FORGETTING, VoiceWork.RENAME: RENAMING}
"""The reason of a voice at which its Job is at work."""

REFUSED_SECONDS: Final = 60.0
"""Seconds until what the profile makes impossible is tried again; a change of the profile comes sooner."""


Accepted = Callable[[Object, SpeakerProfileStatus, SpeakerProfileStatus], None]
"""Hears of a status that replaces another one, with the object as it is since then."""


@dataclass(frozen=True, slots=True)
class VoiceDeps:
    """What every reconcile shares."""

    api: Api
    speakers: Cache
    profiles: Cache
    seen: JobsAndPods
    clock: Callable[[], float]
    accepted: Accepted


class VoiceController:
    """Reconciles SpeakerProfiles."""

    def __init__(self, deps: VoiceDeps) -> None:
        self._api, self._speakers, self._profiles = deps.api, deps.speakers, deps.profiles
        self._seen, self._clock, self._accepted = deps.seen, deps.clock, deps.accepted

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one voice nearer to its spec; returns when to reconcile it again."""
        body = self._speakers.get(key)
        if body is None or (is_deleted(body) and not has_finalizer(body)):
            return Requeue()
        owner = Owner(*key, body["metadata"]["uid"], SPEAKER_KIND)
        with about("/".join(key), owner.trace_id):
            try:
                return await self._reconcile(owner, body)
            except UnreadableError as error:
                if await self._goes_with_its_namespace(body):
                    return await self._let_go(body)
                await self._report(body, error.blocker)
                return Requeue(requeueing.RESYNC_SECONDS)
            except RECONCILE_ERRORS as error:
                await self._report(body, reconcile_failed(error))
                raise  # the caller retries it with growing backoff and logs where it failed

    async def _reconcile(self, owner: Owner, body: Object) -> Requeue:
        now = self._clock()
        await ask_again(self._api, self._seen, owner.identity, now)
        await ask_for_pods(self._api, self._seen, owner.identity, now)
        found = reading(SpeakerProfile, {**body, "status": None})
        if found.value is None or found.mistakes:
            raise UnreadableError(spec_unreadable(found))
        if not has_finalizer(body):
            body = await self._patched(body, with_finalizer(body))
        voice, deleted = found.value, is_deleted(body)
        name = voice.spec.profile_ref.name
        profile = self._profile(owner.namespace, name)
        if profile is None:
            message = (
                f"there is no IngestProfile {name!r} in namespace {owner.namespace!r}: make it, or "
                "name another"
            )
            return await self._held(voice, body, Blocker(PROFILE_MISSING, message, inf), now)
        known = _status_of(body).voice
        formerly = known if known != voice.voice else None
        what = VoiceWork.ENROL if formerly is None else VoiceWork.RENAME
        wanted = WantedJob(owner, voice, profile, VoiceWork.FORGET if deleted else what, formerly)
        work = {VoiceWork.FORGET: self._forget, VoiceWork.RENAME: self._rename, VoiceWork.ENROL: self._enrol}
        try:
            return await work[wanted.what](wanted, body, now)
        except OverlayError as error:
            blocker = Blocker("TemplateInvalid", f"The profile's {error}", now + REFUSED_SECONDS)
        except NameTakenError as error:
            blocker = name_taken(error.kind, error.name, now)
        except RefusedError as error:
            blocker = blocker_of_refusal(error, now)
        return await self._held(voice, body, blocker, now)

    async def _enrol(self, wanted: WantedJob, body: Object, now: float) -> Requeue:
        """Hear what is to be heard."""
        voice, request, before = wanted.voice, wanted.request, _status_of(body)
        if before.request == request.order:
            await self._write(body, same_status(voice, before))
            return Requeue()
        attempts = self._attempts(wanted, VoiceWork.ENROL, now)
        step = next_step(attempts, request, now)
        if isinstance(step, MakeJob) and self._enrolling(wanted.owner.namespace) >= MAX_LIVE_JOBS:
            step = WaitOn(blocker=Blocker(QUEUED, f"{MAX_LIVE_JOBS} other voices are heard first.", inf))
        if not isinstance(step, Done):
            return await self._go_on(wanted, body, step, now)
        heard = None if step.receipt is None else step.receipt.enrolled
        if heard is None or len(heard.sources) != len(voice.spec.recordings):
            await delete_job(self._api, self._seen, attempts.present[-1].job)
            return Requeue(REFUSED_SECONDS)  # what it heard is in the store: another run tells it
        await self._write(body, enrolled_status(voice, before, heard, request.order, now))
        return Requeue()

    async def _rename(self, wanted: WantedJob, body: Object, now: float) -> Requeue:
        """Let the store follow a changed `displayName`, before the voice is enrolled under it: what was heard
        is not heard again, and nobody is two people."""
        step = next_step(self._attempts(wanted, VoiceWork.RENAME, now), wanted.request, now)
        if not isinstance(step, Done):
            return await self._go_on(wanted, body, step, now)
        await self._write(body, renamed_status(wanted.voice, _status_of(body)))
        return Requeue(0.0)

    async def _forget(self, wanted: WantedJob, body: Object, now: float) -> Requeue:
        """Remove the voice from the store, then let the object go. What still hears it is ended first, and
        has the time to go that its pod gets."""
        hearing = [one for one in self._attempts(wanted, VoiceWork.ENROL, now).present if one.is_live]
        for one in hearing:
            await delete_job(self._api, self._seen, one.job)
        if hearing:
            await self._go_on(wanted, body, WaitOn(), now)
            return Requeue(GOING_SECONDS, GOING_SECONDS)
        step = next_step(self._attempts(wanted, VoiceWork.FORGET, now), wanted.request, now)
        if not isinstance(step, Done):
            return await self._go_on(wanted, body, step, now)
        gone = None if step.receipt is None else step.receipt.forgotten
        LOG.info("%s is forgotten: %s", wanted.owner.name, gone.rows if gone else "by an earlier run")
        return await self._let_go(body)

    async def _go_on(
        self, wanted: WantedJob, body: Object, step: MakeJob | WaitOn | GivenUp, now: float
    ) -> Requeue:
        """Take a step that does not end the work, and tell what is waited for."""
        blocker, until = Blocker(_BUSY[wanted.what], "", inf), inf
        match step:
            case GivenUp(reason, message):
                return await self._held(wanted.voice, body, Blocker(reason.value, message, inf), now)
            case MakeJob():
                await self._make(wanted, step)
            case WaitOn():
                blocker, until = step.blocker or blocker, step.until
        await self._write(body, waiting_status(wanted.voice, _status_of(body), blocker, now, stalled=False))
        return Requeue(min(requeueing.RESYNC_SECONDS, max(0.0, until - now)))

    async def _make(self, wanted: WantedJob, step: MakeJob) -> None:
        """Create a Job, or meet the one that an earlier call has created. Raises `NameTakenError`."""
        for job in step.ending:
            await end_job(self._api, self._seen, job)
        body = wanted.job(step.number, step.rung)
        self._seen.take_created(await create_or_meet(self._api, wanted.owner, JOBS, body))

    async def _held(self, voice: SpeakerProfile, body: Object, blocker: Blocker, now: float) -> Requeue:
        """Say what somebody must change. A watch shows most changes; the rest is looked for now and then,
        among it whether the namespace goes."""
        if await self._goes_with_its_namespace(body):
            return await self._let_go(body)
        until = blocker.until
        if is_deleted(body):
            until = min(until, now + REFUSED_SECONDS)
            words = f"The voice is not forgotten yet. {blocker.message} {by_hand(body)}"
            blocker = Blocker(blocker.reason, words, blocker.until)
        await self._write(body, waiting_status(voice, _status_of(body), blocker, now, stalled=True))
        return Requeue(None if until == inf else max(1.0, until - now))

    async def _goes_with_its_namespace(self, body: Object) -> bool:
        """Whether a deleted voice has to go as it is, because nothing can run in its namespace any more. Its
        profile may have gone before it: a namespace loses its objects in any order."""
        if not is_deleted(body) or not await is_terminating(self._api, body["metadata"]["namespace"]):
            return False
        LOG.warning("the namespace goes, and nothing can run in it: %s", by_hand(body))
        return True

    async def _let_go(self, body: Object) -> Requeue:
        with contextlib.suppress(NotFoundError):
            await self._patched(body, without_finalizer(body))
        return Requeue()

    async def _patched(self, body: Object, patch: Object) -> Object:
        metadata = body["metadata"]
        written = await self._api.patch(SPEAKERS, metadata["namespace"], metadata["name"], patch)
        self._speakers.offer(written)
        return written

    async def _write(self, body: Object, status: SpeakerProfileStatus) -> None:
        """Replace the status, if it says something new."""
        if body.get("status") and status == _status_of(body):
            return
        wanted = body_of(SPEAKERS, body, json.loads(status.to_json()))
        written = await replaced(self._api, SPEAKERS, wanted)
        self._speakers.offer(written)
        self._accepted(written, _status_of(body), status)

    async def _report(self, body: Object, blocker: Blocker) -> None:
        """Report why nothing goes on, and leave everything else in the status as it is, readable or not."""
        marked = partial(with_stalled, blocker=blocker, now=self._clock(), has_state=False)
        written = await stalled(self._api, SPEAKERS, body, marked)
        if written is not None:
            self._speakers.offer(written)

    def _attempts(self, wanted: WantedJob, what: VoiceWork, now: float) -> Attempts:
        identity = wanted.owner.identity
        jobs, pods = self._seen.jobs.of(identity), self._seen.pods_of(identity)
        return attempts_of(wanted.owner, what, jobs, pods, wanted.profile.pods, now)

    def _enrolling(self, namespace: str) -> int:
        """Voices of a namespace that are being heard."""
        jobs = (self._seen.jobs.get(key) for key in self._seen.jobs.known if key[0] == namespace)
        return sum(
            (job["metadata"].get("labels") or {}).get(ROLE) == ENROL
            and decided(job) is None
            and not self._seen.jobs.is_gone(job)
            for job in jobs
            if job is not None
        )

    def _profile(self, namespace: str, name: str) -> IngestProfileSpec | None:
        """The spec of an IngestProfile; None if there is none. Raises `UnreadableError`."""
        body = self._profiles.get((namespace, name))
        if body is None:
            return None
        found = reading(IngestProfile, {**body, "status": None})
        if found.value is None or found.mistakes:
            raise UnreadableError(profile_unreadable(name, found))
        return found.value.spec


def _status_of(body: Object) -> SpeakerProfileStatus:
    """What can be read of the status: what cannot counts as unknown, and is found out again."""
    return reading(SpeakerProfileStatus, body.get("status") or {}).value or SpeakerProfileStatus()
