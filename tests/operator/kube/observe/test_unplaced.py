"""A batch of which nothing runs says what its pods wait for."""

import pytest

from ingest_operator.core.outcome import Run
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.observe.unplaced import PATIENCE_SECONDS, no_node
from testkit.objects.builders import NOW, a_run, over
from testkit.objects.kube_objects import a_pod, unscheduled_pod

LATE = NOW + PATIENCE_SECONDS + 1
WAITS = a_run(3, unplaced_since=NOW)
SAID = "0/3 nodes are available: 3 cannot allocate all claims."


def told(*found: tuple[Run, Object | None], now: float = LATE) -> list[str]:
    return [f"{each.reason} {each.index}: {each.message}" for each in no_node(found, now)]


def test_the_first_that_waits_says_why_and_how_many_wait() -> None:
    later = a_run(1, unplaced_since=NOW + 5)
    (one,) = told((later, unscheduled_pod("later")), (WAITS, unscheduled_pod(SAID)))
    assert one.startswith("Unschedulable 3: 2 recordings wait for a node, the first since 2027-")
    assert one.endswith(f"The scheduler says: {SAID}")
    assert told((WAITS, unscheduled_pod(SAID)), now=NOW + PATIENCE_SECONDS) == []


def test_the_job_of_a_voice_or_a_profile_says_nothing_of_a_batch() -> None:
    (one,) = no_node([(WAITS, unscheduled_pod(SAID))], LATE, what="Job")
    assert one.message.startswith("1 Job waits for a node since 2027-")
    assert "batch" not in one.message


def test_a_pod_that_no_scheduler_has_looked_at_says_so() -> None:
    (one,) = told((WAITS, a_pod("Pending", conditions=[]) | {"spec": {}}))
    assert "1 recording waits" in one
    assert "is there one of the name" in one


@pytest.mark.parametrize(
    "other",
    [a_run(4, node="gpu-1"), a_run(4, unplaced_since=NOW, avoids=("gpu-1",))],
    ids=["another runs", "one is kept from a node"],
)
def test_it_is_no_news_while_the_batch_makes_headway_or_has_nodes_to_name(other: Run) -> None:
    assert told((WAITS, unscheduled_pod()), (other, None)) == []


def test_what_is_over_waits_for_nothing() -> None:
    assert told((over(WAITS), unscheduled_pod())) == []
