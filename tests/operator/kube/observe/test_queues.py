"""Recordings that a queue keeps waiting are counted and told, with what Kueue says of the first; those that
work are not held up."""

from typing import Any

import pytest

from ingest_operator.kube.api.errors import BusyError, NotFoundError, RefusalCause, RefusedError
from ingest_operator.kube.api.names import FETCH, INDEX, ROLE
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.observe.queues import (
    JOB_UID,
    PATIENCE_SECONDS,
    ask_queue,
    not_admitted,
    said_by,
    waiting,
)
from testkit.cluster.fixtures import Run
from testkit.objects.builders import NOW
from testkit.objects.kube_objects import a_condition, a_job

LATE = NOW + PATIENCE_SECONDS + 1


def queued(index: int = 12, since: float = 0, **more: Any) -> Object:
    """A Job that its queue has not admitted."""
    job = a_job(a_condition("Suspended", since), suspend=True, **more)
    job["metadata"]["name"] = f"talks-0b3f6c1e-{index}-3"
    job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "gpus"
    return job


def a_workload(*conditions: Object, **spec: Any) -> Object:
    return {"metadata": {"name": "job-one"}, "spec": spec, "status": {"conditions": list(conditions)}}


FULL = a_condition(
    "QuotaReserved",
    0,
    "False",
    message="couldn't assign flavors to pod set main: insufficient unused quota for gpu",
)


class Kueue:
    """Answers lists of Workloads."""

    def __init__(self, *answers: object) -> None:
        self.answers: list[Any] = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def list(self, resource: Any, namespace: str, *, labels: str) -> tuple[list[Object], str]:
        assert namespace == "media"
        self.asked.append((resource.version, labels))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ([answer] if answer else []), "1"


def test_only_jobs_that_somebody_else_has_suspended_for_a_while_wait_the_earliest_first() -> None:
    over = queued(5)
    over["status"]["conditions"].append(a_condition("Failed", 10))
    late, two, one, ours = queued(3, 30), queued(2), queued(1), queued(4, stopped=True)
    jobs = [late, two, one, ours, a_job(), over]
    assert waiting(jobs, NOW + 30 + PATIENCE_SECONDS + 1) == (one, two, late)
    assert waiting(jobs, LATE) == (one, two)
    assert waiting(jobs, NOW + 1) == ()


def test_an_edited_label_keeps_no_job_from_being_reported_and_no_other_recording_waiting() -> None:
    job, fetch = queued(7), queued(8)
    job["metadata"]["labels"] |= {INDEX: "9", ROLE: "nonsense"}
    fetch["spec"]["role"] = FETCH
    found = waiting([job, fetch], LATE)
    assert found == (job,)
    assert not_admitted(found, "", LATE).index == 7


def test_it_is_reported_how_many_wait_where_since_when_and_what_kueue_says() -> None:
    held = not_admitted((queued(), queued(13)), said_by(a_workload(FULL)), LATE)
    assert held.reason == "NotAdmitted"
    assert held.message.startswith("2 recordings wait for admission by queue 'gpus', the first since 20")
    assert held.message.endswith(
        "Kueue says: couldn't assign flavors to pod set main: insufficient unused quota for gpu"
    )
    assert held.index == 12, "others start meanwhile"
    assert not_admitted((queued(),), "", LATE).message.startswith("1 recording waits for")


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        (
            a_workload(
                a_condition("QuotaReserved", 0),
                a_condition("Admitted", 0, "False", message="check gpus pending"),
            ),
            "check gpus pending",
        ),
        (
            a_workload(a_condition("Evicted", 0, message="Preempted to accommodate a workload")),
            "Preempted to accommodate a workload",
        ),
        (a_workload(FULL, active=False), "job-one is deactivated"),
        (a_workload(), "said nothing"),
    ],
)
def test_what_holds_a_workload_is_said_in_kueues_words(workload: Object, words: str) -> None:
    assert words in said_by(workload)


FORBIDDEN = RefusedError(403, "Forbidden", "no", RefusalCause.FORBIDDEN_BY_RBAC)
ABSENT = NotFoundError(404, "NotFound", "no")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([a_workload(FULL)], "insufficient unused quota"),
        ([ABSENT, a_workload(FULL)], "insufficient unused quota"),
        ([ABSENT, ABSENT], "No Kueue serves Workloads"),
        ([None], "made no Workload"),
        ([FORBIDDEN], "rbac.queues"),
        ([BusyError(503, "Busy", "starting")], "cannot be read now: starting"),
    ],
)
def test_whatever_answers_something_is_said(run: Run, answers: list[object], words: str) -> None:
    kueue = Kueue(*answers)
    answer = run(ask_queue(kueue, queued(), LATE))  # type: ignore[arg-type] # of an Api it needs the lists
    assert words in answer.words
    assert kueue.asked[0] == ("v1beta2", f"{JOB_UID}={queued()['metadata']['uid']}")


def test_a_job_that_names_no_queue_is_reported_as_somebody_elses_doing(run: Run) -> None:
    job = queued()
    del job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
    words = run(ask_queue(Kueue(), job, LATE)).words  # type: ignore[arg-type] # nobody is asked
    assert "names no queue" in words
    assert "whoever has suspended them" in not_admitted((job,), words, LATE).message
