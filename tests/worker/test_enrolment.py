"""Enrolling a voice: each source heard once, one that is of no use taking no other with it, and all told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import DiarizationProfile, FetchProfile, IdentificationProfile
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voice_report import Enrolled
from ingest_contract.voices import VoiceRecording
from ingest_worker.domain import Diarization, FloatArray, Sound, Turn
from ingest_worker.enrolment import Enrolling, Hearing
from ingest_worker.errors import StageError
from ingest_worker.store.enrolment import HeardSource
from tests.support.ports import Judge, Studio
from tests.support.worker import RUNTIME, TRACE, place_in

FRONT, BACK, SIDE = (f"https://media.example.org/{name}.wav" for name in ("front", "back", "side"))
STRETCH = VoiceRecording(recording="url:talk", start_seconds=0, end_seconds=60)


def axis(which: int) -> FloatArray:
    return np.eye(4, dtype=np.float32)[which]


def alone(which: int, seconds: float = 12.0) -> Diarization:
    return Diarization((Turn(0.0, seconds, 0),), (), axis(which)[None])


@dataclass
class Shelf:
    """A store of one voice."""

    rows: dict[str, HeardSource] = field(default_factory=dict)
    stretches: dict[str, tuple[str, Diarization]] = field(default_factory=dict)
    writes: int = 0

    def known(self) -> dict[str, HeardSource]:
        return dict(self.rows)

    def stretch(self, recording: VoiceRecording, /) -> tuple[str, Diarization] | None:
        return self.stretches.get(recording.key)

    def keep(self, rows: list[HeardSource], /) -> None:
        self.writes += 1
        self.rows |= {row.source: row for row in rows}


@dataclass
class Booth:
    """What hears: which voice is in which address, and what its file holds now."""

    studio: Studio = field(default_factory=Studio)
    voices: dict[str, Diarization] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    fails: dict[str, StageError] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def fetch(self, item: Any, into: Path, report: Any, /) -> Any:
        self.heard.append(item.url)
        if item.url in self.fails:
            raise self.fails[item.url]
        self.studio.diarization = self.voices.get(item.url, alone(0))
        return self.studio.fetch(item, into, report)

    def confirm(self, *_: Any) -> None:
        """Nothing changes here."""


Enrol = Callable[..., Enrolled]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def booth() -> Booth:
    return Booth()


@pytest.fixture
def enrolling(shelf: Shelf, booth: Booth, tmp_path: Path) -> Callable[..., Enrolling]:
    def made(*sources: str | VoiceRecording) -> Enrolling:
        order = EnrolOrder(
            trace_id=TRACE,
            profile="a/ann",
            voice="ann",
            recordings=tuple(VoiceRecording(url=each) if isinstance(each, str) else each for each in sources),
            model_set="demo",
            diarization=DiarizationProfile(),
            identification=IdentificationProfile(),
            runtime=RUNTIME,
            fetch=FetchProfile(),
            place=place_in(tmp_path, tmp_path),
        )
        hearing = Hearing(
            lambda: (booth, booth.studio),  # type: ignore[arg-type,return-value]  # as much of a fetcher as is needed
            lambda: Judge(booth.studio),
            lambda url: booth.contents.get(url, ""),
        )
        return Enrolling(order, "community-1@0123456789ab", shelf, hearing)

    return made


@pytest.fixture
def enrol(enrolling: Callable[..., Enrolling]) -> Enrol:
    def done(*sources: str | VoiceRecording) -> Enrolled:
        one = enrolling(*sources)
        one.run(lambda _: None)
        return one.report

    return done


def states(report: Enrolled) -> list[tuple[str, Reason | None]]:
    return [(source.state.value, source.reason) for source in report.sources]


def test_each_source_is_heard_once_and_reported_with_its_likeness_to_the_others(
    enrol: Enrol, booth: Booth
) -> None:
    report = enrol(FRONT, BACK)
    assert states(report) == [("Used", None)] * 2
    assert [(source.heard, source.seconds, source.score) for source in report.sources] == [
        (True, 12.0, 1.0)
    ] * 2
    assert report.bytes_read > 0
    again = enrol(FRONT, BACK)
    assert booth.heard == [FRONT, BACK]
    assert (states(again), again.bytes_read) == (states(report), 0)
    assert not any(source.heard for source in again.sources)


def test_a_file_with_another_content_is_heard_again_and_no_other(enrol: Enrol, booth: Booth) -> None:
    booth.contents = {FRONT: "1", BACK: "1"}
    enrol(FRONT, BACK)
    booth.contents[BACK] = "2"
    enrol(FRONT, BACK)
    assert booth.heard == [FRONT, BACK, BACK]


def test_a_recording_of_somebody_else_is_refused_and_counts_again_with_others_like_it(
    enrol: Enrol, booth: Booth, shelf: Shelf
) -> None:
    booth.voices = {SIDE: alone(2)}
    assert states(enrol(FRONT, BACK, SIDE)) == [("Used", None)] * 2 + [("Refused", Reason.VOICES_DISAGREE)]
    assert shelf.rows[SIDE].reason is Reason.VOICES_DISAGREE
    assert states(enrol(SIDE)) == [("Used", None)]
    assert booth.heard == [FRONT, BACK, SIDE]


def test_of_two_that_differ_none_is_used(enrol: Enrol, booth: Booth) -> None:
    booth.voices = {BACK: alone(1)}
    report = enrol(FRONT, BACK)
    assert states(report) == [("Refused", Reason.VOICES_DISAGREE)] * 2
    assert report.used == 0
    assert "Likeness to the others is 0.00" in report.sources[0].message


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (alone(0, 4.0), Reason.TOO_LITTLE_SPEECH),
        (
            Diarization((Turn(0, 20, 0), Turn(20, 30, 1)), (), np.stack([axis(0), axis(1)])),
            Reason.SEVERAL_PEOPLE,
        ),
        (Diarization((), (), np.zeros((0, 4), np.float32)), Reason.TOO_LITTLE_SPEECH),
    ],
    ids=["too little", "two people", "nobody"],
)
def test_what_is_not_one_persons_speech_is_refused_and_never_heard_again(
    enrol: Enrol, booth: Booth, said: Diarization, reason: Reason
) -> None:
    booth.voices = {BACK: said}
    for _ in range(2):
        assert states(enrol(FRONT, BACK)) == [("Used", None), ("Refused", reason)]
    assert booth.heard == [FRONT, BACK]


def test_too_little_speech_in_an_address_that_may_still_be_written_is_heard_again(
    enrol: Enrol, booth: Booth
) -> None:
    booth.voices, booth.studio.sound = {BACK: alone(0, 4.0)}, Sound(1, 1, open_ended=True)
    assert states(enrol(FRONT, BACK)) == [("Used", None), ("Refused", Reason.LIVE_OR_UPCOMING)]
    booth.voices[BACK] = alone(0)
    assert states(enrol(FRONT, BACK)) == [("Used", None)] * 2
    assert booth.heard == [FRONT, BACK, BACK]


@pytest.mark.parametrize(
    "reason", [Reason.NOT_FOUND, Reason.UNDECODABLE, Reason.PRIVATE, Reason.NO_AUDIO_TRACK]
)
def test_a_recording_that_cannot_be_had_is_refused_and_tried_again_by_the_next_enrolment(
    enrol: Enrol, booth: Booth, reason: Reason
) -> None:
    booth.fails[FRONT] = StageError(reason, "as it was told")
    report = enrol(FRONT, BACK)
    assert states(report) == [("Refused", reason), ("Used", None)]
    assert report.sources[0].message == "as it was told"
    del booth.fails[FRONT]
    assert states(enrol(FRONT, BACK)) == [("Used", None)] * 2


@pytest.mark.parametrize(
    "reason", [Reason.DOWNLOAD_FAILED, Reason.BOT_CHECK, Reason.GPU_OUT_OF_MEMORY, Reason.DIARIZATION_FAILED]
)
def test_one_that_cannot_be_heard_now_fails_the_run_after_the_others_were_heard_and_kept(
    enrolling: Callable[..., Enrolling], shelf: Shelf, booth: Booth, reason: Reason
) -> None:
    booth.fails[FRONT] = StageError(reason, "as it was told", retry_after_seconds=7)
    one = enrolling(FRONT, BACK)
    with pytest.raises(StageError, match="as it was told") as caught:
        one.run(lambda _: None)
    assert (caught.value.reason, caught.value.retry_after_seconds) == (reason, 7)
    assert states(one.report) == [("Waiting", reason), ("Used", None)]
    assert set(shelf.rows) == {BACK}


@pytest.mark.parametrize(
    "reason", [Reason.DATABASE_UNAVAILABLE, Reason.MODELS_UNAVAILABLE, Reason.GPU_BROKEN]
)
def test_what_is_no_recordings_fault_ends_the_run_at_once_and_what_was_heard_is_kept(
    enrolling: Callable[..., Enrolling], shelf: Shelf, booth: Booth, reason: Reason
) -> None:
    booth.fails[BACK] = StageError(reason)
    one = enrolling(FRONT, BACK, SIDE)
    with pytest.raises(StageError) as caught:
        one.run(lambda _: None)
    assert caught.value.reason is reason
    assert [state for state, _ in states(one.report)] == ["Used", "Waiting", "Waiting"]
    assert (set(shelf.rows), booth.heard) == ({FRONT}, [FRONT, BACK])


def test_a_stretch_of_what_is_ingested_needs_no_media(enrol: Enrol, shelf: Shelf, booth: Booth) -> None:
    shelf.stretches = {STRETCH.key: ("run-1", alone(0, 40.0))}
    report = enrol(FRONT, STRETCH)
    assert states(report) == [("Used", None)] * 2
    assert (report.sources[1].seconds, booth.heard) == (40.0, [FRONT])
    assert not enrol(FRONT, STRETCH).sources[1].heard
    shelf.stretches = {STRETCH.key: ("run-2", alone(3, 40.0))}
    assert states(enrol(FRONT, STRETCH)) == [("Refused", Reason.VOICES_DISAGREE)] * 2


def test_a_stretch_of_what_is_not_ingested_is_waited_for(
    enrolling: Callable[..., Enrolling], shelf: Shelf
) -> None:
    one = enrolling(STRETCH, FRONT)
    with pytest.raises(StageError, match="url:talk is not in the store") as caught:
        one.run(lambda _: None)
    assert caught.value.reason is Reason.NOT_INGESTED
    assert states(one.report) == [("Waiting", Reason.NOT_INGESTED), ("Used", None)]
    assert set(shelf.rows) == {FRONT}


def test_nothing_of_the_media_is_left(enrol: Enrol, booth: Booth, tmp_path: Path) -> None:
    booth.fails[BACK] = StageError(Reason.NOT_FOUND)
    enrol(FRONT, BACK)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
