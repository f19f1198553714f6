"""The ingest Jobs of one batch among all Jobs that the watches show. Makes no call."""

from collections.abc import Mapping

from ingest_operator.kube.api.fields import is_terminal, status_of
from ingest_operator.kube.api.names import INGEST, Owner, Place, own_place_of, run_job_name
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.batches.pending import JobAndPod, RunKey
from ingest_operator.kube.observe.end_rules import decided
from ingest_operator.kube.watch.confirm import is_of_plan
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods


class BatchJobs:
    """Which Job is the batch's own, and of which run."""

    def __init__(self, seen: JobsAndPods, owner: Owner, kept: Mapping[RunKey, float], total: int) -> None:
        """`kept` are runs whose end is recorded and whose Jobs stay for a while; `total` recordings are
        planned: a Job of any other index is not the batch's."""
        self._seen, self._owner, self._kept, self._total = seen, owner, kept, total

    def found(self) -> dict[RunKey, JobAndPod]:
        """The batch's own ingest Jobs whose end is not recorded, each with its newest pod. Each call goes
        through all Jobs that are kept."""
        pods, found = self._seen.pods_of(self._owner.identity), {}
        for job in self._seen.jobs.of(self._owner.identity):
            place = self.place_of(job)
            if place is None and self._seen.jobs.is_gone(job) and not is_of_plan(job):
                self._seen.forget_job(job)  # not ours: no one will ever count how it ended
            if place is None or (place.index, place.number) in self._kept:
                continue
            pod = pods.get(job["metadata"]["name"])
            if self._seen.jobs.is_gone(job) and decided(job) is None and not _counts_without_job(pod):
                # deleted before it was over: nothing else will ever be known of it
                self._seen.forget_job(job)
                continue
            found[place.index, place.number] = job, pod
        return found

    def place_of(self, job: Object) -> Place | None:
        """Which run of a planned recording a Job is; None for any other Job."""
        place = own_place_of(self._owner, job["metadata"]["name"])
        planned = place is not None and place.role == INGEST and place.index < self._total
        return place if planned else None

    def of_run(self, index: int, number: int) -> Object | None:
        """The Job of one run, if it is known to exist and is the batch's own."""
        job = self._seen.jobs.get((self._owner.namespace, run_job_name(self._owner, index, number)))
        there = (
            job is not None and not self._seen.jobs.is_gone(job) and is_controlled(job, self._owner.identity)
        )
        return job if there else None


def _counts_without_job(pod: Object | None) -> bool:
    """Whether the pod of a deleted Job has not ended yet, as far as is known, or has succeeded. Two watches
    tell of the
    two: a retry must not start beside it, and what is done need not be done again."""
    return pod is not None and (not is_terminal(pod) or status_of(pod).get("phase") == "Succeeded")
