"""The order of stages, and what an earlier try has finished."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.receipt import MAX_RECEIPT_BYTES, encode
from ingest_contract.stages import KEPT, Stage
from ingest_worker.domain import Decision, EnrolledVoice
from ingest_worker.errors import StageError
from tests.support.pipeline_run import Run, order_in
from tests.support.ports import Shelf, Studio

HEARING = ["fetch", "decode", "transcribe", "release transcriber", "diarize"]

NAMING = ["release diarizer", "embed"]


def test_the_stages_follow_the_data_and_models_leave_before_the_next_ones_need_their_place(
    run: Callable[..., Run], studio: Studio
) -> None:
    assert run().error is None
    assert studio.asked == ["voices", *HEARING, *NAMING]


def test_words_go_to_their_speakers_and_passages_to_one_speaker_each(run: Callable[..., Run]) -> None:
    found = run().found
    assert [word.speaker for word in found.words] == [0, 0, 0, 1, 1]
    assert [(passage.speaker, passage.text) for passage in found.segments] == [
        (0, "Good morning, Ann."),
        (1, "Hello, Bob."),
    ]
    assert len(found.vectors.values) == len(found.segments)
    assert [identity.decision for identity in found.identities] == [Decision.NOBODY_ENROLLED] * 2


def test_a_second_run_of_the_same_order_hears_nothing_and_finds_the_same(
    run: Callable[..., Run], studio: Studio
) -> None:
    first = run().found
    studio.asked.clear()
    second = run()
    assert studio.asked == ["voices"]
    assert second.found.words == first.words
    assert second.found.segments == first.segments
    assert np.array_equal(second.found.vectors.values, first.vectors.values)
    assert {stage for stage, figures in second.receipt.stages.items() if figures.resumed} == set(KEPT)


RESUMED = {
    Stage.TRANSCRIBE: ["voices", *HEARING, *NAMING],
    Stage.DIARIZE: ["voices", "fetch", "decode", "diarize", *NAMING],
    Stage.IDENTIFY: ["voices", "embed"],
    Stage.EMBED: ["voices", "embed"],
}


@pytest.mark.parametrize("stage", KEPT)
def test_a_run_goes_on_behind_the_last_finished_stage(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, stage: Stage
) -> None:
    run()
    for later in KEPT[KEPT.index(stage) :]:
        del shelf.results[later]
    studio.asked.clear()
    assert run().error is None
    assert studio.asked == RESUMED[stage]


def test_a_result_under_another_hash_does_not_count(
    run: Callable[..., Run], studio: Studio, shelf: Shelf
) -> None:
    run()
    shelf.results[Stage.DIARIZE] = ("another", shelf.results[Stage.DIARIZE][1])
    studio.asked.clear()
    run()
    assert "diarize" in studio.asked
    assert "transcribe" not in studio.asked


@pytest.mark.parametrize("heard_again", [Stage.TRANSCRIBE, Stage.DIARIZE], ids=str)
@pytest.mark.parametrize("died_in", [None, "embed"], ids=["at once", "by a run that died"])
def test_what_was_made_of_words_and_turns_ends_with_them(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, heard_again: Stage, died_in: str | None
) -> None:
    """Another machine hears one word less, or one speaker for two, under the same hash."""
    studio.voices_known = (EnrolledVoice("ann", np.array([[0, 1, 0, 0]], np.float32)),)
    run()
    del shelf.results[heard_again]
    whole, turn = studio.transcript, studio.diarization.turns[0]
    if heard_again is Stage.TRANSCRIBE:
        studio.transcript = replace(whole, words=whole.words[1:])
    else:
        one = replace(turn, end=2.5)
        studio.diarization = replace(studio.diarization, turns=(one,), vectors=np.eye(1, 4, dtype=np.float32))
    if died_in is not None:
        studio.fails[died_in] = StageError(Reason.EMBEDDING_INCOMPLETE, "died")
        run()
        studio.fails.clear()
    found = run().found
    assert len(found.identities) == found.diarization.speakers == 1 + (heard_again is Stage.TRANSCRIBE)
    for passage in found.segments:
        said = found.words[slice(*passage.words)]
        assert passage.text == " ".join(spoken.word.text for spoken in said)
        assert {spoken.speaker for spoken in said} == {passage.speaker}


def test_two_stages_at_once_meet_and_both_are_kept(
    run: Callable[..., Run], studio: Studio, shelf: Shelf
) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet() -> None:
        both.wait()

    studio.meets |= {"transcribe": meet, "diarize": meet}
    assert run(together=True).error is None
    assert set(shelf.results) == set(KEPT)


def test_the_receipt_of_a_good_run_has_every_figure(run: Callable[..., Run]) -> None:
    receipt = run().receipt
    assert receipt.result == "Succeeded"
    assert receipt.media_seconds == 4.0
    assert list(receipt.stages) == [stage for stage in Stage if stage is not Stage.STORE]
    assert (
        receipt.stages[Stage.TRANSCRIBE].batch,
        receipt.stages[Stage.DIARIZE].batch,
        receipt.stages[Stage.EMBED].batch,
    ) == (8, 32, 512)
    assert receipt.coverage is not None
    assert (receipt.coverage.words, receipt.coverage.attributed_words) == (5, 5)
    assert receipt.coverage.voiced_seconds == receipt.coverage.speech_seconds == 2.5
    assert receipt.coverage.segments == receipt.coverage.vectors == 2
    assert len(encode(receipt)) <= MAX_RECEIPT_BYTES


def test_a_recording_that_is_not_heard_again_has_its_announced_length_or_that_of_its_words(
    studio: Studio, tmp_path: Path
) -> None:
    for number, (announced, expected) in enumerate([(9, 9.0), (None, 2.5)]):
        shelf, order = Shelf(), order_in(tmp_path / str(number), duration_seconds=announced)
        Run(studio, shelf, order).go()
        assert Run(studio, shelf, order).go().receipt.media_seconds == expected
