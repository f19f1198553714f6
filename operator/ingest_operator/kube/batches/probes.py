"""Hears the probes of a batch of which nothing can be decided: their sites are every other batch's as well.

A batch whose plan is damaged, or whose spec this version cannot read, goes on for nobody until a person acts.
A run of it that probes a site ends all the same, and until that is heard nobody else may ask the site.
"""

from typing import Final

from ingest_contract.pods import PodProfile
from ingest_contract.profile import IngestProfile
from ingest_operator.core.sites import after_probes
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.batches.batch_jobs import BatchJobs
from ingest_operator.kube.batches.job_cluster import ANY_RECORDINGS
from ingest_operator.kube.batches.plan_gate import SiteGate
from ingest_operator.kube.batches.profile_sites import ProfileSites
from ingest_operator.kube.batches.state import Deps
from ingest_operator.kube.observe.runs import runs_of
from ingest_operator.kube.planning.attempts import attempts_of
from ingest_operator.kube.profiles.hearing import profile_name

_PODS: Final = PodProfile()
"""What deadlines are judged by, where the batch's own profile may be out of reach."""


async def hear_probes(deps: Deps, owner: Owner, batch: Object, now: float) -> None:
    """Remember what the ended probes of a halted batch tell of their sites, and let go those that are gone.
    Raises `ApiError`."""
    seen, key = deps.seen, (owner.namespace, profile_name(batch))
    profile = reading(IngestProfile, {**(deps.profiles.get(key) or {}), "status": None}).value
    sites = ProfileSites(deps.profile_statuses, key, deps.clock, profile.spec.fetch.sites if profile else ())
    found = BatchJobs(seen, owner, {}, ANY_RECORDINGS).found()
    runs = [run for job, pod in found.values() for run in runs_of(job, pod, _PODS, now)]
    async with sites.exclusive() as known:
        heard = after_probes(known, owner.trace_id, runs, now)
        if heard != known:
            await sites.write(heard)
    plans = attempts_of(owner, seen.jobs.of(owner.identity), seen.pods_of(owner.identity), _PODS, now)
    await SiteGate(sites, owner.trace_id, deps.clock).hear(plans)
