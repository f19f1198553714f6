"""Reconciles profiles: whether each is ready, told in its status before the first batch trips over it.

What it names is looked up when its spec changes, and now and then; what pods say comes with the batches. A
status is written when it says something new, and nothing is kept in memory that the next look would not find
again.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol

from ingest_contract.conditions import with_conditions
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_contract.profile_status import IngestProfileStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.phases import ahead_of
from ingest_operator.core.profile_readiness import (
    Finding,
    contradictions,
    faults_after,
    of_faults,
    of_sites,
    ready,
)
from ingest_operator.core.retention import due_at
from ingest_operator.core.site_states import rendered, restored
from ingest_operator.core.sites import without_lost_probes
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.deletion import is_deleted
from ingest_operator.kube.api.lenient import Reading, reading
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.ownership import identity_of
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.api.statuses import UnwritableStatusError
from ingest_operator.kube.api.unreadable import profile_unreadable
from ingest_operator.kube.manifests.order_encoding import OrderTooLargeError
from ingest_operator.kube.manifests.overlay import OverlayError, has_gpu
from ingest_operator.kube.profiles.hearing import heard, past, profile_name
from ingest_operator.kube.profiles.lookup import Checked, check_needs
from ingest_operator.kube.profiles.needs import needs_of
from ingest_operator.kube.profiles.status_store import Change, ProfileStatuses
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.watch.cache import Cache, Key
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods

LOG: Final = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 300.0
"""Seconds until what a ready profile names is looked up again."""

SOON_SECONDS: Final = 30.0
"""Seconds until it is looked up again where something is missing."""


class ProfileInstruments(Protocol):
    """Metrics and Events."""

    def profile_known(self, profile: Object, status: IngestProfileStatus) -> None:
        """A profile as it was found: this gives a restarted operator the current state."""

    def profile_accepted(
        self, profile: Object, before: IngestProfileStatus, after: IngestProfileStatus
    ) -> None:
        """A status was accepted that replaces another one; `profile` is the profile since then."""


class RetentionView(Protocol):
    """One reconcile's view of a profile's retention: `retention.retaining`."""

    def laid_over(self, status: IngestProfileStatus, generation: int, now: float, /) -> IngestProfileStatus:
        """The status with what is to be done next: to be written before `act`."""

    def held(
        self, status: IngestProfileStatus, blocker: Blocker, generation: int, now: float, /
    ) -> IngestProfileStatus:
        """The status where it cannot be done."""

    async def act(self, now: float, /) -> Blocker | None:
        """Do what the status says; returns why that is impossible."""


Retain = Callable[[Object, IngestProfile, Iterable[Object], float], Awaitable[RetentionView]]
"""The retention of a profile: its object, the same as it was read, its batches, epoch seconds."""


@dataclass(frozen=True, slots=True)
class _Check:
    """The last look at what one spec names."""

    uid: str
    generation: int
    due: float
    found: Checked
    profile: IngestProfile | None
    """The profile; None where it cannot be read whole."""

    @property
    def inline(self) -> bool:
        """Whether ingest pods meet sources too."""
        return self.profile is not None and _is_inline(self.profile.spec)


@dataclass(frozen=True, slots=True)
class ProfileDeps:
    """What every reconcile shares."""

    api: Api
    profiles: Cache
    batches: Cache
    seen: JobsAndPods
    statuses: ProfileStatuses
    clock: Callable[[], float]
    instruments: ProfileInstruments
    retain: Retain


class ProfileController:
    """Reconciles every profile."""

    def __init__(self, deps: ProfileDeps) -> None:
        self._deps = deps
        self._checks: dict[Key, _Check] = {}

    async def reconcile(self, key: Key) -> Requeue:
        """Tell whether one profile is ready; returns when to look again."""
        body = self._deps.profiles.get(key)
        if body is None or is_deleted(body):
            return Requeue()
        now = self._deps.clock()
        check, batches = await self._check(key, body, now), tuple(self._batches_of(key))
        kept = await self._retaining(body, check, batches, now)
        retained = self._deps.statuses.read(key).retention

        def change(before: IngestProfileStatus, _: int) -> IngestProfileStatus:
            after = self._changed(before, check, batches, now)
            return after if kept is None else kept.laid_over(after, check.generation, now)

        due = check.due
        try:
            await self._write(key, body, change)
            blocker = None if kept is None else await kept.act(now)
            if kept is not None and blocker is not None:
                due = min(due, blocker.until)
                await self._write(key, body, lambda it, _: kept.held(it, blocker, check.generation, now))
        except UnwritableStatusError as error:
            LOG.warning("the status of profile %s/%s: %s", *key, error, extra={"action": "write-status"})
            return Requeue(AGAIN_SECONDS)
        retention = self._deps.statuses.read(key).retention
        retains_at = due_at(retention, now)
        if retains_at <= now and retention == retained:
            retains_at = inf  # it is due and cannot begin: the next look at the profile tells whether it can
        return Requeue(max(0.0, min(due, retains_at) - now))

    async def _retaining(
        self, body: Object, check: _Check, batches: Sequence[Object], now: float
    ) -> RetentionView | None:
        """What is to be enforced; None where the profile cannot be read whole, and the condition `Ready` says
        so, or what was read is not the newest spec."""
        newest = body["metadata"]["generation"] == check.generation
        if check.profile is None or not newest:
            return None
        return await self._deps.retain(body, check.profile, batches, now)

    async def _write(self, key: Key, body: Object, change: Change) -> None:
        async with self._deps.statuses.gate(key):
            written = await self._deps.statuses.change(key, change)
        if written is not None:
            self._deps.instruments.profile_accepted(written[1], written[0], self._deps.statuses.read(key))
        elif self._deps.profiles.get(key) is not None:  # else it went meanwhile, and nobody forgets it again
            self._deps.instruments.profile_known(body, self._deps.statuses.read(key))

    def forget(self, key: Key) -> None:
        """A profile is gone."""
        self._checks.pop(key, None)
        self._deps.statuses.forget(key)

    def _batches_of(self, key: Key) -> Iterable[Object]:
        found = (self._deps.batches.get(each) for each in self._deps.batches.known if each[0] == key[0])
        return (each for each in found if each is not None and profile_name(each) == key[1])

    async def _check(self, key: Key, body: Object, now: float) -> _Check:
        uid, generation = body["metadata"]["uid"], body["metadata"]["generation"]
        last = self._checks.get(key)
        if last is not None and (last.uid, last.generation) == (uid, generation) and now < last.due:
            return last
        read = reading(IngestProfile, {**body, "status": None})
        found = await self._found(key, read)
        wait = SOON_SECONDS if found.findings else AGAIN_SECONDS
        profile = None if read.mistakes else read.value
        check = self._checks[key] = _Check(uid, generation, now + wait, found, profile)
        return check

    async def _found(self, key: Key, read: Reading[IngestProfile]) -> Checked:
        if read.value is None or read.mistakes:
            blocker = profile_unreadable(key[1], read)
            return Checked((Finding(blocker.reason, blocker.message),))
        try:
            needs = needs_of(read.value)
        except OverlayError as error:
            return Checked((Finding("TemplateInvalid", f"The profile's {error}."),))
        except OrderTooLargeError as error:
            return Checked((Finding("ProfileInvalid", f"The profile is too large: {error}."),))
        checked = await check_needs(self._deps.api, key[0], needs)
        return Checked((*_invalid(read.value.spec), *checked.findings), checked.unknown)

    def _changed(
        self, before: IngestProfileStatus, check: _Check, batches: Sequence[Object], now: float
    ) -> IngestProfileStatus:
        """The new status. A spec that is newer than the look is looked at next. Sites of which nothing need
        be remembered go: no batch may ever write them again."""
        owners = [identity_of(each) for each in batches] if before.faults else []
        jobs = (job for owner in owners for job in self._deps.seen.jobs.of(owner))
        succeeded = past(jobs, inline=check.inline)
        faults = faults_after(before.faults, map(heard, batches), succeeded, check.generation, now)
        sites = before.sites
        if check.profile is not None:
            known = restored(check.profile.spec.fetch.sites, before)
            alive = map(trace_of, self._deps.batches.uids)  # of a batch that is gone no probe ends
            sites = rendered(without_lost_probes(known, "", (), alive), now)
        findings = (*check.found.findings, *of_faults(faults), *of_sites(sites))
        drafts = as_conditions([ready(findings, check.found.unknown)], now, check.generation)
        news = {
            "observed_generation": check.generation,
            "conditions": with_conditions(before.conditions, drafts),
            "faults": faults,
            "sites": sites,
        }
        return before.model_copy(update=news)


def _is_inline(profile: IngestProfileSpec) -> bool:
    return ahead_of(profile.fetch, 1, has_cache=profile.pods.cache is not None) is None


def _invalid(profile: IngestProfileSpec) -> tuple[Finding, ...]:
    return tuple(contradictions(profile, has_gpu=has_gpu(profile.pods)))
