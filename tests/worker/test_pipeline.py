"""The order of stages, what an earlier try has finished, and what is told when one fails: with small ports
that keep their contracts."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_contract.receipt import MAX_RECEIPT_BYTES, Tracks, encode
from ingest_contract.stages import KEPT, Stage
from ingest_contract.voices import WantedVoice
from ingest_worker.domain import Decision, EnrolledVoice, Sound, Transcript, Turn, Vectors, Word
from ingest_worker.errors import StageError
from tests.support.conversation import axis, heard
from tests.support.pipeline_run import Run, order_in
from tests.support.ports import Shelf, Studio, Writer

HEARING = ["fetch", "decode", "transcribe", "release transcriber", "diarize"]
NAMING = ["release diarizer", "embed"]


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def run(studio: Studio, shelf: Shelf, tmp_path: Path) -> Callable[..., Run]:
    return lambda **options: Run(studio, shelf, order_in(tmp_path), **options).go()


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


def test_an_enrolled_voice_gets_its_name(run: Callable[..., Run], studio: Studio) -> None:
    studio.voices_known = (EnrolledVoice("ann", np.array([[0, 1, 0, 0]], np.float32)),)
    assert [identity.name for identity in run().found.identities] == [None, "ann"]


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


def test_a_voice_that_was_heard_again_is_identified_again_and_nothing_else_is_done(
    run: Callable[..., Run], studio: Studio
) -> None:
    studio.voices_known = (EnrolledVoice("ann", np.array([[0, 1, 0, 0]], np.float32)),)
    assert [identity.name for identity in run().found.identities] == [None, "ann"]
    studio.asked.clear()
    studio.voices_known = (EnrolledVoice("ann", np.array([[1, 0, 0, 0]], np.float32)),)
    assert [identity.name for identity in run().found.identities] == ["ann", None]
    assert studio.asked == ["voices"]


@pytest.mark.parametrize("reason", [Reason.VOICE_NOT_HEARD, Reason.VOICE_UNUSABLE])
def test_a_voice_that_is_not_enrolled_is_missed_before_anything_is_fetched_or_heard(
    run: Callable[..., Run], studio: Studio, reason: Reason
) -> None:
    studio.fails["voices"] = StageError(reason, "Voice 'ann'")
    receipt = run().receipt
    assert (receipt.reason, receipt.stage, receipt.message) == (reason, Stage.IDENTIFY, "Voice 'ann'")
    assert studio.asked == ["voices"]


LINES = [(7.0, "ann"), (6.0, "bob"), (8.0, "ann"), (7.0, "bob"), (12.0, "eve")]
PEOPLE = {"ann": axis(0), "bob": axis(1), "eve": axis(2)}
ANN, BOB, EVE = (EnrolledVoice(name, vector[None]) for name, vector in PEOPLE.items())


@pytest.fixture
def merged(studio: Studio) -> Studio:
    """Three people who say a word each second; the diarizer takes ann and bob for one."""
    studio.seconds = 40.0
    studio.diarization = heard(LINES, PEOPLE, {"ann": 0, "bob": 0, "eve": 1})
    said = tuple(Word(n + 0.3, n + 0.7, f" w{n}", 0.9) for n in range(40))
    studio.transcript = Transcript(said, "en", 1.0, 40.0, 1, 0, ())
    return studio


def test_words_go_to_the_people_whom_enrolled_voices_tell_apart(
    run: Callable[..., Run], merged: Studio
) -> None:
    merged.voices_known = (ANN, BOB, EVE)
    found = run().found
    names = {identity.speaker: identity.name for identity in found.identities}
    right = [name for seconds, name in LINES for _ in range(round(seconds))]
    heard_names = [names[word.speaker] if word.speaker is not None else None for word in found.words]
    assert sum(one == other for one, other in zip(heard_names, right, strict=True)) >= 38
    assert found.diarization.speakers == len(found.identities) == 3
    assert {passage.speaker for passage in found.segments} == {0, 1, 2}


def test_people_told_apart_beyond_the_number_ordered_are_reported(
    merged: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    order = order_in(tmp_path)
    bounded = order.model_copy(
        update={"item": order.item.model_copy(update={"speakers": SpeakerCount(max=2)})}
    )
    merged.voices_known = (ANN, BOB, EVE)
    speakers = Run(merged, shelf, bounded).go().receipt.speakers
    assert speakers is not None
    assert (speakers.found, speakers.named, speakers.outside_bounds) == (3, 3, True)


def test_a_new_voice_costs_an_embedding_only_where_it_changes_whose_the_turns_are(
    run: Callable[..., Run], merged: Studio
) -> None:
    run()
    for voices, asked in (
        ((ANN,), ["voices"]),
        ((ANN, BOB, EVE), ["voices", "embed"]),
        ((ANN, BOB, EVE), ["voices"]),
        ((ANN,), ["voices", "embed"]),  # the other turns' vectors are not kept beside these
    ):
        merged.voices_known = voices
        merged.asked.clear()
        wanted = tuple(WantedVoice(name=each.name, sources=("x",)) for each in voices)
        assert run(voices=wanted).error is None
        assert [each for each in merged.asked if each != "release diarizer"] == asked


def test_a_run_that_died_while_it_embedded_regrouped_speakers_goes_on_there(
    run: Callable[..., Run], merged: Studio
) -> None:
    merged.voices_known = (ANN, BOB, EVE)
    merged.fails["embed"] = StageError(Reason.EMBEDDING_INCOMPLETE, "died")
    run()
    del merged.fails["embed"]
    merged.asked.clear()
    again = run()
    assert merged.asked == ["voices", "embed"]
    assert again.found.diarization.speakers == 3
    merged.asked.clear()
    third = run()
    assert merged.asked == ["voices"]
    assert third.found.words == again.found.words
    assert third.found.segments == again.found.segments


FAILING = {
    "fetch": (Stage.FETCH, Reason.BOT_CHECK),
    "decode": (Stage.DECODE, Reason.UNDECODABLE),
    "transcribe": (Stage.TRANSCRIBE, Reason.GPU_OUT_OF_MEMORY),
    "diarize": (Stage.DIARIZE, Reason.DIARIZATION_FAILED),
    "embed": (Stage.EMBED, Reason.EMBEDDING_INCOMPLETE),
}


@pytest.mark.parametrize("port", FAILING)
def test_a_stage_that_fails_is_named_timed_and_reported_and_nothing_finished_is_lost(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, port: str
) -> None:
    stage, reason = FAILING[port]
    studio.fails[port] = StageError(reason, "as it was told", retry_after_seconds=7)
    receipt = run().receipt
    assert (receipt.result, receipt.reason, receipt.stage, receipt.message) == (
        "Failed",
        reason,
        stage,
        "as it was told",
    )
    assert receipt.retry_after_seconds == 7
    assert stage in receipt.stages
    assert len(encode(receipt)) <= MAX_RECEIPT_BYTES
    assert set(shelf.results) == {kept for kept in KEPT if list(Stage).index(kept) < list(Stage).index(stage)}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error: out of memory"), Reason.GPU_OUT_OF_MEMORY),
        (MemoryError(), Reason.HOST_OUT_OF_MEMORY),
        (OSError(28, "No space left on device"), Reason.SCRATCH_FULL),
        (ZeroDivisionError("division by zero"), Reason.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_an_exception_that_nobody_named_is_named_where_it_can_be(
    run: Callable[..., Run], studio: Studio, error: Exception, reason: Reason
) -> None:
    studio.fails["diarize"] = error
    receipt = run().receipt
    assert (receipt.reason, receipt.stage) == (reason, Stage.DIARIZE)
    assert type(error).__name__ in receipt.message


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
    "vectors",
    [np.ones((1, 3), np.float32), np.full((2, 3), np.nan, np.float32)],
    ids=["one too few", "not finite"],
)
def test_vectors_that_are_not_one_finite_each_are_not_kept(
    run: Callable[..., Run], shelf: Shelf, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray
) -> None:
    monkeypatch.setattr(Writer, "embed", lambda *_: Vectors(vectors, "text@1"))
    assert run().receipt.reason is Reason.EMBEDDING_INCOMPLETE
    assert Stage.EMBED not in shelf.results


def test_two_stages_at_once_meet_and_both_are_kept(
    run: Callable[..., Run], studio: Studio, shelf: Shelf
) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet() -> None:
        both.wait()

    studio.meets |= {"transcribe": meet, "diarize": meet}
    assert run(together=True).error is None
    assert set(shelf.results) == set(KEPT)


@pytest.mark.parametrize(("failing", "other"), [("transcribe", Stage.DIARIZE), ("diarize", Stage.TRANSCRIBE)])
def test_of_two_stages_at_once_the_one_that_did_not_fail_is_kept(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, failing: str, other: Stage
) -> None:
    studio.fails[failing] = StageError(Reason.GPU_OUT_OF_MEMORY)
    receipt = run(together=True).receipt
    assert (receipt.reason, receipt.stage) == (Reason.GPU_OUT_OF_MEMORY, Stage(failing))
    assert set(shelf.results) == {other}


@pytest.mark.parametrize("port", ["fetch", "decode", "transcribe", "diarize", "embed"])
def test_a_run_that_is_asked_to_end_ends_at_the_next_report_of_its_stage(
    studio: Studio, shelf: Shelf, tmp_path: Path, port: str
) -> None:
    ending = Run(studio, shelf, order_in(tmp_path))
    studio.meets[port] = lambda: ending.control.stop(StageError(Reason.INTERRUPTED))
    ending.go()
    assert ending.receipt.reason is Reason.INTERRUPTED
    assert studio.asked[-1] == port


def test_a_lost_claim_ends_the_run_whatever_stage_it_is_in(
    studio: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    losing, lost = Run(studio, shelf, order_in(tmp_path)), threading.Event()

    def look() -> None:
        if lost.is_set():
            raise StageError(Reason.LEASE_LOST)

    losing.control.watch(look)
    studio.meets["diarize"] = lost.set
    losing.go()
    assert losing.receipt.reason is Reason.LEASE_LOST
    assert studio.asked[-1] == "diarize"


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


@pytest.mark.parametrize("decoded", [None, StageError(Reason.NO_AUDIO_TRACK), StageError(Reason.TRUNCATED)])
def test_a_file_that_changed_while_it_was_decoded_is_reported_as_that_and_nothing_is_kept_of_it(
    run: Callable[..., Run], studio: Studio, shelf: Shelf, decoded: StageError | None
) -> None:
    studio.fails["confirm"] = StageError(Reason.SOURCE_CHANGED)
    if decoded is not None:
        studio.fails["decode"] = decoded
    receipt = run().receipt
    assert (receipt.reason, receipt.stage) == (Reason.SOURCE_CHANGED, Stage.DECODE)
    assert shelf.results == {}
