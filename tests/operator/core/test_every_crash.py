"""An operator that dies at each of its writes, just before or just after it is accepted: nothing is lost,
nothing is done twice.

A batch of 8 with a failure, a retry, a rung of the memory ladder and a skip, without delays; all points, in a
simulated cluster.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from ingest_contract.batch import SuspendMode
from ingest_contract.failures import Reason
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.phases import Ahead
from tests.support.simulated_operator import SimulatedOperator
from tests.support.simulation import Key

COUNT, LOOKS = 8, 100
ENDS: dict[Key, Reason] = {
    (1, 1): Reason.NOT_FOUND,
    (2, 1): Reason.DOWNLOAD_FAILED,
    (4, 1): Reason.GPU_OUT_OF_MEMORY,
    (5, 1): Reason.DOWNLOAD_FAILED,
    (5, 2): Reason.DOWNLOAD_FAILED,
    (6, 1): Reason.NO_SPEECH,
}
"""How runs end that do not succeed, the stopped ones not counted: a failure, a retry, a rung, a spent budget,
a skip."""

ENDS_AHEAD: dict[Key, Reason] = {
    (1, 1): Reason.NOT_FOUND,
    (2, 1): Reason.DOWNLOAD_FAILED,
    (3, 2): Reason.NOT_IN_CACHE,
    (4, 2): Reason.GPU_OUT_OF_MEMORY,
    (5, 1): Reason.DOWNLOAD_FAILED,
    (5, 2): Reason.DOWNLOAD_FAILED,
    (6, 2): Reason.NO_SPEECH,
}
"""The same where fetching is a run of its own, and one fetch is gone when it is wanted."""


@dataclass
class Story:
    """A batch from its first look to its end. Each step of the world ends the runs that were live at the step
    before it."""

    killing: bool = False
    """Whether somebody suspends the batch by force in the middle of it,
    and resumes it when nothing runs any more."""
    ahead: bool = False
    """Whether each recording is fetched before it is ingested."""
    slow: bool = False
    """Whether the world goes on before another operator looks."""
    operator: SimulatedOperator = field(init=False)
    suspended: bool = False

    def __post_init__(self) -> None:
        self.operator = SimulatedOperator(
            COUNT,
            spec={"parallelism": 3, "retry": {"max_attempts": 2, "backoff_seconds": 0}},
            ahead=Ahead(recordings=3, mib=1000) if self.ahead else None,
        )

    def told(self, dies_at: int | None = None, *, accepted: bool = False) -> "Story":
        """The story to its end, with a death at one of the writes."""
        cluster, live = self.operator.cluster, list[Key]()
        cluster.writes.dies_at, cluster.writes.accepted = dies_at, accepted
        for _ in range(LOOKS):
            cluster.sync()
            doomed = cluster.writes.dies_at
            self.operator.look()
            if self.operator.status.state.startswith("Complete") and not cluster.truth:
                assert cluster.writes.dies_at is None, "nobody died"
                return self
            if self.slow or cluster.writes.dies_at == doomed:
                live = self._world_goes_on(live)
        raise AssertionError(f"no end after {LOOKS} looks: {self.operator.status.to_json()}")

    def _world_goes_on(self, live: list[Key]) -> list[Key]:
        cluster, status = self.operator.cluster, self.operator.status
        cluster.now += 10
        for key in live:
            stopped = sum(index == key[0] for index, _ in cluster.stopping)
            number = key[1] - stopped
            ends = ENDS_AHEAD if self.ahead else ENDS
            cluster.end(key, Reason.INTERRUPTED if key in cluster.stopping else ends.get((key[0], number)))
        self.suspended = (
            bool(cluster.live())
            if self.suspended
            else self.killing and status.counts.succeeded >= 2 and not cluster.stopping
        )
        self.operator.spec |= {"suspend": self.suspended, "suspend_mode": SuspendMode.KILL}
        return cluster.live()

    @property
    def runs(self) -> list[Key]:
        """Every process that ever began."""
        return [
            (start.index, start.number)
            for starts in self.operator.cluster.started.values()
            for start in starts
        ]


def what_counts(status: IngestBatchStatus) -> dict[str, Any]:
    """What of a final status does not depend on when things happened,
    nor on which recording taught the ladder."""
    facts = status.model_dump(
        include={"counts", "items", "failures", "skips", "progress_percent", "state", "recent"}
    )
    sums = status.sums.model_dump(
        include={"media_seconds", "processing_seconds", "segments", "vectors", "stages"}
    )
    facts["recent"] = sorted(facts["recent"])
    return facts | {
        "sums": sums,
        "charged_attempts": {row.index: (row.state, row.charged_attempts) for row in status.recordings},
    }


KINDS = tuple((killing, ahead) for killing in (False, True) for ahead in (False, True))
UNDISTURBED = {kind: Story(*kind).told() for kind in KINDS}
POINTS = [
    pytest.param(
        kind,
        at,
        accepted,
        id=f"{'just after' if accepted else 'just before'} write {at}{', killing' if kind[0] else ''}"
        f"{', ahead' if kind[1] else ''}",
    )
    for kind, story in UNDISTURBED.items()
    for at in range(1, len(story.operator.cluster.writes.log) + 1)
    for accepted in (False, True)
]


def test_the_story_has_in_it_what_it_should() -> None:
    log = UNDISTURBED[True, False].operator.cluster.writes.log
    assert {entry.split()[0] for entry in log} == {"status", "start", "stop", "forget"}
    runs = UNDISTURBED[False, False].runs
    assert sorted(runs) == sorted([(index, 1) for index in range(COUNT)] + [(2, 2), (4, 2), (5, 2)])


def test_where_it_fetches_ahead_a_recording_is_fetched_once_and_then_ingested() -> None:
    story = UNDISTURBED[False, True]
    phases = {
        index: [start.phase.value for start in starts]
        for index, starts in story.operator.cluster.started.items()
    }
    assert phases == {
        0: ["Fetch", "Ingest"],
        1: ["Fetch"],
        2: ["Fetch", "Fetch", "Ingest"],
        3: ["Fetch", "Ingest", "Fetch", "Ingest"],
        4: ["Fetch", "Ingest", "Ingest"],
        5: ["Fetch", "Fetch"],
        6: ["Fetch", "Ingest"],
        7: ["Fetch", "Ingest"],
    }


@pytest.mark.parametrize(("kind", "at", "accepted"), POINTS)
def test_another_operator_that_looks_at_once_comes_to_the_very_same_status(
    *, kind: tuple[bool, bool], at: int, accepted: bool
) -> None:
    expected, story = UNDISTURBED[kind], Story(*kind).told(at, accepted=accepted)
    assert story.operator.statuses.text == expected.operator.statuses.text
    assert sorted(story.runs) == sorted(expected.runs)


@pytest.mark.parametrize(("kind", "at", "accepted"), POINTS)
def test_another_operator_that_comes_late_loses_nothing_and_repeats_nothing(
    *, kind: tuple[bool, bool], at: int, accepted: bool
) -> None:
    expected, story = UNDISTURBED[kind], Story(*kind, slow=True).told(at, accepted=accepted)
    assert what_counts(story.operator.status) == what_counts(expected.operator.status)
    assert len(story.runs) == len(set(story.runs))
    stopped = story.operator.cluster.stopping
    undisturbed = UNDISTURBED[False, kind[1]]
    assert len(set(story.runs) - stopped) == len(undisturbed.runs)
