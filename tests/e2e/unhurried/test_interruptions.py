"""What comes between a worker and the end of its recording: each costs a try; what the recording may have
caused is charged."""

import json
import time

from testkit.cluster.history import History
from testkit.node.node import NAME
from testkit.release.batches import batch
from testkit.release.place import NAMESPACE, RELEASE, Place

MINUTE = 60


def test_a_drained_node_asks_the_worker_to_end_which_it_does_in_time(here: Place) -> None:
    drained = batch(here, "drained", ["talk.mp4"])
    with (
        here.transcript.phase("drain"),
        History(here.node.plane.admin, f"/api/v1/namespaces/{NAMESPACE}/pods") as pods,
    ):
        name = drained.until_working()
        here.kubectl(
            f"drain {NAME} --pod-selector=batch.kubernetes.io/job-name --delete-emptydir-data --timeout=5m",
            shown=False,
        )
        here.kubectl(f"uncordon {NAME}", shown=False)
        (row,) = drained.done()["recordings"]
    assert (row["state"], row["run"], row["chargedAttempts"]) == ("Succeeded", 2, 0), (row, here.trouble())
    versions = [each for each in pods.versions if each["metadata"]["name"] == name]
    patience = next(
        each["metadata"]["deletionTimestamp"] for each in versions if "deletionTimestamp" in each["metadata"]
    )
    end = versions[-1]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert end["exitCode"] == 143
    assert json.loads(end["message"])["reason"] == "Interrupted"
    assert end["finishedAt"] < patience, "it took longer than its grace period"


def test_a_worker_that_fills_its_scratch_disk_is_evicted_by_the_kubelet_and_reported_as_that(
    here: Place,
) -> None:
    evicted = batch(here, "evicted", ["talk.mp4"], pods={"scratchGib": 1})
    with here.transcript.phase("eviction"):
        fills = f"{evicted.until_working()} -- dd if=/dev/zero of=/tmp/filler bs=1M count=1200"
        here.kubectl(f"exec {fills}", shown=False, fails=None)  # it may be taken away before it is through
        done = evicted.done()
    (row,) = done["recordings"]
    assert (row["state"], row["run"], row["chargedAttempts"]) == ("Succeeded", 2, 1), (row, here.trouble())
    assert done["recent"] == ["ScratchFull", "Succeeded"]


def test_a_store_that_is_gone_for_a_minute_is_waited_for(here: Place) -> None:
    waiting = batch(here, "waiting", ["talk.mp4"])
    with here.transcript.phase("store gone for a minute"):
        waiting.until_working()
        here.store.shut()
        try:
            back = time.monotonic() + MINUTE
            reasons: set[str] = set()

            def over() -> bool:
                reasons.update(row["reason"] for row in waiting.rows if "reason" in row)
                return bool(reasons) and time.monotonic() > back

            waiting.until(over, "a minute is over, and the batch waits")
        finally:
            here.store.open()
        (row,) = waiting.done()["recordings"]
    assert reasons == {"DatabaseUnavailable"}
    assert (row["state"], row["chargedAttempts"]) == ("Succeeded", 0), (row, here.trouble())
    assert here.queried("select count(*) from ingest.run where batch = %s", f"{NAMESPACE}/waiting") == [(1,)]


def test_an_operator_that_is_deleted_in_mid_batch_takes_up_where_it_was(here: Place) -> None:
    files = ["call.webm", "podcast.mp3", "meeting.ogg"]
    taken_up = batch(here, "taken-up", files)
    with here.transcript.phase("operator deleted"):
        taken_up.until_working()
        here.kubectl("delete pod --selector=app.kubernetes.io/component=operator", shown=False)
        here.kubectl(f"rollout status deployment/{RELEASE} --timeout=10m", shown=False)
        done = taken_up.done()
    assert done["counts"]["succeeded"] == len(files), here.trouble()
    assert {(row["run"], row["chargedAttempts"]) for row in done["recordings"]} == {(1, 0)}
    assert len(taken_up.workers()) == len(files), "no Job was doubled"


def test_a_kubelet_that_is_started_again_finds_its_worker_or_a_new_one_is_made(here: Place) -> None:
    kept = batch(here, "kept", ["talk.mp4"])
    with here.transcript.phase("kubelet restarted"):
        kept.until_working()
        here.node.restart_kubelet()
        (row,) = kept.done()["recordings"]
    assert (row["state"], row["chargedAttempts"]) == ("Succeeded", 0), (row, here.trouble())
