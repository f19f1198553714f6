"""Plan Jobs and their pods as the tries of a plan:
which are the batch's, in which order, and what they were asked."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.core.outcome import Outcome
from ingest_operator.kube.api.names import INDEX, PLAN, ROLE, RUN, plan_job_name, run_job_name
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.plan_job import plan_job
from ingest_operator.kube.planning.attempts import REQUEST, PlanAttempt, PlanRequest, attempts_of
from testkit.objects.builders import NOW, a_failure
from testkit.objects.kube_objects import (
    POD,
    at,
    complete,
    ended_pod,
    running_pod,
    unscheduled_pod,
    waiting_pod,
)
from testkit.objects.manifests import OWNER, orders_for
from tests.support.plan_tries import FINISHED

ONE = PlanRequest("0-2", "0123456789abcdef", "fedcba9876543210")


def a_plan_job(plan: int = 0, number: int = 1, base: Object | None = None, **metadata: Any) -> Object:
    job = base or complete()
    facts = {
        "name": plan_job_name(OWNER, plan, number),
        "labels": {ROLE: PLAN, INDEX: str(plan), RUN: str(number)},
        "annotations": {REQUEST: ONE.text},
        "ownerReferences": [OWNER.reference()],
    }
    return job | {"metadata": job["metadata"] | facts | metadata}


def runs(*jobs: Object, pod: Object | None = None) -> dict[int, tuple[PlanAttempt, ...]]:
    pods = {} if pod is None else {jobs[-1]["metadata"]["name"]: pod}
    return dict(attempts_of(OWNER, jobs, pods, PodProfile(), NOW + 600))


def test_runs_come_in_their_order_and_by_their_plan() -> None:
    found = runs(a_plan_job(0, 10), a_plan_job(1, 1), a_plan_job(0, 9))
    assert {plan: [one.run.number for one in of_plan] for plan, of_plan in found.items()} == {
        0: [9, 10],
        1: [1],
    }


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"ownerReferences": []}, id="of nobody"),
        pytest.param({"ownerReferences": [{"uid": "another", "controller": True}]}, id="of another batch"),
        pytest.param({"ownerReferences": [{"uid": OWNER.uid}]}, id="owned and not controlled"),
        pytest.param({"namespace": "elsewhere"}, id="in another namespace"),
        pytest.param({"name": run_job_name(OWNER, 0, 1)}, id="of an item"),
        pytest.param({"name": "made-by-hand"}, id="named by hand"),
        pytest.param({"name": f"another-{OWNER.uid[:8]}-plan-0-1"}, id="named after another batch"),
    ],
)
def test_jobs_of_others_and_of_items_are_no_runs(metadata: dict[str, Any]) -> None:
    assert runs(a_plan_job(**metadata)) == {}


def test_what_a_job_is_for_says_its_name_whatever_its_labels_have_become() -> None:
    (one,) = runs(a_plan_job(2, 7, labels={ROLE: "x", INDEX: "x", RUN: "-1"}))[2]
    assert (one.run.index, one.run.number) == (2, 7)


def test_a_success_that_was_followed_by_another_run_is_one_whose_plan_could_not_be_had() -> None:
    first, second = runs(a_plan_job(0, 1), a_plan_job(0, 2), pod=ended_pod(0, FINISHED.to_json()))[0]
    assert (first.outcome.reason, first.outcome.message) == (
        Reason.RECEIPT_MISSING,
        "its plan could not be read",
    )
    assert (second.outcome, second.verdict) == (Outcome(None, "", FINISHED), None)


def test_why_a_failed_one_failed_is_not_painted_over_by_that() -> None:
    (only,) = runs(
        a_plan_job(), pod=ended_pod(27, a_failure(Reason.NOT_FOUND, message="as asked").to_json())
    )[0]
    assert replace(only, unreadable="gone").outcome.reason is Reason.NOT_FOUND


def test_a_run_knows_its_pod_and_what_it_was_asked() -> None:
    (one,) = runs(a_plan_job(), pod=ended_pod(0, FINISHED.to_json()))[0]
    assert (one.pod, one.request, one.deleted, one.lingers) == (POD, ONE, False, False)
    (lost,) = runs(a_plan_job(annotations={}))[0]
    assert (lost.pod, lost.request) == (None, None)


def test_a_job_on_its_way_out_is_told_apart() -> None:
    (leaving,) = runs(a_plan_job(deletionTimestamp=at(90)))[0]
    assert leaving.deleted


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (running_pod(), None),
        (unscheduled_pod(), None),
        (waiting_pod("ImagePullBackOff", "no such image"), "ImageUnavailable"),
    ],
)
def test_what_hinders_a_plan_hinders_no_item(pod: Object, reason: str | None) -> None:
    live = a_plan_job(base=complete() | {"status": {"active": 1, "startTime": at(0)}})
    (one,) = attempts_of(OWNER, [live], {live["metadata"]["name"]: pod}, PodProfile(), NOW + 30)[0]
    assert (one.blocker and one.blocker.reason) == reason
    assert one.blocker is None or one.blocker.index is None


@given(st.frozensets(st.integers(0, 99), min_size=1), st.text(), st.sampled_from(["a:1", "b:2"]))
def test_what_was_asked_survives_as_text_and_tells_orders_and_jobs_apart(
    sources: frozenset[int], order: str, image: str
) -> None:
    job = plan_job(OWNER, orders_for(PodProfile(image=image)), 0, 1)
    asked = PlanRequest.of(sources, order, job)
    assert PlanRequest.parsed(asked.text) == asked
    assert asked != PlanRequest.of(sources, order + " ", job)
    assert asked != PlanRequest.of(sources, order, plan_job(OWNER, orders_for(PodProfile(image="c:3")), 0, 1))
    assert asked == PlanRequest.of(sources, order, plan_job(OWNER, orders_for(PodProfile(image=image)), 0, 7))


@given(st.one_of(st.text(), st.from_regex(r"\[[0-9,-]+\]\.[0-9a-f]{16}\.[0-9a-f]{16}", fullmatch=True)))
def test_any_other_text_tells_nothing(text: str) -> None:
    parsed = PlanRequest.parsed(text)
    assert parsed is None or parsed.text == text
