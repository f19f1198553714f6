"""Recordings in a bucket on the real control plane and a real S3 server: which pods have the Secret, and what
is said of one that is missing, incomplete or wrong, and of an object that vanishes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition, final
from testkit.s3.server import ROOT, S3Server, serving
from tests.support.bucket_pods import BucketPods

BUCKET = "recordings"
SECRET = "bucket-reader"
PODS = {"secrets": [SECRET], "models": {"hostPath": "/srv/models"}}
KEYS = {"AWS_ACCESS_KEY_ID": ROOT.access_key_id, "AWS_SECRET_ACCESS_KEY": ROOT.secret_access_key}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with serving() as server:
        server.bucket(BUCKET)
        for number in range(50):
            server.put(BUCKET, f"talks/talk {number:02}.mp3", bytes([number]) * 4096)
        server.put(BUCKET, "talks/notes.txt", b"no recording")
        yield server


def secret(scene: Scene, **keys: str) -> None:
    scene.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": keys})


def source(s3: S3Server, glob: str = "*.mp3", prefix: str = "talks") -> dict[str, Any]:
    place = {"url": f"s3://{BUCKET}/{prefix}", "glob": glob, "endpoint": s3.url, "region": "us-east-1"}
    return {"objectStore": {**place, "secretName": SECRET}}


def at_work(scene: Scene, pods: BucketPods, **profile: Any) -> None:
    scene.profile(pods={**PODS, **profile}, fetch={"allow": {"privateAddresses": True}})
    scene.play(pods)
    scene.operate()


def profile_says(scene: Scene, reason: str) -> str:
    path = scene.path().replace("ingestbatches/talks", "ingestprofiles/default")

    def ready() -> dict[str, Any]:
        return condition(scene.admin.get(path).get("status", {}), "Ready")

    until(lambda: ready().get("reason") == reason, f"the profile says {reason}")
    return str(ready()["message"])


def test_fifty_objects_are_found_by_glob(scene: Scene, s3: S3Server, tmp_path: Path) -> None:
    secret(scene, **KEYS)
    pods = BucketPods(scene, tmp_path)
    at_work(scene, pods)
    scene.batch(sources=[source(s3)], dryRun=True)
    assert scene.until_state("DryRun")["counts"]["total"] == 50
    assert pods.mounted == {"plan": [SECRET]}


@pytest.mark.parametrize("ahead", [False, True], ids=["inline", "ahead"])
def test_pods_that_fetch_have_the_secret_and_an_object_that_vanished_fails_alone(
    scene: Scene, s3: S3Server, tmp_path: Path, *, ahead: bool
) -> None:
    folder = f"some-{ahead}"
    for name in ("a", "b"):
        s3.put(BUCKET, f"{folder}/{name}.mp3", name.encode() * 4096)

    def vanish(title: str) -> None:
        if title == "b":
            s3.delete(BUCKET, f"{folder}/b.mp3")

    secret(scene, **KEYS)
    pods = BucketPods(scene, tmp_path, vanish)
    at_work(scene, pods, **({"cache": {"hostPath": "/srv/cache"}} if ahead else {}))
    scene.batch(sources=[source(s3, prefix=folder)])
    status = scene.until_state("CompleteWithFailures")
    assert final(status) == {"succeeded": 1, "skipped": 0, "failed": 1}
    assert [each["reason"] for each in status["failures"]] == ["NotFound"]
    first = "fetch" if ahead else "ingest"
    assert pods.mounted == {"plan": [SECRET], f"{first} a": [SECRET], f"{first} b": [SECRET]} | (
        {"ingest a": []} if ahead else {}
    )


def test_a_secret_that_is_missing_incomplete_or_wrong_holds_the_plan_and_is_named_until_it_is_right(
    scene: Scene, s3: S3Server, tmp_path: Path
) -> None:
    s3.put(BUCKET, "one/a.mp3", b"a" * 4096)
    pods = BucketPods(scene, tmp_path)
    at_work(scene, pods)
    scene.batch(sources=[source(s3, prefix="one")])
    assert SECRET in scene.until_stalled("CredentialsInvalid")["message"]
    assert "Batch talks: " in profile_says(scene, "CredentialsInvalid")
    secret(scene, AWS_ACCESS_KEY_ID=ROOT.access_key_id)
    scene.until(
        lambda status: "AWS_SECRET_ACCESS_KEY" in condition(status, "Stalled").get("message", ""),
        "the key is named",
    )
    secret(scene, **{**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"})
    scene.until(
        lambda status: "SignatureDoesNotMatch" in condition(status, "Stalled").get("message", ""),
        "the server's word is told",
    )
    secret(scene, **KEYS)
    status = scene.until_state("Complete")
    assert final(status) == {"succeeded": 1, "skipped": 0, "failed": 0}
    assert profile_says(scene, "AllFound") == ""
