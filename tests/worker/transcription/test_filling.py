"""What was said and not written down is heard again, or told. The sound is real; the decoder leaves out what
it is told to."""

import hashlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from ingest_worker.domain import SAMPLE_RATE, Audio, FloatArray, Transcript, Word
from ingest_worker.engines.chunks import FRAME_SAMPLES, Chunk
from ingest_worker.engines.decoding import Piece, Task
from ingest_worker.engines.filling import SPARE_PARTS, Filled, Filling, _without_doubles
from ingest_worker.engines.quality import Decoded
from ingest_worker.engines.whisper import WhisperTranscriber

pytestmark = pytest.mark.models

Cut = Callable[..., Audio]
Make = Callable[..., WhisperTranscriber]
Left = Callable[[int, float], tuple[float, float]]
"""(which sound, its seconds) -> from where to where in it nothing is written."""


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def word_of(sound: int, start: float) -> str:
    """A word that tells which sound it was heard in, and that no compression finds again."""
    return chr(ord("a") + sound) + hashlib.sha256(f"{sound} {start}".encode()).hexdigest()[:6].translate(
        LETTERS
    )


class Forgetful:
    """Stands where the engine stands;
    writes three different words a second, except where it leaves some out."""

    languages: Sequence[str] = ("en",)

    def __init__(self, left_out: Left) -> None:
        self._left_out = left_out
        self.asked: list[float] = []
        """Seconds of every sound."""

    def fitting(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        return tuple(vocabulary)

    def decode(self, sounds: Sequence[FloatArray], _: Task, temperature: float) -> list[Piece]:
        assert temperature == 0
        return [self._piece(sound.size / SAMPLE_RATE) for sound in sounds]

    def _piece(self, seconds: float) -> Piece:
        number = len(self.asked)
        self.asked.append(seconds)
        first, last = self._left_out(number, seconds)
        starts = [
            start for start in np.arange(0.0, seconds - 0.3, 1 / 3).tolist() if not first <= start < last
        ]
        words = [Word(start, start + 0.3, f" {word_of(number, start)}", 0.9) for start in starts]
        if words and first < seconds <= last:  # an alignment stretches the last word over all that is left
            words[-1] = Word(words[-1].start, seconds, words[-1].text, 0.9)
        return Decoded(
            "".join(word.text for word in words).strip(), seconds, -0.1, 0.05, complete=True
        ), words


def listen(make: Make, audio: Audio, left_out: Left) -> tuple[Transcript, Forgetful]:
    hearing, engine = make(), Forgetful(left_out)
    hearing._engine = engine  # type: ignore[assignment]  # the protocol is the engine's own methods
    return hearing.transcribe(audio, lambda _: None), engine


def bare(transcript: Transcript, seconds: float) -> float:
    """The longest stretch between two words."""
    edges = [0.0, *(edge for word in transcript.words for edge in (word.start, word.end)), seconds]
    return max(later - earlier for earlier, later in zip(edges[::2], edges[1::2], strict=True))


@pytest.fixture(scope="module")
def audio(cut: Cut) -> Audio:
    return cut("dialogue", end=100.0)


@pytest.mark.parametrize(
    ("first", "last"),
    [(9.0, 22.0), (0.0, 6.0), (12.0, 99.0)],
    ids=["in the middle", "at its start", "at its end"],
)
def test_what_a_chunk_leaves_out_is_heard_by_itself(
    first: float, last: float, transcriber: Make, audio: Audio
) -> None:
    transcript, engine = listen(
        transcriber, audio, lambda number, _: (first, last) if number == 1 else (0, 0)
    )
    assert (transcript.chunks, transcript.redecoded, transcript.dropped) == (4, 1, ())
    assert len(engine.asked) == 5
    assert min(last, engine.asked[1]) - first <= engine.asked[4] + 1.5
    assert engine.asked[4] < engine.asked[1]
    assert bare(transcript, audio.seconds) < 2.5
    kept = [word.text for word in transcript.words if word.text.startswith("b")]
    assert len(kept) == pytest.approx(3 * (engine.asked[1] - engine.asked[4]), abs=6)


def test_what_is_left_out_again_is_heard_without_the_words_around_it(transcriber: Make, audio: Audio) -> None:
    """A decoder that ends where a speaker does writes the words before the gap, and ends again."""
    transcript, engine = listen(
        transcriber, audio, lambda number, _: {1: (6.0, 99.0), 4: (0.5, 99.0)}.get(number, (0, 0))
    )
    assert transcript.dropped == ()
    assert len(engine.asked) == 6
    assert engine.asked[5] == pytest.approx(engine.asked[1] - 6.0, abs=1.0)
    assert bare(transcript, audio.seconds) < 2.5


def test_what_is_left_out_by_itself_too_is_heard_in_halves(transcriber: Make, audio: Audio) -> None:
    left = {1: (6.0, 99.0), 4: (0.5, 99.0), 5: (0.5, 99.0)}
    transcript, engine = listen(transcriber, audio, lambda number, _: left.get(number, (0, 0)))
    assert transcript.dropped == ()
    assert len(engine.asked) == 8
    assert bare(transcript, audio.seconds) < 2.5


def test_speech_that_never_gets_a_word_is_reported_and_what_stands_around_it_stays(
    transcriber: Make, audio: Audio
) -> None:
    transcript, engine = listen(
        transcriber, audio, lambda number, _: (8.0, 99.0) if number == 1 else (0.0, 99.0 * (number > 3))
    )
    ((start, end),) = transcript.dropped
    assert end - start == pytest.approx(engine.asked[1] - 9.0, abs=1.0)
    assert transcript.redecoded == 1
    assert not [word for word in transcript.words if start + 1 < word.start < end - 1]
    assert len([word for word in transcript.words if word.text.startswith("b")]) == pytest.approx(24, abs=1)


def test_a_recording_full_of_gaps_is_not_heard_over_and_over(transcriber: Make, audio: Audio) -> None:
    transcript, engine = listen(
        transcriber, audio, lambda number, _: (12.0, 99.0) if number < 4 else (0.0, 99.0)
    )
    assert len(engine.asked) <= 2 * transcript.chunks + SPARE_PARTS
    assert sum(end - start for start, end in transcript.dropped) > 0.4 * transcript.speech_seconds


def test_a_few_words_that_a_decoder_leaves_out_at_a_seam_of_two_chunks_are_found(
    transcriber: Make, audio: Audio
) -> None:
    def left_out(number: int, seconds: float) -> tuple[float, float]:
        return {0: (seconds - 1.6, seconds), 1: (0.0, 1.6)}.get(number, (0, 0))

    transcript, engine = listen(transcriber, audio, left_out)
    assert transcript.redecoded == 2
    assert len(engine.asked) == 5
    assert bare(transcript, audio.seconds) < 2.5


@pytest.mark.parametrize(("no_speech", "taken"), [(0.1, ["thanks"]), (0.9, [])])
def test_what_a_decoder_writes_where_it_hears_nobody_fills_no_gap(no_speech: float, taken: list[str]) -> None:
    frames = round(4 * SAMPLE_RATE / FRAME_SAMPLES)
    session = SimpleNamespace(words_of=lambda *_: [Word(0.0, 3.0, "thanks", 0.9)])
    filling = Filling(session, [], np.ones(frames, np.bool_), np.ones(frames, np.float32))  # type: ignore[arg-type]  # a stand-in
    filled = Filled([])
    heard = Decoded("thanks", 4.0, -0.5, no_speech, complete=True)
    filling._take(Chunk(((0, 4 * SAMPLE_RATE),)), (heard, []), filled)
    assert [word.text for word in filled.words] == taken


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (Word(9.8, 10.0, "again", 0.4), False),
        (Word(9.8, 10.0, "again", 0.9), True),
        (Word(9.8, 10.0, "then", 0.4), True),
        (Word(8.0, 8.2, "again", 0.4), True),
    ],
    ids=["a double", "the better one", "another word", "said before"],
)
def test_a_word_that_two_decodings_have_is_stored_once(*, before: Word, kept: bool) -> None:
    new = [Word(10.2, 10.5, "Again,", 0.8), Word(10.6, 11.0, "so", 0.9)]
    assert _without_doubles([before], new) == [before] * kept


def test_where_there_is_room_for_some_gaps_only_the_longest_are_heard_again() -> None:
    lengths = [3, 9, 5, 12, 2, 11, 7, 10, 4, 8, 6, 13]
    speech, spans, words = [np.zeros(200, np.bool_)], [], []
    asked: list[int] = []
    for length in lengths:
        first = sum(part.size for part in speech)
        last = first + round(length * SAMPLE_RATE / FRAME_SAMPLES)
        spans.append((first * FRAME_SAMPLES, last * FRAME_SAMPLES))
        speech += [np.ones(last - first, np.bool_), np.zeros(200, np.bool_)]
        middle = (last + 100) * FRAME_SAMPLES / SAMPLE_RATE
        words.append(Word(middle, middle + 0.3, "word", 0.9))
    flags = np.concatenate(speech)

    def decoded(parts: Sequence[Chunk], *_: object) -> list[Piece]:
        asked.extend(round(part.seconds) for part in parts)
        return [(Decoded("", part.seconds, -0.1, 0.9, complete=True), []) for part in parts]

    filling = Filling(SimpleNamespace(decoded=decoded), spans, flags, flags.astype(np.float32))  # type: ignore[arg-type]  # a stand-in
    filling.fill(words, [Chunk(((0, 100),))])
    assert asked == sorted(lengths, reverse=True)[: 1 + SPARE_PARTS]
