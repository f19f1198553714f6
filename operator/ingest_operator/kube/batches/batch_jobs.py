"""The ingest Jobs of one batch among all Jobs that the watches show. Makes no call."""

from collections.abc import Iterator, Mapping

from ingest_contract.progress import Progress
from ingest_operator.kube.api.fields import is_terminal, spec_of, status_of
from ingest_operator.kube.api.names import (
    INGEST,
    PROGRESS_PORT,
    Owner,
    Place,
    own_place_of,
    run_job_name,
)
from ingest_operator.kube.api.ownership import is_controlled
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.batches.pending import JobAndPod, RunKey
from ingest_operator.kube.observe.end_rules import decided
from ingest_operator.kube.observe.runs import indexes_of
from ingest_operator.kube.watch.confirm import is_of_plan
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods


class BatchJobs:
    """Which Job is the batch's own, and of which run."""

    def __init__(self, seen: JobsAndPods, owner: Owner, kept: Mapping[RunKey, float], total: int) -> None:
        """`kept` are runs whose end is recorded and whose Jobs stay for a while; `total` recordings are
        planned: a Job of any other index is not the batch's."""
        self._seen, self._owner, self._kept, self._total = seen, owner, kept, total
        self._packs: dict[RunKey, str] | None = None

    def found(self) -> dict[RunKey, JobAndPod]:
        """The batch's own ingest Jobs whose end is not recorded, each with its newest pod. Each call goes
        through all Jobs that are kept."""
        self._packs = None
        pods, found = self._seen.pods_of(self._owner.identity), dict[RunKey, JobAndPod]()
        for job in sorted(self._seen.jobs.of(self._owner.identity), key=_by_age):
            keys = self.runs_of(job)
            if not keys and self._seen.jobs.is_gone(job) and not is_of_plan(job):
                self._seen.forget_job(job)  # not ours: no one will ever count how it ended
            if self._kept.keys() >= set(keys):
                continue
            pod = pods.get(job["metadata"]["name"])
            if self._seen.jobs.is_gone(job) and decided(job) is None and not _counts_without_job(pod):
                # deleted before it was over: nothing else will ever be known of it
                self._seen.forget_job(job)
                continue
            for key in keys:
                # of two Jobs for one run the older counts: they differ in which recordings share them
                found.setdefault(key, (job, pod))
        return found

    def runs_of(self, job: Object) -> tuple[RunKey, ...]:
        """The runs of planned recordings that a Job is for, in the order in which it carries them out; none
        for any other Job."""
        place = self.place_of(job)
        if place is None:
            return ()
        return tuple((index, place.number) for index in indexes_of(job) if index < self._total)

    def name_of(self, index: int, number: int) -> str:
        """The name of the Job of one run, known or not."""
        if self._packs is None:
            jobs = self._seen.jobs.of(self._owner.identity)
            packs = [job for job in jobs if spec_of(job).get("pack")]
            self._packs = {key: job["metadata"]["name"] for job in packs for key in self.runs_of(job)}
        return self._packs.get((index, number)) or run_job_name(self._owner, index, number)

    def place_of(self, job: Object) -> Place | None:
        """Which run of a planned recording a Job is; None for any other Job."""
        place = own_place_of(self._owner, job["metadata"]["name"])
        planned = place is not None and place.role == INGEST and place.index < self._total
        return place if planned else None

    def of_run(self, index: int, number: int) -> Object | None:
        """The Job of one run, if it is known to exist and is the batch's own."""
        job = self._seen.jobs.get((self._owner.namespace, self.name_of(index, number)))
        there = (
            job is not None and not self._seen.jobs.is_gone(job) and is_controlled(job, self._owner.identity)
        )
        return job if there else None


def job_of(found: Mapping[RunKey, JobAndPod], key: RunKey) -> Object | None:
    """The Job that counts for a run."""
    return found[key][0] if key in found else None


def runs_by_job(found: Mapping[RunKey, JobAndPod]) -> Mapping[str, list[RunKey]]:
    """The runs of each Job, by its name, in order."""
    keys = dict[str, list[RunKey]]()
    for key, (job, _) in sorted(found.items()):
        keys.setdefault(job["metadata"]["name"], []).append(key)
    return keys


def addresses(found: Mapping[RunKey, JobAndPod]) -> Mapping[RunKey, str]:
    """The URLs at which the running workers serve their progress, each under the first run of its Job."""
    firsts = [keys[0] for keys in runs_by_job(found).values()]
    pods = {key: status_of(found[key][1] or {}) for key in firsts}
    known = {key: pod.get("podIP") for key, pod in pods.items() if pod.get("phase") == "Running"}
    return {key: f"http://{_literal(address)}:{PROGRESS_PORT}" for key, address in known.items() if address}


def _literal(address: str) -> str:
    """An address as the host of a URL: an IPv6 address stands in brackets (RFC 3986, 3.2.2)."""
    return f"[{address}]" if ":" in address else address


def by_recording(
    found: Mapping[RunKey, JobAndPod], answers: Mapping[RunKey, Progress]
) -> Iterator[tuple[RunKey, Progress]]:
    """What workers say of their progress, each under the run that it is about. An answer about a recording
    that its Job does not have came from somebody else."""
    for first, answer in answers.items():
        key = first if answer.index is None else (answer.index, first[1])
        if job_of(found, key) is job_of(found, first):
            yield key, answer


def _by_age(job: Object) -> tuple[str, str]:
    return job["metadata"].get("creationTimestamp") or "", job["metadata"]["name"]


def _counts_without_job(pod: Object | None) -> bool:
    """Whether the pod of a deleted Job has not ended yet, as far as is known, or has succeeded. Two watches
    tell of the
    two: a retry must not start beside it, and what is done need not be done again."""
    return pod is not None and (not is_terminal(pod) or status_of(pod).get("phase") == "Succeeded")
