"""The contract of `ports.Transcriber`: what every adapter holds, whatever engine is behind it.

The real one holds it with Whisper, and so does the one that other tests inject faults with. An engine that is
to stand beside Whisper gets a class in `tests/support/transcribers.py`, and a row in `subject`.
"""

from itertools import pairwise
from pathlib import Path

import jiwer
import pytest

from ingest_contract.failures import Reason
from ingest_worker.domain import Transcript
from ingest_worker.errors import StageError
from ingest_worker.interruption import Control, Interruption
from ingest_worker.kept import TRANSCRIPT
from tests.support.memory_errors import BROKEN, GPU, HOST, AcceleratorError, OutOfMemoryError
from tests.support.transcribers import Engine, OnWhisper, Played, Subject, sound
from tests.worker.transcription.conftest import Cut, Make

BATCH = 2
FULL: dict[str, Exception] = {
    "first": RuntimeError("CUDA failed with error out of memory"),
    "middle": OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "last": RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"),
}
"""Where in a run a GPU is full, and how that is told."""
EQUAL_ERROR_RATE = 0.02
"""Two batches of other sizes may differ in a rounding, and then in a word."""


def quiet(_: float) -> None:
    """Nobody watches the progress."""


@pytest.fixture(scope="module", params=["played", pytest.param("Whisper", marks=pytest.mark.models)])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    if request.param == "played":
        return Played(tmp_path_factory.mktemp("played"))
    cut: Cut = request.getfixturevalue("cut")
    make: Make = request.getfixturevalue("transcriber")
    return OnWhisper(cut("dialogue", end=60.0), make)


@pytest.fixture(scope="module")
def shares() -> list[float]:
    return []


@pytest.fixture(scope="module")
def sizes() -> list[int]:
    return []


@pytest.fixture(scope="module")
def undisturbed(subject: Subject, shares: list[float], sizes: list[int]) -> Transcript:
    """What it hears where nothing happens; `shares` of progress, and `sizes` of its batches."""
    shares.clear()
    sizes.clear()
    made = subject.make(Engine(lambda _, pieces: sizes.append(pieces)), batch=BATCH)
    return made.transcribe(subject.speech, shares.append)


def same(one: Transcript, other: Transcript) -> bool:
    """Whether they have the same words, and tell the same of them."""
    first, second = (" ".join(word.text for word in each.words) for each in (one, other))
    told = [(each.language, each.chunks, each.dropped) for each in (one, other)]
    return jiwer.wer(first, second) <= EQUAL_ERROR_RATE and told[0] == told[1]


def test_words_are_in_order_apart_and_inside_the_sound(subject: Subject, undisturbed: Transcript) -> None:
    found = undisturbed.words
    assert len(found) > 5
    assert all(0 <= word.start < word.end <= subject.speech.seconds for word in found)
    assert all(here.end <= there.start + 1e-6 for here, there in pairwise(found))
    assert all(word.text == word.text.strip() != "" and 0 <= word.probability <= 1 for word in found)


def test_what_is_reported_of_words_is_of_this_recording(subject: Subject, undisturbed: Transcript) -> None:
    assert undisturbed.language == subject.heard
    assert 0 < undisturbed.language_probability <= 1
    assert 0 < undisturbed.speech_seconds <= subject.speech.seconds
    assert undisturbed.chunks > BATCH
    assert undisturbed.dropped == ()


def test_progress_never_goes_back_and_ends_at_one(undisturbed: Transcript, shares: list[float]) -> None:
    assert undisturbed.words
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] == 1.0


def test_a_later_run_reads_back_what_is_kept_of_it(undisturbed: Transcript) -> None:
    assert TRANSCRIPT.decode(TRANSCRIPT.encode(undisturbed)) == undisturbed


@pytest.mark.parametrize("batch", [1, 8])
def test_the_batch_changes_speed_and_not_words(subject: Subject, undisturbed: Transcript, batch: int) -> None:
    sizes = list[int]()
    made = subject.make(Engine(lambda _, pieces: sizes.append(pieces)), batch=batch)
    assert same(made.transcribe(subject.speech, quiet), undisturbed)
    assert max(sizes) <= batch
    assert (subject.runner_of(made).batch, subject.runner_of(made).halvings) == (batch, 0)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 20.0])
def test_where_there_is_only_silence_there_are_no_words_and_nothing_was_dropped(
    subject: Subject, seconds: float, tmp_path: Path
) -> None:
    found = subject.make(Engine(), batch=BATCH).transcribe(sound(tmp_path / "s.pcm", seconds, 0), quiet)
    assert (found.words, found.dropped, found.speech_seconds, found.chunks) == ((), (), 0.0, 0)


@pytest.mark.parametrize("where", FULL)
def test_a_gpu_that_is_full_once_makes_the_batch_smaller_and_the_transcript_no_other(
    subject: Subject, undisturbed: Transcript, sizes: list[int], where: str
) -> None:
    at = {"first": 1, "middle": (1 + len(sizes)) // 2, "last": len(sizes)}[where]

    def full(call: int, _: int) -> None:
        if call == at:
            raise FULL[where]

    made = subject.make(Engine(full), batch=BATCH)
    if sizes[at - 1] == 1:  # nothing smaller is left to try
        with pytest.raises(StageError) as caught:
            made.transcribe(subject.speech, quiet)
        assert caught.value.reason is GPU
        return
    assert same(made.transcribe(subject.speech, quiet), undisturbed)
    assert (subject.runner_of(made).batch, subject.runner_of(made).halvings) == (1, 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA failed with error out of memory"), GPU),
        (MemoryError("std::bad_alloc"), HOST),
        (AcceleratorError("CUDA error: an illegal memory access was encountered"), BROKEN),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_what_no_smaller_batch_cures_ends_the_stage_with_its_reason(
    subject: Subject, error: Exception, reason: Reason
) -> None:
    sizes = list[int]()

    def failing(_: int, pieces: int) -> None:
        sizes.append(pieces)
        raise error

    with pytest.raises(StageError) as caught:
        subject.make(Engine(failing), batch=BATCH).transcribe(subject.speech, quiet)
    assert caught.value.reason is reason
    assert sizes == ([2, 1] if reason is GPU else [2])


def test_speech_without_text_that_can_be_believed_is_reported_as_dropped_and_has_no_words(
    subject: Subject, undisturbed: Transcript
) -> None:
    found = subject.make(Engine(spoils="part"), batch=BATCH).transcribe(subject.speech, quiet)
    assert found.dropped
    assert all(0 <= start < end <= subject.speech.seconds for start, end in found.dropped)
    assert all(here[1] <= there[0] for here, there in pairwise(found.dropped))
    middles = [(word.start + word.end) / 2 for word in found.words]
    assert not any(start < middle < end for start, end in found.dropped for middle in middles)
    assert 0 < len(found.words) < len(undisturbed.words)
    assert found.speech_seconds == undisturbed.speech_seconds


def test_a_recording_most_of_which_cannot_be_believed_is_no_transcript(subject: Subject) -> None:
    with pytest.raises(StageError) as caught:
        subject.make(Engine(spoils="all"), batch=8).transcribe(subject.speech, quiet)
    assert caught.value.reason is Reason.TRANSCRIPT_DEGENERATE


def test_a_language_that_was_ordered_is_the_transcripts(subject: Subject, tmp_path: Path) -> None:
    made = subject.make(Engine(), batch=BATCH, language=subject.heard)
    found = made.transcribe(sound(tmp_path / "silence.pcm", 1.0, 0), quiet)
    assert (found.language, found.language_probability) == (subject.heard, 1.0)


def test_a_language_that_it_does_not_know_is_refused_before_the_engine_works(subject: Subject) -> None:
    engine = Engine()
    with pytest.raises(StageError, match=repr(subject.unheard)) as caught:
        subject.make(engine, batch=BATCH, language=subject.unheard).transcribe(subject.speech, quiet)
    assert (caught.value.reason, engine.calls) == (Reason.LANGUAGE_UNSUPPORTED, 0)


def test_a_run_that_is_asked_to_end_ends_at_the_next_report_and_the_next_one_finds_everything(
    subject: Subject, undisturbed: Transcript
) -> None:
    control = Control()
    engine = Engine(lambda call, _: control.stop(StageError(Reason.INTERRUPTED)) if call == 2 else None)
    made = subject.make(engine, batch=BATCH)
    with pytest.raises(Interruption):
        made.transcribe(subject.speech, lambda _: control.check())
    assert engine.calls == 2
    assert same(made.transcribe(subject.speech, quiet), undisturbed)
    made.release()
