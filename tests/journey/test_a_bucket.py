"""Recordings in a bucket of a real S3 server, from the batch's file to the store: with a Secret that is
wrong, then with the right one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingest_worker.store.connect import connect
from testkit.media import packing
from testkit.s3.server import ROOT, Account, serving
from tests.support.journey import Ctl

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(1200)]

BUCKET = "recordings"


def test_a_bucket_is_ingested_once_its_secret_is_right_and_no_key_is_left_anywhere(
    ctl: Ctl, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keys = tmp_path_factory.mktemp("keys")
    wrong = replace(ROOT, secret_access_key="another-secret").into(keys / "wrong")
    right = Account(ROOT.access_key_id, ROOT.secret_access_key).into(keys / "right")
    with serving() as s3:
        s3.bucket(BUCKET)
        for name in ("call.webm", "silent.mp4"):
            for folder in ("2025", "2026"):
                s3.put(BUCKET, f"{folder}/{name}", (packing.folder() / name).read_bytes())
        place = {"url": f"s3://{BUCKET}", "glob": "2026/*", "endpoint": s3.url, "region": "us-east-1"}
        batch = ctl.batch(sources=[{"objectStore": {**place, "secretName": "reader"}}])

        refused = ctl.run("run", str(batch), "--secret", f"reader={wrong}", "--output", "json")
        assert refused.returncode == 1
        assert "SignatureDoesNotMatch" in refused.stderr

        ran = ctl.run("run", str(batch), "--secret", f"reader={right}", "--output", "json")
    status = json.loads(ran.stdout)["status"]
    assert {row["state"]: row.get("reason") for row in status["recordings"]} == {
        "Succeeded": None,
        "Skipped": "NoSpeech",
    }, ran.stderr
    with connect(ctl.dsn, application="test") as connection:
        rows = str(connection.execute("select id, url from ingest.recording").fetchall())
    assert "s3:" in rows
    told = {str(path): path.read_bytes().decode(errors="replace") for path in _files(ctl.home)}
    told |= {"output": ran.stdout + ran.stderr + refused.stdout + refused.stderr, "store": rows}
    secrets = (ROOT.secret_access_key, "another-secret")
    assert [place for place, text in told.items() if any(each in text for each in secrets)] == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
