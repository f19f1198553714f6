"""What happens to a piece of speech whose decoding cannot be believed. The pieces are real, what is heard in
them is made up."""

import hashlib
import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from ingest_contract.failures import Reason
from ingest_worker.domain import SAMPLE_RATE, Audio, FloatArray, Transcript, Word
from ingest_worker.engines.decoding import Piece, Task
from ingest_worker.engines.quality import Decoded
from ingest_worker.engines.whisper import WhisperTranscriber, elected
from ingest_worker.errors import StageError

pytestmark = pytest.mark.models

Cut = Callable[..., Audio]
Make = Callable[..., WhisperTranscriber]
Hears = Callable[[int, float, float], Decoded]
"""(number of the sound, its seconds, temperature) -> what is heard."""

LOOP = "we need to go " * 20


def heard(text: str, seconds: float, *, logprob: float = -0.2, no_speech: float = 0.0) -> Decoded:
    return Decoded(text, seconds, logprob, no_speech, complete=True)


def honest(seconds: float) -> Decoded:
    """Three different words a second."""
    return heard(" ".join(different(int(3 * seconds))), seconds)


def different(count: int, kind: str = "") -> list[str]:
    """Words that no compression and no loop finds again."""
    return [kind + hashlib.sha256(f"{kind}{i}".encode()).hexdigest()[:6] for i in range(count)]


class Scripted:
    """Stands where the engine stands, and hears what it is told to."""

    languages: Sequence[str] = ("en", "de")

    def __init__(self, hears: Hears) -> None:
        self._hears = hears
        self.largest = 0
        self.asked: list[tuple[float, float]] = []
        """(seconds, temperature) of every sound."""
        self._numbers: dict[int, int] = {}

    def fitting(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        return tuple(vocabulary)

    def language_of(self, sounds: Sequence[FloatArray]) -> list[dict[str, float]]:
        return [{"de": 0.7, "en": 0.3} for _ in sounds]

    def decode(self, sounds: Sequence[FloatArray], _: Task, temperature: float) -> list[Piece]:
        self.largest = max(self.largest, sum(sound.size for sound in sounds))
        return [self._piece(sound, temperature) for sound in sounds]

    def _piece(self, sound: FloatArray, temperature: float) -> Piece:
        seconds = sound.size / SAMPLE_RATE
        self.asked.append((seconds, temperature))
        number = self._numbers.setdefault(hash(sound.tobytes()), len(self._numbers))
        decoded = self._hears(number, seconds, temperature)
        tokens = decoded.text.split()
        step = seconds / max(1, len(tokens))
        return decoded, [Word(i * step, (i + 1) * step, f" {token}", 0.9) for i, token in enumerate(tokens)]


def listen(make: Make, audio: Audio, hears: Hears, **options: object) -> tuple[Transcript, Scripted]:
    hearing, engine = make(**options), Scripted(hears)
    hearing._engine = engine  # type: ignore[assignment]  # the protocol is the engine's own methods
    return hearing.transcribe(audio, lambda _: None), engine


@pytest.fixture(scope="module")
def audio(cut: Cut) -> Audio:
    return cut("dialogue", end=100.0)


def test_what_is_heard_well_is_heard_once(transcriber: Make, audio: Audio) -> None:
    transcript, engine = listen(transcriber, audio, lambda _, seconds, __: honest(seconds))
    assert len(engine.asked) == transcript.chunks
    assert (transcript.redecoded, transcript.dropped) == (0, ())


def test_only_the_piece_that_failed_is_heard_again(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, temperature: float) -> Decoded:
        return heard(LOOP, seconds) if number == 1 and temperature == 0 else honest(seconds)

    transcript, engine = listen(transcriber, audio, hears)
    assert [temperature for _, temperature in engine.asked] == [0.0] * transcript.chunks + [0.4]
    assert (transcript.redecoded, transcript.dropped) == (1, ())
    assert "need" not in {word.text for word in transcript.words}


def test_a_piece_that_fails_as_a_whole_is_heard_in_halves(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, _: float) -> Decoded:
        return heard(LOOP, seconds) if number == 1 else honest(seconds)

    transcript, engine = listen(transcriber, audio, hears)
    whole = engine.asked[1][0]
    assert sum(seconds for seconds, _ in engine.asked[-2:]) == pytest.approx(whole)
    assert (transcript.redecoded, transcript.dropped) == (1, ())
    assert [word.start for word in transcript.words] == sorted(word.start for word in transcript.words)


def test_a_piece_that_fails_every_time_is_left_out_and_reported(transcriber: Make, audio: Audio) -> None:
    first: list[float] = []

    def hears(number: int, seconds: float, _: float) -> Decoded:
        first.extend([seconds] if number == 1 and not first else [])
        is_part_of_it = number == 1 or number >= 4  # the halves are new sounds
        return heard(LOOP, seconds) if is_part_of_it else honest(seconds)

    transcript, _ = listen(transcriber, audio, hears)
    assert transcript.chunks == 4
    assert sum(end - start for start, end in transcript.dropped) == pytest.approx(first[0])
    assert transcript.redecoded == 1
    inside = [
        w
        for w in transcript.words
        if any(start <= (w.start + w.end) / 2 < end for start, end in transcript.dropped)
    ]
    assert inside == []
    assert transcript.words[0].start < transcript.dropped[0][0] < transcript.words[-1].start


def test_a_doubtful_piece_keeps_its_best_decoding(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, temperature: float) -> Decoded:
        if number != 1 and number < 4:
            return honest(seconds)
        words = " ".join(different(int(2 * seconds), f"t{temperature}-"))
        return heard(words, seconds, logprob={0.0: -1.4, 0.4: -1.1, 0.8: -1.8}[temperature])

    transcript, _ = listen(transcriber, audio, hears)
    assert transcript.dropped == ()
    assert {word.text[:4] for word in transcript.words if word.text.startswith("t")} == {"t0.4"}


def test_a_doubtful_whole_is_better_than_halves_that_are_lost(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, _: float) -> Decoded:
        if number == 1:
            return heard(" ".join(different(int(2 * seconds), "w")), seconds, logprob=-1.2)
        return honest(seconds) if number < 4 else heard(LOOP, seconds)

    transcript, _ = listen(transcriber, audio, hears)
    assert transcript.dropped == ()
    assert any(word.text.startswith("w") for word in transcript.words)


def test_doubtful_halves_are_better_than_a_whole_that_nobody_said(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, _: float) -> Decoded:
        if number == 1:
            return heard(LOOP, seconds)
        if number < 4:
            return honest(seconds)
        return heard(" ".join(different(int(2 * seconds), "h")), seconds, logprob=-1.2)

    transcript, _ = listen(transcriber, audio, hears)
    assert transcript.dropped == ()
    assert sum(word.text.startswith("h") for word in transcript.words) > 20


def test_a_half_in_which_the_model_hears_nobody_is_reported(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, _: float) -> Decoded:
        if number == 1:
            return heard(LOOP, seconds)
        return honest(seconds) if number != 4 else heard("you", seconds, logprob=-1.5, no_speech=0.9)

    transcript, engine = listen(transcriber, audio, hears)
    assert sum(end - start for start, end in transcript.dropped) == pytest.approx(engine.asked[-2][0])


def test_a_piece_in_which_the_model_hears_nobody_is_reported_and_not_tried_again(
    transcriber: Make, audio: Audio
) -> None:
    def hears(number: int, seconds: float, _: float) -> Decoded:
        return heard("you", seconds, logprob=-1.5, no_speech=0.9) if number == 0 else honest(seconds)

    transcript, engine = listen(transcriber, audio, hears)
    assert len(engine.asked) == transcript.chunks
    assert sum(end - start for start, end in transcript.dropped) == pytest.approx(engine.asked[0][0])


def test_nothing_but_silence_is_no_degenerate_transcript(transcriber: Make, audio: Audio) -> None:
    transcript, _ = listen(
        transcriber, audio, lambda _, seconds, __: heard("you", seconds, logprob=-1.5, no_speech=0.9)
    )
    assert transcript.words == ()
    assert sum(end - start for start, end in transcript.dropped) == pytest.approx(transcript.speech_seconds)


def test_a_recording_that_is_noise_to_the_model_fails_the_stage(transcriber: Make, audio: Audio) -> None:
    with pytest.raises(StageError, match="seconds of speech") as caught:
        listen(transcriber, audio, lambda _, seconds, __: heard(LOOP, seconds))
    assert caught.value.reason is Reason.TRANSCRIPT_DEGENERATE


def test_a_loop_that_runs_on_into_the_next_chunk_is_said_once(transcriber: Make, audio: Audio) -> None:
    def hears(number: int, seconds: float, _: float) -> Decoded:
        own = " ".join(different(int(2 * seconds), str(number)))
        return heard(
            {
                0: f"{own} thanks for watching thanks for watching",
                1: f"thanks for watching thanks for watching {own}",
            }.get(number, own),
            seconds,
        )

    transcript, _ = listen(transcriber, audio, hears)
    assert [word.text for word in transcript.words].count("watching") == 1


def test_without_an_order_the_pieces_vote_on_the_language(transcriber: Make, audio: Audio) -> None:
    voted, _ = listen(transcriber, audio, lambda _, seconds, __: honest(seconds))
    assert voted.language == "de"
    assert voted.language_probability == pytest.approx(0.7)
    ordered, _ = listen(transcriber, audio, lambda _, seconds, __: honest(seconds), language="en")
    assert (ordered.language, ordered.language_probability) == ("en", 1.0)


@pytest.mark.parametrize(
    ("ballots", "winner", "certainty"),
    [
        ([{"en": 0.9, "de": 0.1}], "en", 0.9),
        ([{"en": 0.5, "de": 0.4}, {"en": 0.5, "de": 0.4}, {"de": 1.0}], "de", 0.6),
        ([{"en": 0.5}, {"de": 0.5}], "de", 0.25),
    ],
)
def test_a_sure_piece_outweighs_doubtful_ones(
    ballots: list[dict[str, float]], winner: str, certainty: float
) -> None:
    found = elected(ballots)
    assert found is not None
    language, probability = found
    assert language == winner
    assert probability == pytest.approx(certainty)


def test_memory_does_not_grow_with_the_length_of_the_recording(transcriber: Make, cut: Cut) -> None:
    peaks = []
    for times in (1, 4):
        long = cut("dialogue", times=times)
        tracemalloc.start()
        try:
            _, engine = listen(
                transcriber, long, lambda _, seconds, __: heard("one word", seconds, logprob=-0.1), batch=2
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert engine.largest <= 2 * 30 * SAMPLE_RATE
    sound = 4 * 3 * cut("dialogue").samples
    assert peaks[1] - peaks[0] < 0.02 * sound


@pytest.mark.parametrize(
    ("logprob", "no_speech", "complete", "turns"),
    [(-0.2, 0.0, True, 8), (-1.5, 0.9, True, 0), (-0.2, 0.0, False, 0)],
    ids=["heard well", "by nobody", "out of tokens"],
)
def test_halves_confirm_a_repetition_only_if_they_can_be_what_was_said(
    *, logprob: float, no_speech: float, complete: bool, turns: int, transcriber: Make, audio: Audio
) -> None:
    def hears(number: int, seconds: float, temperature: float) -> Decoded:
        if temperature or 1 < number < 4 or number == 0:
            return honest(seconds)
        if number == 1:
            return heard("call me back today " * 8, seconds)
        return Decoded("call me back today " * 4, seconds, logprob, no_speech, complete)

    transcript, engine = listen(transcriber, audio, hears)
    assert [word.text for word in transcript.words].count("today") == turns
    assert any(temperature > 0 for _, temperature in engine.asked) == (turns == 0)
