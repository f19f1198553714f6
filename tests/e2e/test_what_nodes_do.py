"""What a node does to workers: it kills the one that takes more memory than it may, and it takes one away in mid-recording."""

from typing import Any

import yaml

from ingest_operator.kube.names import BATCH_UID, INGEST, ROLE
from tests.e2e.place import BASE, Place

TOO_LITTLE_MIB = 600
"""Python with its engines takes about twice as much, and the ladder doubles three times."""


def test_a_worker_that_is_killed_for_its_memory_is_given_more_until_it_has_enough(here: Place) -> None:
    _profile(here, "tight", memory={"baseMib": TOO_LITTLE_MIB, "mibPerMediaHour": 0, "maxMib": 8192})
    with here.transcript.phase("out of memory"):
        done = _ingested(here, "tight", "meeting.ogg")
    (row,) = done["videos"]
    assert (row["state"], done["counts"]["succeeded"]) == ("Succeeded", 1), here.trouble()
    assert row["rung"] >= 1, row
    assert row["try"] == row["rung"] + 1, "one process for each rung, and one that succeeded"
    assert row["attempts"] <= 1, "the ladder has a budget of its own"
    ends = [pod["status"]["containerStatuses"][0]["state"]["terminated"] for pod in _workers(here, "tight")]
    killed = [end for end in ends if end["exitCode"] != 0]
    assert len(killed) == row["rung"]
    assert {end["reason"] for end in killed} <= {"OOMKilled", "Error"}
    assert "OOMKilled" in {end["reason"] for end in killed}, ends


def test_a_worker_whose_pod_is_deleted_in_mid_recording_is_started_again_uncharged(here: Place) -> None:
    with here.transcript.phase("pod deleted"):
        _apply(here, _batch("interrupted", "talk.mp4"))
        here.until(lambda: _stage(here, "interrupted") in ("transcribe", "diarize"), "the recording is being worked on")
        (pod,) = _workers(here, "interrupted")
        here.kubectl(f"delete pod {pod['metadata']['name']}", shown=False)
        done = _waited(here, "interrupted")
    (row,) = done["videos"]
    assert (row["state"], row["try"]) == ("Succeeded", 2), (row, here.trouble())
    assert row["attempts"] == 1, "an interruption is nobody's fault"


def _profile(here: Place, name: str, **pods: Any) -> None:
    """The chart's profile with other pods, which are kept."""
    spec = here.read("ingestprofile", "default")["spec"]
    spec["pods"] |= {"keepSucceededSeconds": 86_400, **pods}
    _apply(here, {"apiVersion": "video-ingest.dev/v1alpha1", "kind": "IngestProfile", "metadata": {"name": name}, "spec": spec})


def _batch(name: str, file: str, profile: str = "default") -> dict[str, Any]:
    spec = {
        "profileRef": {"name": profile},
        "sources": [{"url": f"{BASE}/{file}"}],
        "reprocess": "Always",
        "transcription": {"language": "en"},
    }
    return {"apiVersion": "video-ingest.dev/v1alpha1", "kind": "IngestBatch", "metadata": {"name": name}, "spec": spec}


def _apply(here: Place, body: dict[str, Any]) -> None:
    path = here.folder / f"{body['metadata']['name']}.yaml"
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    here.kubectl(f"apply --filename {path.name}", shown=False)


def _ingested(here: Place, name: str, file: str) -> dict[str, Any]:
    """The status of a batch of one recording that is complete."""
    _apply(here, _batch(name, file, name))
    return _waited(here, name)


def _waited(here: Place, name: str) -> dict[str, Any]:
    here.kubectl(f"wait --timeout=60m --for=condition=Complete ib {name}", shown=False)
    return dict(here.read("ib", name)["status"])


def _stage(here: Place, name: str) -> str | None:
    rows = here.read("ib", name).get("status", {}).get("videos", ())
    return next((row.get("stage") for row in rows if row["state"] == "Running"), None)


def _workers(here: Place, name: str) -> list[dict[str, Any]]:
    uid = here.read("ib", name)["metadata"]["uid"]
    return here.listed("pods", f"{BATCH_UID}={uid},{ROLE}={INGEST}")
