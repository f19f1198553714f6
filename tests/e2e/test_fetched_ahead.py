"""Fetching ahead on a real node: a pod without a GPU leaves the audio in a folder of the node, and the pod
with the GPU reaches the store and nothing else, ingests it and leaves nothing there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest_operator.kube.api.names import BATCH_UID, FETCH, INGEST, ROLE
from testkit.node.images import LIGHT
from testkit.node.metadata import ADDRESS as METADATA
from testkit.node.metadata import metadata
from testkit.node.namespace import HOST
from testkit.release.batches import batch
from testkit.release.installed import INSTALL
from testkit.release.knocking import reached
from testkit.release.place import MEDIA_PORT, NAMESPACE, RELEASE, STORE_PORT, Place

WORKERS_ID = 65_532


@contextmanager
def cache_in(here: Place, folder: Path) -> Iterator[None]:
    """The release with a cache in a folder of the node."""
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)  # the process's mask may have taken from it
    here.helm(f"upgrade {INSTALL} --set cache.from=HostPath --set cache.hostPath={folder}")
    try:
        yield
    finally:
        here.helm(f"rollback {RELEASE} --namespace {NAMESPACE} --wait")


def test_a_recording_is_fetched_without_a_gpu_and_ingested_by_a_pod_that_reaches_the_store_alone(
    here: Place,
) -> None:
    cache, store, media = here.folder / "cache", f"{HOST}:{STORE_PORT}", f"{HOST}:{MEDIA_PORT}"
    foreign = [media, f"{HOST}:{here.node.plane.port}", f"{METADATA}:80"]
    with here.transcript.phase("fetched ahead"), metadata(here.node.inside), cache_in(here, cache):
        ahead = batch(here, "ahead", ["talk.mp4", "missing.mp4"])
        ahead.until(lambda: list(cache.glob("*.json")), "the audio is in the folder")
        assert {path.stat().st_uid for path in cache.iterdir()} == {WORKERS_ID}
        assert reached(here, ahead.until_working(), [store, *foreign]) == [store]
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
