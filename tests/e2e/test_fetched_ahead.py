"""Fetching ahead on a real node: a pod without a GPU leaves the audio in a folder of the node, and the pod
with the GPU ingests it and leaves nothing there."""

import json

from ingest_operator.kube.api.names import BATCH_UID, FETCH, INGEST, ROLE
from testkit.node.images import LIGHT
from testkit.release.batches import batch
from testkit.release.place import Place

WORKERS_ID = 65_532


def test_a_recording_is_fetched_without_a_gpu_and_ingested_from_a_folder_of_the_node(here: Place) -> None:
    cache = here.folder / "cache"
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)  # the process's mask may have taken from it
    ahead = batch(here, "ahead", ["talk.mp4", "missing.mp4"], pods={"cache": {"hostPath": str(cache)}})
    with here.transcript.phase("fetched ahead"):
        ahead.until(lambda: list(cache.glob("*.json")), "the audio is in the folder")
        assert {path.stat().st_uid for path in cache.iterdir()} == {WORKERS_ID}
        status = ahead.done()
    assert (status["counts"]["succeeded"], status["counts"]["failed"]) == (1, 1)
    assert list(cache.iterdir()) == [], "nothing is left of what is final"
    uid = here.read("ingestbatches", "ahead")["metadata"]["uid"]
    jobs = {role: here.listed("jobs", f"{BATCH_UID}={uid},{ROLE}={role}") for role in (FETCH, INGEST)}
    assert (len(jobs[FETCH]), len(jobs[INGEST])) == (2, 1), "what is not there never asks for a GPU"
    fetching, ingesting = (job[0]["spec"]["template"]["spec"]["containers"][0] for job in jobs.values())
    assert fetching["image"] == LIGHT.reference
    assert "nvidia.com/gpu" not in fetching["resources"]["limits"]
    assert "nvidia.com/gpu" in ingesting["resources"]["limits"]
    (receipt,) = (
        json.loads(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"])
        for pod in ahead.workers()
    )
    assert receipt["mediaSeconds"] > 0
