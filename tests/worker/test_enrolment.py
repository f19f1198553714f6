"""Voices from recordings: heard once, kept by recording and model, and never silently left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import IdentificationProfile, Voice
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.domain import FloatArray
from ingest_worker.enrolment import ProfileEnrolment
from ingest_worker.errors import StageError
from tests.support.ports import Judge, Studio


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "ann.wav"
    path.write_bytes(b"RIFF")
    return path


@pytest.fixture
def enrolment(studio: Studio, recording: Path, tmp_path: Path) -> Callable[..., ProfileEnrolment]:
    def made(model: str = "community-1@1", recordings: tuple[str, ...] = ()) -> ProfileEnrolment:
        voice = Voice(name="ann", recordings=recordings or (str(recording),))
        return ProfileEnrolment(
            IdentificationProfile(voices=(voice,)),
            tmp_path / "voices",
            model,
            lambda: (studio, studio),
            lambda: Judge(studio),
        )

    return made


def test_a_voice_has_one_row_for_each_recording(
    enrolment: Callable[..., ProfileEnrolment], recording: Path
) -> None:
    (voice,) = enrolment(recordings=(str(recording), "https://example.org/ann.mp3")).voices()
    assert voice.name == "ann"
    assert voice.vectors.shape == (2, 4)


def test_a_recording_is_heard_once_and_nothing_of_it_is_left(
    enrolment: Callable[..., ProfileEnrolment], studio: Studio, tmp_path: Path
) -> None:
    first = enrolment().voices()
    assert studio.asked == ["fetch", "decode", "voice_of"]
    again = enrolment().voices()
    assert studio.asked == ["fetch", "decode", "voice_of"]
    assert np.array_equal(first[0].vectors, again[0].vectors)
    assert [path.suffix for path in (tmp_path / "voices").iterdir()] == [".npy"]


@pytest.mark.parametrize("stage", [Stage.DECODE, Stage.DIARIZE])
def test_what_older_code_of_ours_heard_is_heard_again(
    enrolment: Callable[..., ProfileEnrolment], studio: Studio, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    enrolment().voices()
    monkeypatch.setitem(STAGE_VERSION, stage, STAGE_VERSION[stage] + 1)  # type: ignore[misc]  # a dict behind a Mapping
    enrolment().voices()
    assert studio.asked.count("voice_of") == 2


def test_another_model_hears_it_again(enrolment: Callable[..., ProfileEnrolment], studio: Studio) -> None:
    enrolment().voices()
    enrolment(model="community-1@2").voices()
    assert studio.asked.count("voice_of") == 2


def test_another_file_in_the_same_place_is_heard_again(
    enrolment: Callable[..., ProfileEnrolment], studio: Studio, recording: Path
) -> None:
    enrolment().voices()
    recording.write_bytes(b"RIFF and more")
    enrolment().voices()
    assert studio.asked.count("voice_of") == 2


def test_a_damaged_cache_is_heard_again(
    enrolment: Callable[..., ProfileEnrolment], studio: Studio, tmp_path: Path
) -> None:
    enrolment().voices()
    (kept,) = (tmp_path / "voices").iterdir()
    kept.write_bytes(b"half")
    assert enrolment().voices()[0].vectors.shape == (1, 4)
    assert studio.asked.count("voice_of") == 2


@pytest.mark.parametrize(
    ("port", "reason"),
    [("fetch", Reason.NOT_FOUND), ("decode", Reason.UNDECODABLE), ("voice_of", Reason.VOICE_UNUSABLE)],
)
def test_a_recording_that_cannot_be_used_is_named(
    enrolment: Callable[..., ProfileEnrolment], studio: Studio, recording: Path, port: str, reason: Reason
) -> None:
    studio.fails[port] = StageError(reason, "why")
    with pytest.raises(StageError, match=f"Voice 'ann', recording {recording}: why") as caught:
        enrolment().voices()
    assert caught.value.reason is Reason.VOICE_UNUSABLE


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.DOWNLOAD_FAILED, Reason.GPU_OUT_OF_MEMORY])
def test_what_is_not_the_recordings_fault_keeps_its_name(
    enrolment: Callable[..., ProfileEnrolment], studio: Studio, reason: Reason
) -> None:
    studio.fails["fetch"] = StageError(reason)
    with pytest.raises(StageError) as caught:
        enrolment().voices()
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "vector", [np.zeros(4, np.float32), np.full(4, np.nan, np.float32)], ids=["zero", "not finite"]
)
def test_a_vector_that_says_nothing_is_not_kept(
    enrolment: Callable[..., ProfileEnrolment],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    vector: FloatArray,
) -> None:
    monkeypatch.setattr(Judge, "voice_of", lambda *_: vector)
    with pytest.raises(StageError, match="enough clean speech"):
        enrolment().voices()
    assert list((tmp_path / "voices").iterdir()) == []
