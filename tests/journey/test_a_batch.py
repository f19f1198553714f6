"""One batch from its file to the store: what a person with a laptop does, and what they read afterwards."""

import json

import jsonschema
import pytest

from ingest_contract.crd import definitions
from ingest_worker.store.connect import connect
from tests.support.journey import Ctl

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(1200)]

FILES = ("call.webm", "hls/master.m3u8", "silent.mp4", "truncated.mp4", "missing.mp4")


def test_a_batch_ends_with_every_recording_stored_skipped_or_failed_for_its_own_reason(ctl: Ctl) -> None:
    batch = ctl.batch(*FILES, voices=True)

    first = ctl.run("run", str(batch), "--output", "json")
    status = json.loads(first.stdout)["status"]
    ended = {row["id"]: (row["state"], row.get("reason")) for row in status["recordings"]}
    urls = {
        item["id"]: item["url"].removeprefix(ctl.base + "/")
        for item in json.loads((ctl.folder() / "plan-0.json").read_text())["document"]["items"]
    }
    assert {urls[item]: end for item, end in ended.items()} == {
        "call.webm": ("Succeeded", None),
        "hls/master.m3u8": ("Succeeded", None),
        "silent.mp4": ("Skipped", "NoSpeech"),
        "truncated.mp4": ("Failed", "Truncated"),
        "missing.mp4": ("Failed", "NotFound"),
    }, first.stderr
    assert first.returncode == 1

    counts = status["counts"]
    assert (counts["total"], counts["succeeded"], counts["skipped"], counts["failed"]) == (5, 2, 1, 2)
    assert status["sums"]["segments"] == status["sums"]["vectors"] > 0
    assert float(status["sums"]["voicedSeconds"]) >= 0.95 * float(status["sums"]["speechSeconds"]) > 0

    schema = definitions()["ingestbatches.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"][
        "properties"
    ]["status"]
    jsonschema.validate(status, schema)
    assert len(json.dumps(status, separators=(",", ":"))) < 4096  # as etcd has it

    runs_before = sorted((ctl.folder() / "runs").iterdir())
    second = ctl.run("run", str(batch), "--output", "json")
    assert json.loads(second.stdout)["status"]["finalRecordings"] == status["finalRecordings"]
    assert sorted((ctl.folder() / "runs").iterdir()) == runs_before

    again = ctl.batch("call.webm", "hls/master.m3u8", name="again", voices=True)
    third = ctl.run("run", str(again), "--output", "json")
    left_out = json.loads(third.stdout)["status"]["plan"]["leftOut"]
    assert {entry["reason"]: entry["count"] for entry in left_out} == {"AlreadyStored": 2}
    assert third.returncode == 0

    with connect(ctl.dsn, application="test") as connection:
        rows = connection.execute("select count(*), count(distinct run) from current_segments").fetchone()
        speakers = connection.execute("select count(*) from speakers where label is null").fetchone()
    assert rows is not None
    assert rows[1] == 2
    assert speakers == (0,)
