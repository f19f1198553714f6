"""Captions in place of heard words: which stages run, what is kept and told, and when the recording is heard
after all."""

from dataclasses import replace
from pathlib import Path

import pytest

from ingest_contract.captions import (
    CaptionsProblem,
    TranscriptOrigin,
    TranscriptPreference,
    TranscriptSource,
)
from ingest_contract.order import IngestOrder
from ingest_contract.profile import TranscriptionProfile
from ingest_contract.receipt import decode, encode
from ingest_contract.stages import Stage
from ingest_worker.captions.values import Captions, Cue, NoCaptions
from ingest_worker.hashes import hashes_of
from tests.support.pipeline_run import MODELS, Run, order_in
from tests.support.ports import Shelf, Studio

CUES = (Cue(0.0, 1.4, "Good day, Ann."), Cue(1.5, 2.5, "Hello."))


def preferring(folder: Path, *, automatic: bool = False) -> IngestOrder:
    order = order_in(folder)
    transcription = TranscriptionProfile(prefer=TranscriptPreference.CAPTIONS, automatic_captions=automatic)
    return order.model_copy(
        update={"settings": order.settings.model_copy(update={"transcription": transcription})}
    )


@pytest.mark.parametrize("together", [False, True])
def test_captions_that_fit_are_the_transcript_and_whisper_is_not_loaded(
    tmp_path: Path,
    together: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    studio = Studio(captions=Captions(CUES, "en"))
    run = Run(studio, Shelf(), preferring(tmp_path), together=together).go()
    assert [spoken.word.text for spoken in run.found.words] == ["Good", "day,", "Ann.", "Hello."]
    assert [passage.speaker for passage in run.found.segments] == [0, 1]
    assert "detect" in studio.asked
    assert "transcribe" not in studio.asked
    receipt = run.receipt
    assert receipt.transcript == TranscriptOrigin(source=TranscriptSource.CAPTIONS)
    assert decode(encode(receipt)) == receipt


@pytest.mark.parametrize(
    ("captions", "problem"),
    [
        (NoCaptions(CaptionsProblem.ONLY_AUTOMATIC), CaptionsProblem.ONLY_AUTOMATIC),
        (Captions((*CUES, Cue(90.0, 91.0, "The end.")), "en"), CaptionsProblem.OTHER_CUT),
        (Captions((Cue(0.0, 0.1, "Good"),), "en"), None),
    ],
)
def test_captions_that_do_not_fit_are_left_whole_and_the_recording_is_heard_and_that_is_reported(
    tmp_path: Path, captions: Captions | NoCaptions, problem: CaptionsProblem | None
) -> None:
    studio = Studio(captions=captions)
    studio.transcript = replace(studio.transcript, speech_seconds=4.0)
    run = Run(studio, Shelf(), preferring(tmp_path)).go()
    assert run.found.transcript.words == studio.transcript.words
    origin = run.receipt.transcript
    assert origin is not None
    assert (origin.source, origin.problem) == (
        TranscriptSource.SPEECH,
        problem or CaptionsProblem.OTHER_CUT,
    )


def test_a_run_that_resumes_knows_where_the_words_are_from(tmp_path: Path) -> None:
    for captions in (Captions(CUES, "en", automatic=True), NoCaptions(CaptionsProblem.EMPTY, "of 3")):
        shelf, order = Shelf(), preferring(tmp_path, automatic=True)
        first = Run(Studio(captions=captions), shelf, order).go()
        second = Run(Studio(), shelf, order).go()
        assert second.receipt.stages[Stage.TRANSCRIBE].resumed
        assert second.receipt.transcript == first.receipt.transcript is not None
        assert second.found.transcript == first.found.transcript


def test_a_profile_that_prefers_captions_makes_another_pipeline_and_one_that_does_not_the_same_as_ever(
    tmp_path: Path,
) -> None:
    speech, people, every = (
        hashes_of(order.settings, order.item.speakers, MODELS)
        for order in (order_in(tmp_path), preferring(tmp_path), preferring(tmp_path, automatic=True))
    )
    assert len({each.transcribe for each in (speech, people, every)}) == 3
    assert len({each.pipeline for each in (speech, people, every)}) == 3
    assert speech.diarize == people.diarize
    assert Run(Studio(), Shelf(), order_in(tmp_path)).go().receipt.transcript is None
