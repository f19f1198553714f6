"""What comes between a worker and the end of its recording: each costs a try; what the recording may have caused is charged."""

import json
import time

from tests.e2e.batches import batch
from tests.e2e.place import BASE, NAMESPACE, RELEASE, Place
from tests.support.cluster.history import History
from tests.support.node.node import GPU, NAME

MINUTE = 60


def test_a_drained_node_asks_the_worker_to_end_which_it_does_in_time(here: Place) -> None:
    drained = batch(here, "drained", ["talk.mp4"], beams=1)
    with here.transcript.phase("drain"), History(here.node.plane.admin, f"/api/v1/namespaces/{NAMESPACE}/pods") as pods:
        name = drained.until_working()
        here.kubectl(f"drain {NAME} --pod-selector=batch.kubernetes.io/job-name --delete-emptydir-data --timeout=5m", shown=False)
        here.kubectl(f"uncordon {NAME}", shown=False)
        (row,) = drained.done()["videos"]
    assert (row["state"], row["try"], row["attempts"]) == ("Succeeded", 2, 0), (row, here.trouble())
    versions = [each for each in pods.versions if each["metadata"]["name"] == name]
    patience = next(each["metadata"]["deletionTimestamp"] for each in versions if "deletionTimestamp" in each["metadata"])
    end = versions[-1]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert end["exitCode"] == 143
    assert json.loads(end["message"])["reason"] == "Interrupted"
    assert end["finishedAt"] < patience, "it took longer than its grace period"


def test_a_worker_that_fills_its_scratch_disk_is_evicted_by_the_kubelet_and_told_as_that(here: Place) -> None:
    evicted = batch(here, "evicted", ["talk.mp4"], beams=2, most=7, pods={"scratchGib": 1})
    with here.transcript.phase("eviction"):
        pod = evicted.until_working("fetch", "decode", "transcribe", "diarize")
        here.kubectl(f"exec {pod} -- dd if=/dev/zero of=/tmp/filler bs=1M count=1200", shown=False)
        done = evicted.done()
    (row,) = done["videos"]
    assert (row["state"], row["try"], row["attempts"]) == ("Succeeded", 2, 1), (row, here.trouble())
    assert done["recent"] == ["ScratchFull", "Succeeded"]


def test_a_store_that_is_gone_for_a_minute_is_waited_for(here: Place) -> None:
    waiting = batch(here, "waiting", ["call.webm"], beams=1)
    with here.transcript.phase("store gone for a minute"):
        waiting.until_working("fetch", "decode", "transcribe", "diarize")
        here.store.shut()
        gone = time.monotonic()
        here.until(
            lambda: time.monotonic() - gone > MINUTE and any(row["state"] == "Waiting" for row in waiting.rows),
            "the batch waits for the store",
        )
        (row,) = waiting.rows
        here.store.open()
        (done,) = waiting.done()["videos"]
    assert row["reason"] == "DatabaseUnavailable"
    assert (done["state"], done["attempts"]) == ("Succeeded", 0), (done, here.trouble())
    assert here.queried("select state from videos where url = %s", f"{BASE}/call.webm") == [("Ingested",)]


def test_an_operator_that_is_deleted_in_mid_batch_takes_up_where_it_was(here: Place) -> None:
    files = ["call.webm", "podcast.mp3", "meeting.ogg"]
    taken_up = batch(here, "taken-up", files, beams=2)
    with here.transcript.phase("operator deleted"):
        taken_up.until_working()
        here.kubectl("delete pod --selector=app.kubernetes.io/component=operator", shown=False)
        here.kubectl(f"rollout status deployment/{RELEASE} --timeout=10m", shown=False)
        done = taken_up.done()
    assert done["counts"]["succeeded"] == len(files), here.trouble()
    assert {(row["try"], row["attempts"]) for row in done["videos"]} == {(1, 0)}
    assert len(taken_up.workers()) == len(files), "no Job was doubled"


def test_a_kubelet_that_is_started_again_finds_its_worker_or_a_new_one_is_made(here: Place) -> None:
    kept = batch(here, "kept", ["talk.mp4"], beams=5)
    lease = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NAME}"
    with here.transcript.phase("kubelet restarted"):
        kept.until_working()
        here.node.kubelet.kill()
        before = here.node.plane.admin.get(lease)["spec"]["renewTime"]
        here.node.kubelet.start()
        here.until(lambda: here.node.plane.admin.get(lease)["spec"]["renewTime"] > before, "the kubelet is back")
        here.node.offer(GPU, 1)
        (row,) = kept.done()["videos"]
    assert (row["state"], row["attempts"]) == ("Succeeded", 0), (row, here.trouble())
