"""Objects that lack anything that an object may lack, at any time: some answer, and never an error."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import outcome_of
from ingest_operator.kube.observe.runs import blocker_of, needs_ending, run_of
from testkit.objects.builders import NOW
from testkit.objects.kube_objects import (
    RECEIPT,
    Object,
    a_container,
    a_job,
    a_pod,
    complete,
    disrupted_job,
    disrupted_pod,
    ended_pod,
    failed,
    failed_with,
    placed,
    refused_pod,
    running,
    running_pod,
    suspended,
    terminated,
    unscheduled_pod,
    waiting_pod,
)
from tests.support.thoroughness import examples

JOBS = (
    a_job(),
    complete(),
    failed(),
    failed("DeadlineExceeded", "Job was active longer than specified deadline"),
    failed_with(42),
    disrupted_job(),
    suspended(),
    suspended(stopped=True),
)
PODS = (
    unscheduled_pod(),
    waiting_pod(),
    waiting_pod("CreateContainerConfigError", 'secret "video-ingest-store" not found'),
    waiting_pod("ImagePullBackOff", "Back-off pulling image", deleted=40),
    running_pod(),
    running_pod(a_container(running(), "mesh"), deleted=100),
    ended_pod(0, RECEIPT),
    ended_pod(22, "half a rece"),
    ended_pod(137, None, "OOMKilled"),
    disrupted_pod("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"),
    refused_pod("UnexpectedAdmissionError", "Allocate failed"),
    a_pod(
        "Running", a_container(terminated(0, RECEIPT)), a_container(running(), "mesh"), conditions=placed()
    ),
)
PROFILE = PodProfile()

Path = tuple[str | int, ...]


def paths(value: object, here: Path = ()) -> Iterator[Path]:
    """Everything in an object that could be missing."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*here, key)
        yield from paths(each, (*here, key))


def without(thing: Object, missing: list[Path]) -> Object:
    thing = deepcopy(thing)
    for *folders, last in sorted(missing, key=lambda path: tuple(map(str, path)), reverse=True):
        place = thing
        try:
            for folder in folders:
                place = place[folder]
            del place[last]
        except (KeyError, IndexError):
            continue  # it went with what it was in
    return thing


@st.composite
def mutilated(draw: st.DrawFn, things: tuple[Object, ...]) -> Object:
    thing = draw(st.sampled_from(things))
    return without(thing, draw(st.lists(st.sampled_from(list(paths(thing))), max_size=6)))


@examples(500)
@given(job=mutilated(JOBS), pod=st.none() | mutilated(PODS), after=st.floats(-100, 200_000))
def test_whatever_an_object_lacks_it_has_an_answer(job: Object, pod: Object | None, after: float) -> None:
    run = run_of(job, pod, PROFILE, NOW + after)
    blocker = blocker_of(job, pod, run, NOW + after)
    assert (run.ended is None) == (run.ended_at is None)
    assert run.started_at <= (run.ended_at or NOW + after) <= NOW + after
    assert run.gpu_seconds >= 0
    assert run.waits is None or min(run.waits.queued, run.waits.starting, run.waits.pulling) >= 0
    if run.ended is None:
        assert not needs_ending(job, pod, run)
    else:
        assert outcome_of(run.ended).reason in {None, *Reason}
        assert blocker is None


@pytest.mark.parametrize("pod", [None, *PODS])
@pytest.mark.parametrize("job", [job for job in JOBS if not job["spec"]["suspend"]])
def test_every_run_is_over_in_time_but_one_that_runs(job: Object, pod: Object | None) -> None:
    ended = run_of(job, pod, PROFILE, NOW + 2 * PROFILE.queue_deadline_seconds).ended
    assert (ended is None) == (job is JOBS[0] and pod == running_pod())
