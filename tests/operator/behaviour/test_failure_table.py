"""Every row of the failure table, produced once on the real control plane, and how it lands in the status:
reason, counts, charge, breaker.

One batch holds every recording whose failure is its own; whatever stops a whole batch has one of its own. All
run beside each other, and the tests look at what was seen. A reason that is added to the table must be added
here: a pod that fails by it, at least.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from ingest_contract.failures import BREAKERS, CHARGED, FAILURES, SITE_BREAKERS, Reason, Verdict
from ingest_contract.order import PlanOrder
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.fields import sandbox_since
from ingest_operator.kube.api.names import BATCH_UID, INGEST, ROLE
from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import a_namespace
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life
from testkit.cluster.lives import (
    drained,
    evicted,
    fails,
    image_missing,
    image_slow,
    killed,
    mute,
    node_lost,
    out_of_memory,
    past_deadline,
    plans,
    preempted,
    rebooted,
    refused,
    secret_missing,
    succeeds,
    tainted,
    taken_by_its_queue,
)
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition, final, rows, stalled_by
from testkit.objects.builders import items
from tests.support.hurry import hurry

TOLD = {
    reason: fails(reason, message=f"as {reason} is told") for reason in Reason if FAILURES[reason].exit_code
}
LIVES: Mapping[Reason, Life] = {
    **TOLD,
    Reason.HOST_OUT_OF_MEMORY: out_of_memory(),
    Reason.IMAGE_UNAVAILABLE: image_missing(),
    Reason.IMAGE_SLOW: image_slow(),
    Reason.POD_MISCONFIGURED: secret_missing(),
    Reason.UNSCHEDULABLE: succeeds(),  # on a node, if there were one
    Reason.EVICTED: drained(),
    Reason.QUEUE_PREEMPTED: taken_by_its_queue(),
    Reason.PREEMPTED: preempted(),
    Reason.NODE_PRESSURE: evicted(),
    Reason.NODE_REJECTED: refused(),
    Reason.NODE_RESTARTED: rebooted(),
    Reason.NODE_LOST: node_lost(),
    Reason.NODE_TAINTED: tainted(),
    Reason.DEADLINE_EXCEEDED: past_deadline(),
    Reason.KILLED: killed(),
    Reason.RECEIPT_MISSING: mute(),
}
"""A pod that fails by each reason."""

HOLDS = [reason for reason in Reason if FAILURES[reason].verdict is Verdict.STOP_BATCH or reason in BREAKERS]
"""Reasons that let nothing of their batch begin."""

ITS_OWN = [reason for reason in Reason if reason not in HOLDS]
"""Reasons of one recording."""

APART = [*HOLDS, *(reason for reason in ITS_OWN if FAILURES[reason].verdict is Verdict.RETRY_ELSEWHERE)]
"""Reasons with a batch of their own: of several recordings that one machine fails, only one is charged."""

TOGETHER = [reason for reason in ITS_OWN if reason not in APART]
"""Reasons that share a batch."""

NEVER_BEGIN = {
    Reason.IMAGE_UNAVAILABLE: {"startDeadlineSeconds": 1},
    Reason.IMAGE_SLOW: {"startDeadlineSeconds": 1},
    Reason.POD_MISCONFIGURED: {"startDeadlineSeconds": 1},
    Reason.UNSCHEDULABLE: {"queueDeadlineSeconds": 1, "gpu": {"count": 16}},
}
"""What makes a profile impatient with those that wait for something, and for a node that there is not."""

ASIDE = "every-other"
PODS = {"nodeLostSeconds": 0, "template": {"spec": {"terminationGracePeriodSeconds": 1}}}


@dataclass(frozen=True, slots=True)
class Told:
    """What was seen of the recording that failed by a reason."""

    history: list[Json]
    """Every status of its batch."""
    index: int

    def row(self, reason: Reason) -> Json:
        """The recording as the first status that gives the reason shows it."""
        shown = (rows(status).get(self.index, {}) for status in self.history)
        return next(row for row in shown if row.get("reason") == reason)

    @property
    def end(self) -> Json:
        return self.history[-1]


def life_of(pod: Json) -> Life:
    """Of a recording the first try fails by the reason that its batch, or its place in the batch, stands for;
    the others succeed."""
    order = order_of(pod)
    own = [reason for reason in APART if order.batch.endswith(f"/{name_of(reason)}")]
    if isinstance(order, PlanOrder):
        return plans(items(2 if own else len(TOGETHER)))
    reasons = own or TOGETHER
    fails_now = order.run == 1 and order.item.index < len(reasons)
    return LIVES[reasons[order.item.index]] if fails_now else succeeds()


def is_held(status: dict[str, Any], reason: Reason) -> bool:
    """Whether the batch starts nothing for this reason: its own breaker is open, or that of its site."""
    if reason in SITE_BREAKERS:
        assert not status.get("breaker"), "it is the site's, and no other batch's"
        return stalled_by(status) == reason
    return (status.get("breaker") or {}).get("reason") == reason


def waits(scene: Scene, reason: Reason) -> bool:
    """Whether a recording of the reason's batch has a pod that waits for what the reason names: a node, or
    in its sandbox for an image."""
    own = {BATCH_UID: scene.seen(name_of(reason))["metadata"]["uid"], ROLE: INGEST}
    found = [pod for pod in scene.pods() if own.items() <= pod["metadata"]["labels"].items()]
    return any(reason is Reason.UNSCHEDULABLE or sandbox_since(pod) is not None for pod in found)


OWN_PROFILE = {*NEVER_BEGIN, *SITE_BREAKERS}
"""Those of a site stop every batch of a profile there."""


def name_of(reason: Reason) -> str:
    return reason.lower() if reason in APART else ASIDE


@pytest.fixture(scope="module")
def told(control_plane: ControlPlane) -> Iterator[Mapping[Reason, Told]]:
    """All of it, played once."""
    with a_namespace(control_plane) as namespace, pytest.MonkeyPatch.context() as patch, ExitStack() as ends:
        hurry(patch)
        patch.setattr(requeueing, "RESYNC_SECONDS", 1.0)  # nothing in the API tells that a time is over
        scene = Scene(control_plane, namespace, ends)
        scene.secret()
        scene.profile(pods=PODS)
        scene.play(life_of, nodes=("1", "2", "3", "4", "5"), gpus=15)
        history = scene.history()
        scene.operate()
        scene.batch(ASIDE, parallelism=len(TOGETHER))
        for reason in APART:
            if reason in OWN_PROFILE:
                scene.profile(
                    name_of(reason),
                    pods=PODS | {"gpu": {"count": 16}} if reason is Reason.UNSCHEDULABLE else PODS,
                )
            scene.batch(
                name_of(reason), profileRef={"name": name_of(reason) if reason in OWN_PROFILE else "default"}
            )
        for reason, impatience in NEVER_BEGIN.items():
            if reason in (Reason.UNSCHEDULABLE, Reason.IMAGE_SLOW):
                until(partial(waits, scene, reason), f"a pod waits as {reason} says")
            else:
                scene.until_stalled(reason, name_of(reason))  # its node says what is missing
            scene.profile(name_of(reason), pods=PODS | impatience)
        for reason in NEVER_BEGIN:
            waited = "the pod has waited long enough"
            scene.until(
                lambda status: status.get("breaker") or status["state"] == "Complete", waited, name_of(reason)
            )
            # for a probe that was quicker than we are
            scene.profile(name_of(reason), pods=PODS | {"queueDeadlineSeconds": 10})
        for reason in APART:
            scene.until_state("Complete", name_of(reason))
        scene.until_state("CompleteWithFailures", ASIDE)
        histories = {name: history.of(name) for name in {name_of(reason) for reason in Reason}}
        yield {
            reason: Told(histories[name_of(reason)], 0 if reason in APART else TOGETHER.index(reason))
            for reason in Reason
        }


@pytest.mark.parametrize("reason", ITS_OWN)
def test_what_becomes_of_a_recording_that_fails_is_what_the_table_says(
    told: Mapping[Reason, Told], reason: Reason
) -> None:
    verdict, seen = FAILURES[reason].verdict, told[reason]
    row, last = seen.row(reason), rows(seen.end)[seen.index]
    assert row["message"] == f"as {reason} is told" or LIVES[reason] is not TOLD.get(reason)
    counted = (row["chargedAttempts"], row.get("disruptions", 0))
    assert counted == (verdict in CHARGED, verdict is Verdict.FORGIVE)
    if verdict in (Verdict.GIVE_UP, Verdict.SKIP):
        assert (row["state"], row["run"]) == ("Failed" if verdict is Verdict.GIVE_UP else "Skipped", 1)
        assert last == row
        listed = {
            entry["reason"]: entry
            for entry in seen.end["failures" if verdict is Verdict.GIVE_UP else "skips"]
        }
        assert (listed[reason]["count"], listed[reason]["sentence"]) == (1, FAILURES[reason].sentence)
        return
    assert row["state"] == "Waiting"
    assert row.get("rung", 0) == (verdict is Verdict.RETRY_SMALLER)
    assert (last["state"], last["run"], last["chargedAttempts"]) == ("Succeeded", 2, row["chargedAttempts"])


@pytest.mark.parametrize("reason", HOLDS)
def test_what_concerns_the_whole_batch_holds_it_charges_nobody_and_lets_go_when_a_probe_succeeds(
    told: Mapping[Reason, Told], reason: Reason
) -> None:
    seen = told[reason]
    row, held = seen.row(reason), next(each for each in seen.history if is_held(each, reason))
    assert (row["state"], row["run"], row["chargedAttempts"]) == ("Waiting", 1, 0)
    assert (held["state"], stalled_by(held)) == ("Stalled", reason)
    assert FAILURES[reason].sentence in condition(held, "Stalled")["message"]
    assert held["counts"] | {"pending": 1, "waiting": 1} == held["counts"]
    assert final(seen.end) == {"succeeded": 2, "skipped": 0, "failed": 0}
    assert (stalled_by(seen.end), seen.end.get("breaker"), rows(seen.end)[0]["chargedAttempts"]) == (
        None,
        None,
        0,
    )


def test_every_row_of_the_table_is_produced_and_counted(told: Mapping[Reason, Told]) -> None:
    assert set(LIVES) == set(told) == set(FAILURES)
    counted = {
        verdict: sum(FAILURES[reason].verdict is verdict for reason in Reason)
        for verdict in (Verdict.GIVE_UP, Verdict.SKIP)
    }
    end = told[Reason.UNKNOWN].end
    assert (final(end)["failed"], final(end)["skipped"]) == (counted[Verdict.GIVE_UP], counted[Verdict.SKIP])
    assert sum(final(end).values()) == end["counts"]["total"] == len(TOGETHER)
