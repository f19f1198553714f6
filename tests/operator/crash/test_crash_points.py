"""An operator that is killed at any of its writes, and started again, loses nothing and does nothing twice.

Every tenth point here; `make test-crash` does all of them.
"""

from dataclasses import replace
from pathlib import Path

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.eight import Outcome, lived
from testkit.cluster.eight_ways import AHEAD, ALONE, SHARED
from testkit.cluster.operator_processes import OperatorProcesses
from testkit.cluster.receiver import receiving
from tests.operator.crash.points import SAME, all_died, every_tenth, points_of


def test_undisturbed_every_run_runs_once_and_the_status_counts_them(undisturbed: Outcome) -> None:
    assert undisturbed.wrong(undisturbed) == []
    assert undisturbed.status["state"] == "CompleteWithFailures"
    counts, sums = undisturbed.status["counts"], undisturbed.status["sums"]
    assert {name: counts[name] for name in ("succeeded", "skipped", "failed", "total")} == {
        "succeeded": 6, "skipped": 1, "failed": 1, "total": 8,
    }  # fmt: skip
    assert (sums["mediaSeconds"], sums["processingSeconds"], sums["segments"]) == ("3600", "360", 72)
    assert (undisturbed.starts, undisturbed.exits, undisturbed.pods) == (1, (), len(ALONE.runs) + 1)
    assert not any(
        each.code >= 300 for each in undisturbed.audited if "serviceaccounts:kube-system" not in each.user
    )


def test_every_write_that_is_undisturbed_goes_through_the_proxy_and_is_accepted_once(
    undisturbed: Outcome,
) -> None:
    written = [each for each in undisturbed.passed if each.asked.write is not None]
    assert [each.code < 300 for each in written] == [True] * len(written)
    assert len(undisturbed.accepted) == len(written)
    resources = [each.asked.resource for each in written if each.asked.method == "POST"]
    assert resources.count("jobs") == len(ALONE.runs) + 1
    assert (
        sum(each.asked.method == "DELETE" and each.asked.resource == "jobs" for each in written)
        == len(ALONE.runs) + 1
    )


def test_an_operator_that_dies_at_any_tenth_point_loses_nothing_and_does_nothing_twice(
    control_plane: ControlPlane, processes: OperatorProcesses, undisturbed: Outcome
) -> None:
    points = every_tenth(points_of(undisturbed))
    rows = list(all_died(control_plane, processes, points, undisturbed))
    assert [row for row in rows if row["outcome"] != SAME] == []
    assert all(row["operators"] == 2 for row in rows)


def test_where_recordings_share_jobs_a_dead_operator_loses_none_of_them_either(
    control_plane: ControlPlane, processes: OperatorProcesses
) -> None:
    undisturbed = lived(control_plane, processes, way=SHARED)
    assert undisturbed.wrong(undisturbed) == []
    assert undisturbed.pods == 1 + 2 + 2, "a plan, two Jobs of four, and two that run again, alone"
    points = every_tenth(points_of(undisturbed))
    rows = list(all_died(control_plane, processes, points, undisturbed, SHARED))
    assert [row for row in rows if row["outcome"] != SAME] == []
    assert all(row["operators"] == 2 for row in rows)


def test_where_recordings_are_fetched_ahead_a_dead_operator_loses_none_and_fetches_none_again(
    control_plane: ControlPlane, processes: OperatorProcesses
) -> None:
    undisturbed = lived(control_plane, processes, way=AHEAD)
    assert undisturbed.wrong(undisturbed) == []
    assert undisturbed.status["fetch"]["cachedMib"] == 0
    points = every_tenth(points_of(undisturbed))[::4]
    rows = list(all_died(control_plane, processes, points, undisturbed, AHEAD))
    assert [row for row in rows if row["outcome"] != SAME] == []


def test_where_a_webhook_is_reported_a_dead_operator_tells_all_of_it_with_the_same_ids(
    control_plane: ControlPlane, processes: OperatorProcesses, tmp_path: Path
) -> None:
    with receiving() as receiver:
        way = replace(ALONE, webhook=receiver.folder(tmp_path))
        undisturbed = lived(control_plane, processes, way=way)
        assert undisturbed.wrong(undisturbed) == []
        assert [(kind, reason) for _, kind, reason in receiver.summaries] == [("complete", "WithFailures")]
        points = points_of(undisturbed)[-8:]  # where the end is written, told, and written as told
        rows = list(all_died(control_plane, processes, points, undisturbed, way))
        assert [row for row in rows if row["outcome"] != SAME] == []
        reported = {(each.get_data()["uid"], each.get_id()) for each in receiver.events}
    assert len(reported) == len({uid for uid, _ in reported}) == 1 + len(points)
