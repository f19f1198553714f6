"""Words without voices, voices without words, and neither."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_contract.tracks import Tracks
from ingest_worker.domain import Sound, Transcript, Turn
from tests.support.pipeline_run import Run, order_in
from tests.support.ports import Shelf, Studio


def test_where_nobody_speaks_nobody_is_told_apart(run: Callable[..., Run], studio: Studio) -> None:
    studio.transcript = Transcript((), "und", 0.0, 0.0, 0, 0, ())
    ended = run()
    assert ended.receipt.reason is Reason.NO_SPEECH
    assert ended.receipt.media_seconds == 4.0
    assert "diarize" not in studio.asked


def test_where_nobody_speaks_in_the_track_that_was_heard_the_others_are_reported(
    run: Callable[..., Run], studio: Studio
) -> None:
    studio.transcript = Transcript((), "und", 0.0, 0.0, 0, 0, ())
    studio.sound = Sound(tracks=3, track=2, passed_over="1 is silent")
    receipt = run().receipt
    assert receipt.reason is Reason.NO_SPEECH
    assert "track 2 of 3" in receipt.message
    assert receipt.tracks == Tracks(found=3, taken=2, passed_over="1 is silent")


@pytest.mark.parametrize("how", [{"together": False}, {"together": True}], ids=str)
def test_words_without_any_voice_are_kept_without_a_speaker(
    run: Callable[..., Run], studio: Studio, how: dict[str, bool]
) -> None:
    studio.diarization = replace(studio.diarization, turns=(), vectors=np.zeros((0, 4), np.float32))
    ended = run(**how)
    assert ended.error is None
    assert [word.speaker for word in ended.found.words] == [None] * 5
    assert [passage.speaker for passage in ended.found.segments] == [None]
    coverage, speakers = ended.receipt.coverage, ended.receipt.speakers
    assert coverage is not None
    assert speakers is not None
    assert (coverage.words, coverage.attributed_words, coverage.segments, coverage.vectors) == (5, 0, 1, 1)
    spoken = sum(word.end - word.start for word in studio.transcript.words)
    assert coverage.speakerless_seconds == pytest.approx(spoken, abs=0.001)
    assert speakers.found == 0


@pytest.mark.parametrize("how", [{"together": False}, {"together": True}], ids=str)
def test_voices_without_a_word_are_not_taken_for_silence(
    run: Callable[..., Run], studio: Studio, how: dict[str, bool]
) -> None:
    studio.transcript = Transcript((), "en", 1.0, 5.5, 1, 0, ((0.0, 5.5),))
    studio.diarization = replace(studio.diarization, turns=(Turn(0.0, 3.0, 0), Turn(3.0, 23.0, 1)))
    receipt = run(**how).receipt
    assert receipt.reason is Reason.NO_WORDS
    assert "23 s" in receipt.message


def test_a_cough_without_a_word_is_nobody_who_speaks(run: Callable[..., Run], studio: Studio) -> None:
    studio.transcript = Transcript((), "en", 1.0, 2.5, 1, 0, ((0.0, 2.5),))
    studio.diarization = replace(studio.diarization, turns=(Turn(0.5, 2.0, 0),))
    assert run().receipt.reason is Reason.NO_SPEECH


@pytest.mark.parametrize(
    ("recording", "sound", "reason"),
    [
        ("url:live", Sound(1, 1, open_ended=True), Reason.LIVE_OR_UPCOMING),
        ("url:done", Sound(1, 1), Reason.NO_SPEECH),
        ("file:content.0123456789abcdef", Sound(1, 1, open_ended=True), Reason.NO_SPEECH),
        ("s3:0123456789abcdef.0123456789abcdef", Sound(1, 1, open_ended=True), Reason.NO_SPEECH),
    ],
    ids=["goes on", "has an end", "a file is known by its content", "so is an object"],
)
def test_silence_that_may_go_on_under_the_same_id_is_no_silence_for_good(
    studio: Studio, shelf: Shelf, tmp_path: Path, recording: str, sound: Sound, reason: Reason
) -> None:
    studio.transcript, studio.sound = Transcript((), "und", 0.0, 0.0, 0, 0, ()), sound
    order = order_in(tmp_path)
    named = order.model_copy(update={"item": order.item.model_copy(update={"id": recording})})
    receipt = Run(studio, shelf, named).go().receipt
    assert receipt.reason is reason
    assert receipt.tracks is not None
    assert receipt.tracks.open_ended is sound.open_ended


def test_voices_in_what_goes_on_are_no_silence_either(studio: Studio, shelf: Shelf, tmp_path: Path) -> None:
    studio.transcript = Transcript((), "en", 1.0, 5.5, 1, 0, ((0.0, 5.5),))
    studio.diarization = replace(studio.diarization, turns=(Turn(0.0, 23.0, 0),))
    studio.sound = Sound(1, 1, open_ended=True)
    assert Run(studio, shelf, order_in(tmp_path)).go().receipt.reason is Reason.NO_WORDS


def test_silence_that_a_killed_run_heard_is_heard_again_where_there_may_be_more_now(
    studio: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    """It left nothing but the silence: not that its file had no end, and not how much there was of it."""
    spoken, order = studio.transcript, order_in(tmp_path)
    studio.transcript, studio.sound = Transcript((), "und", 0.0, 0.0, 0, 0, ()), Sound(1, 1, open_ended=True)
    named = order.model_copy(update={"item": order.item.model_copy(update={"id": "url:upload"})})
    assert Run(studio, shelf, named).go().receipt.reason is Reason.LIVE_OR_UPCOMING
    assert Stage.TRANSCRIBE in shelf.results, "as if the run had been killed before that went"
    studio.transcript, studio.sound = spoken, Sound(1, 1)
    assert Run(studio, shelf, named).go().error is None


def test_silence_that_a_killed_run_heard_is_silence_in_a_file_that_is_known_by_its_content(
    studio: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    studio.transcript, order = Transcript((), "und", 0.0, 0.0, 0, 0, ()), order_in(tmp_path)
    item = order.item.model_copy(update={"id": "file:content.0123456789abcdef"})
    named = order.model_copy(update={"item": item})
    reasons = [Run(studio, shelf, named).go().receipt.reason for _ in range(2)]
    assert reasons == [Reason.NO_SPEECH] * 2
    assert studio.asked.count("fetch") == 1
