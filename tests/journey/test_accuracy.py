"""What comes out of the store is right, on recordings whose words, turns and people are known exactly."""

import json
from typing import TYPE_CHECKING

import pytest

from ingest_worker.store.connect import connect
from ingest_worker.store.reads import StoredTranscript, transcript
from testkit.speech import catalogue
from tests.support.journey import Ctl
from tests.support.word_times import faults_of_passages, faults_of_speakers, faults_of_times

if TYPE_CHECKING:
    from testkit.speech.accuracy import Accuracy

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(1800)]


def accuracy(recording: catalogue.Recording, found: StoredTranscript) -> "Accuracy":
    """Imported where it is measured: what scores speech takes seconds to come."""
    from testkit.speech.accuracy import accuracy

    return accuracy(recording, found)


def ingested(ctl: Ctl, file: str) -> StoredTranscript:
    result = ctl.run("run", str(ctl.batch(file, name="accuracy", voices=True)), "--output", "json")
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(result.stdout)["status"]["recordings"]
    with connect(ctl.dsn, application="test") as connection:
        found = transcript(connection, row["id"])
    assert found is not None
    assert_words_are_in_place(found)
    return found


def assert_words_are_in_place(found: StoredTranscript) -> None:
    """In order, inside the recording, inside their speaker's turn, and each in one passage."""
    assert found.words
    assert faults_of_times([spoken.word for spoken in found.words], found.run.media_seconds) == []
    assert faults_of_speakers(found.words, found.turns) == []
    assert faults_of_passages(found.segments, found.words) == []


def test_a_telephone_call_is_heard_and_its_two_people_are_told_apart(ctl: Ctl) -> None:
    figures = accuracy(catalogue.recordings()["sample"], ingested(ctl, "call.webm"))
    assert figures.wer <= 0.20
    assert figures.der <= 0.08
    assert (figures.speakers_found, figures.speakers) == (2, 2)
    assert figures.voice_coverage >= 0.95


def test_a_dialogue_of_three_is_heard_attributed_and_named_where_a_voice_is_enrolled(ctl: Ctl) -> None:
    found = ingested(ctl, "talk.mp4")
    figures = accuracy(catalogue.recordings()["dialogue"], found)
    assert figures.wer <= 0.03
    assert figures.der <= 0.10
    assert figures.right_person >= 0.95
    assert figures.voice_coverage >= 0.95
    assert figures.labels == ("joe", "mina", "unknown #1")
    by_label = {speaker.label: speaker for speaker in found.speakers}
    assert by_label["unknown #1"].score is not None
    assert all((by_label[name].score or 0.0) > by_label[name].threshold for name in ("joe", "mina"))
    assert all(by_label[name].runner_up_score is not None for name in by_label)
