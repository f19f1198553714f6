"""One batch from its file to the store: what a person with a laptop does, and what they read afterwards.
Two of its recordings have words, turns and people that are known exactly."""

import json
import re
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import jsonschema
import pytest

from ingest_contract.crd import definitions
from ingest_worker.store.connect import connect
from ingest_worker.store.reads import StoredTranscript, transcript
from testkit.speech import catalogue
from tests.support.journey import Ctl, workstation
from tests.support.word_times import faults_of_passages, faults_of_speakers, faults_of_times

if TYPE_CHECKING:
    from testkit.speech.accuracy import Accuracy

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(1800)]

FILES = ("talk.mp4", "call.webm", "hls/master.m3u8", "silent.mp4", "truncated.mp4", "missing.mp4")


@pytest.fixture(scope="module")
def ctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctl]:
    with workstation(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="module")
def first(ctl: Ctl) -> CompletedProcess[str]:
    """The batch's first command."""
    return ctl.run("run", str(ctl.batch(*FILES, voices=True)), "--output", "json", timeout=1500)


def ids(ctl: Ctl) -> dict[str, str]:
    """File -> the recording that it was planned as."""
    planned = json.loads((ctl.folder() / "plan-0.json").read_text())["document"]["items"]
    return {item["url"].removeprefix(ctl.base + "/"): item["id"] for item in planned}


def test_a_batch_ends_with_every_recording_stored_skipped_or_failed_for_its_own_reason(
    ctl: Ctl, first: CompletedProcess[str]
) -> None:
    status = json.loads(first.stdout)["status"]
    ended = {row["id"]: (row["state"], row.get("reason")) for row in status["recordings"]}
    assert {file: ended[planned] for file, planned in ids(ctl).items()} == {
        "call.webm": ("Succeeded", None),
        "hls/master.m3u8": ("Succeeded", None),
        "silent.mp4": ("Skipped", "NoSpeech"),
        "truncated.mp4": ("Failed", "Truncated"),
        "missing.mp4": ("Failed", "NotFound"),
        "talk.mp4": ("Succeeded", None),
    }, first.stderr
    assert first.returncode == 1

    counts = status["counts"]
    assert (counts["total"], counts["succeeded"], counts["skipped"], counts["failed"]) == (6, 3, 1, 2)
    assert status["sums"]["segments"] == status["sums"]["vectors"] > 0
    assert float(status["sums"]["voicedSeconds"]) >= 0.95 * float(status["sums"]["speechSeconds"]) > 0

    schema = definitions()["ingestbatches.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"][
        "properties"
    ]["status"]
    jsonschema.validate(status, schema)
    assert len(json.dumps(status, separators=(",", ":"))) < 4096  # as etcd has it

    batch = ctl.home / "journey.yaml"
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
    assert rows[1] == 3
    assert speakers == (0,)


def accuracy(recording: str, found: StoredTranscript) -> "Accuracy":
    """Imported where it is measured: what scores speech takes seconds to come."""
    from testkit.speech.accuracy import accuracy

    return accuracy(catalogue.recordings()[recording], found)


def stored(ctl: Ctl, file: str) -> StoredTranscript:
    """What is in the store of a file: in order, inside the recording, inside their speaker's turn, and each
    word in one passage."""
    with connect(ctl.dsn, application="test") as connection:
        found = transcript(connection, ids(ctl)[file])
    assert found is not None
    assert found.words
    assert faults_of_times([spoken.word for spoken in found.words], found.run.media_seconds) == []
    assert faults_of_speakers(found.words, found.turns) == []
    assert faults_of_passages(found.segments, found.words) == []
    return found


@pytest.mark.usefixtures("first")
def test_a_telephone_call_is_heard_and_its_two_people_are_told_apart(ctl: Ctl) -> None:
    figures = accuracy("sample", stored(ctl, "call.webm"))
    assert figures.wer <= 0.20
    assert figures.der <= 0.08
    assert (figures.speakers_found, figures.speakers) == (2, 2)
    assert figures.voice_coverage >= 0.95


@pytest.mark.usefixtures("first")
def test_a_dialogue_of_three_is_heard_attributed_and_named_where_a_voice_is_enrolled(ctl: Ctl) -> None:
    found = stored(ctl, "talk.mp4")
    figures = accuracy("dialogue", found)
    assert figures.wer <= 0.03
    assert figures.der <= 0.10
    assert figures.right_person >= 0.95
    assert figures.voice_coverage >= 0.95
    *names, unknown = figures.labels
    assert names == ["joe", "mina"]
    assert re.fullmatch(r"unknown #\d+", unknown), "its number is one of the whole store"
    by_label = {speaker.label: speaker for speaker in found.speakers}
    assert by_label[unknown].score is not None
    assert all((by_label[name].score or 0.0) > by_label[name].threshold for name in ("joe", "mina"))
    assert all(by_label[name].runner_up_score is not None for name in by_label)
