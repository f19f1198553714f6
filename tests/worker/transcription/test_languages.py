"""Each piece of a recording is decoded in the language that it is in. The sound is real, the languages are
told to the tests' decoder."""

import hashlib
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from ingest_worker.domain import SAMPLE_RATE, Audio, FloatArray, Transcript, Word
from ingest_worker.engines.chunks import Chunk
from ingest_worker.engines.decoding import Piece, Task
from ingest_worker.engines.languages import (
    Ballot,
    at_borders,
    by_language,
    contradicted,
    divided,
    elected,
    languages_of,
    pieces_of,
    sure_of,
)
from ingest_worker.engines.quality import Decoded
from ingest_worker.engines.whisper import WhisperTranscriber

TURN_SECONDS = 8.0
ALIKE = -1.0
Cut = Callable[..., Audio]
Make = Callable[..., WhisperTranscriber]

EN, DE, UNSURE = {"en": 0.95, "de": 0.03}, {"de": 0.93, "en": 0.06}, {"en": 0.5, "nl": 0.4}
NO, DA, NORDIC = {"no": 0.9, "da": 0.08}, {"da": 0.85, "no": 0.14}, {"no": 0.5, "da": 0.46, "en": 0.02}
DIVIDED, NEARLY = {"ja": 0.83, "en": 0.16}, {"ja": 0.91, "en": 0.05}


def chunks(*seconds: float) -> list[Chunk]:
    edges = np.cumsum([0.0, *seconds]) * SAMPLE_RATE
    return [Chunk(((int(first), int(last)),)) for first, last in pairwise(edges)]


def winner_of(ballots: Sequence[Ballot], weights: Sequence[float] | None = None) -> str:
    found = elected(ballots, weights)
    assert found is not None
    return found[0]


@pytest.mark.parametrize(("ballot", "language"), [(EN, "en"), (DE, "de"), (UNSURE, None), ({}, None)])
def test_a_sound_is_sure_of_a_language_or_of_none(ballot: Ballot, language: str | None) -> None:
    assert sure_of(ballot) == language


def test_a_long_piece_outweighs_a_short_one() -> None:
    assert winner_of([EN, DE, DE], [60.0, 20.0, 10.0]) == "en"
    assert winner_of([EN, DE, DE]) == "de"


def test_a_sound_without_a_ballot_has_no_weight_in_an_election_nor_against_an_order() -> None:
    assert elected([DE, {}, {}], [10.0, 28.0, 28.0]) == elected([DE], [10.0]) == ("de", pytest.approx(0.93))
    assert contradicted("en", [DE, {}, {}], [10.0, 28.0, 28.0]) == "de"
    assert elected([{}, {}]) is None


@pytest.mark.parametrize(
    ("ballots", "borders"),
    [
        ([EN, EN, EN, EN], []),
        ([EN, UNSURE, EN, EN], []),
        ([EN, EN, DE, DE, DE], [1, 2]),
        ([EN, UNSURE, DE, DE], [0, 1, 2]),
        ([{}, {}, {}], []),
        ([NO, DA, NORDIC, NO, DA], []),
        ([EN, NO, DA, NORDIC, NO], [0, 1]),
    ],
    ids=[
        *("one language", "an unsure one", "a change", "unsure between", "a model of one language"),
        *("neighbours", "a language beside neighbours"),
    ],
)
def test_chunks_beside_another_language_may_have_both(ballots: list[Ballot], borders: list[int]) -> None:
    every = chunks(*[28.0] * len(ballots))
    assert [
        every.index(chunk) for chunk in at_borders(every, dict(zip(every, ballots, strict=True)))
    ] == borders


@pytest.mark.parametrize(
    ("ballots", "likeliest"),
    [
        ([EN, EN], []),
        ([EN, UNSURE, EN], [1]),
        ([DIVIDED], [0]),
        ([NEARLY, UNSURE, DIVIDED, NEARLY], [1, 2, 0, 3]),
        ([{}, {}], []),
        ([NO, DA, NORDIC], []),
        ([NORDIC, {"no": 0.4, "da": 0.4, "en": 0.2}], [1]),
    ],
    ids=[
        *("one language", "an unsure one", "a divided one", "many", "a model of one language"),
        *("neighbours", "another language among neighbours"),
    ],
)
def test_chunks_that_may_have_two_languages_begin_with_the_likeliest(
    ballots: list[Ballot], likeliest: list[int]
) -> None:
    every = chunks(*[28.0] * len(ballots))
    assert [
        every.index(chunk) for chunk in divided(every, dict(zip(every, ballots, strict=True)))
    ] == likeliest


def test_a_chunk_is_asked_in_pieces_that_are_long_enough_and_hold_all_of_it() -> None:
    spans = tuple((second * SAMPLE_RATE, (second + 1) * SAMPLE_RATE) for second in range(11))
    pieces = pieces_of(Chunk(spans))
    assert tuple(span for piece in pieces for span in piece.spans) == spans
    assert [piece.seconds for piece in pieces] == [3.0, 3.0, 5.0]
    assert pieces_of(Chunk(spans[:1])) == [Chunk(spans[:1])]


def test_pieces_of_one_language_are_one_and_a_doubtful_one_goes_with_what_is_before_it() -> None:
    pieces = chunks(4.0, 4.0, 4.0, 4.0, 4.0)
    assert [part.seconds for part in by_language(pieces, [UNSURE, EN, UNSURE, DE, UNSURE])] == [12.0, 8.0]
    assert [part.seconds for part in by_language(pieces, [UNSURE] * 5)] == [20.0]


def test_a_likely_language_is_believed_where_other_sounds_are_sure_of_it() -> None:
    pieces = chunks(4.0, 4.0, 4.0, 4.0)
    likely = {"de": 0.7, "en": 0.2}
    for known, parts in (({"en", "de"}, [8.0, 4.0, 4.0]), ({"en", "fr"}, [16.0])):
        assert [part.seconds for part in by_language(pieces, [EN, EN, likely, EN], known)] == parts
    assert [part.seconds for part in by_language(pieces, [EN, UNSURE, EN, EN], {"en", "nl"})] == [16.0]


def test_a_part_has_the_language_of_its_surest_piece() -> None:
    pieces = [Chunk(((place * 64_000, (place + 1) * 64_000),)) for place in range(5)]
    mixed = {"de": 0.5, "en": 0.32}
    ballots = [EN, mixed, DE, UNSURE, DE]
    parts = by_language(pieces, ballots)
    assert [part.seconds for part in parts] == [8.0, 12.0]
    assert languages_of(parts, pieces, ballots) == ["en", "de"]


class Interpreter:
    """Stands where the engine stands: English until a second of the recording's sound, German from there;
    writes what it was told."""

    languages: Sequence[str] = ("en", "de")

    def __init__(self, audio: Audio, change: float) -> None:
        self._sound, self._change = audio.pcm(), change * SAMPLE_RATE
        self.asked = 0
        self.batches: list[int] = []

    def fitting(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        return tuple(vocabulary)

    def language_of(self, sounds: Sequence[FloatArray]) -> list[Ballot]:
        self.asked += len(sounds)
        return [self._ballot(sound) for sound in sounds]

    def decode(self, sounds: Sequence[FloatArray], task: Task, _: float) -> list[Piece]:
        self.batches.append(len(sounds))
        return [self._piece(sound, task) for sound in sounds]

    def _ballot(self, sound: FloatArray) -> Ballot:
        """By the share of the sound that is English, as Whisper does: the larger part wins surely."""
        first = self._place(sound)
        english = float(np.clip((self._change - first) / sound.size, 0.0, 1.0))
        return {"en": 0.99, "de": 0.01} if english >= 0.5 else {"en": 0.05, "de": 0.95}

    def _place(self, sound: FloatArray) -> int:
        """First sample in the recording of a sound that may have joints in it."""
        start = np.round(sound[:400] * 32_768).astype(np.int16)
        windows = np.lib.stride_tricks.sliding_window_view(self._sound, 400)
        same = np.flatnonzero(windows[:, 0] == start[0])
        return int(next(place for place in same if np.array_equal(windows[place], start)))

    def _piece(self, sound: FloatArray, task: Task) -> Piece:
        ballot = self._ballot(sound)
        language = (sure_of(ballot) if task.follow else None) or task.language
        seconds = sound.size / SAMPLE_RATE
        words = [
            Word(start, start + 0.3, f" {language}", 0.9)
            for start in np.arange(0.0, seconds - 0.3, 1 / 3).tolist()
        ]
        heard = Decoded(hashlib.sha512(sound.tobytes()).hexdigest(), seconds, -0.1, 0.05, complete=True)
        return heard.spoken_in(language, task.language, ballot), words


class AfterEverySentence(Interpreter):
    """Eight seconds of English, eight of German, and so on: every chunk has both, and as a whole is sure of
    neither. Or nobody can tell the two apart, and no piece is sure either."""

    def __init__(self, audio: Audio, change: float) -> None:
        super().__init__(audio, change)
        self._alike = change == ALIKE

    def _ballot(self, sound: FloatArray) -> Ballot:
        seconds = sound.size / SAMPLE_RATE
        if self._alike or seconds > 2 * TURN_SECONDS:
            return {"en": 0.55, "de": 0.45}
        middle = self._place(sound) / SAMPLE_RATE + seconds / 2
        return {"en": 0.95, "de": 0.05} if middle // TURN_SECONDS % 2 == 0 else {"en": 0.05, "de": 0.95}


class Neighbours(AfterEverySentence):
    """The same with Norwegian and Danish, which a ballot takes for each other: every piece is surely one of
    them, in turn, and every chunk is divided between both."""

    languages: Sequence[str] = ("no", "da")

    def _ballot(self, sound: FloatArray) -> Ballot:
        english, german = super()._ballot(sound).values()
        return {"no": english, "da": german}


def listen(
    make: Make, audio: Audio, change: float, of: type[Interpreter] = Interpreter, **options: object
) -> tuple[Transcript, Interpreter]:
    hearing, engine = make(**options), of(audio, change)
    hearing._engine = engine  # type: ignore[assignment]  # the protocol is the engine's own methods
    return hearing.transcribe(audio, lambda _: None), engine


@pytest.fixture(scope="module")
def audio(cut: Cut) -> Audio:
    return cut("dialogue", end=100.0)


@pytest.mark.models
@pytest.mark.parametrize(("change", "language"), [(70.0, "en"), (40.0, "de")])
def test_every_word_is_decoded_in_the_language_that_is_spoken_there(
    change: float, language: str, transcriber: Make, audio: Audio
) -> None:
    transcript, _ = listen(transcriber, audio, change)
    assert transcript.language == language
    assert 0.5 < transcript.language_probability < 0.9
    assert 1 <= transcript.foreign < transcript.chunks
    wrong = [
        word
        for word in transcript.words
        if word.text != ("en" if word.start < change else "de") and abs(word.start - change) > 4.0
    ]
    assert wrong == []
    assert all(word.language == (None if word.text == language else word.text) for word in transcript.words)


@pytest.mark.models
def test_a_recording_in_one_language_is_asked_no_more_than_the_vote_needs(
    transcriber: Make, audio: Audio
) -> None:
    transcript, engine = listen(transcriber, audio, 999.0)
    assert (transcript.language, transcript.foreign, engine.asked) == ("en", 0, transcript.chunks)
    assert {word.language for word in transcript.words} == {None}


@pytest.mark.models
def test_an_interpreter_after_every_sentence_is_followed_through_all_chunks(
    transcriber: Make, cut: Cut
) -> None:
    transcript, engine = listen(transcriber, cut("dialogue", end=200.0), 0.0, AfterEverySentence)
    assert transcript.chunks > 6, "more than are tested in vain"
    first = -(-transcript.chunks // 8)
    assert max(engine.batches[first:]) == 8, "parts of several chunks share a batch"
    last = max(word.end for word in transcript.words)
    turns = [round(second) for second in np.arange(TURN_SECONDS / 2, last, TURN_SECONDS)]
    heard = [{word.text for word in transcript.words if turn - 1 <= word.start < turn + 1} for turn in turns]
    right = sum(said == {("en", "de")[number % 2]} for number, said in enumerate(heard) if said)
    assert right >= 0.7 * len(turns), heard


@pytest.mark.models
def test_languages_that_nobody_can_tell_apart_cost_few_tests(transcriber: Make, cut: Cut) -> None:
    transcript, engine = listen(transcriber, cut("dialogue", end=200.0), ALIKE, AfterEverySentence)
    most_pieces = 10
    assert transcript.chunks > 6
    assert engine.asked <= transcript.chunks + 2 * most_pieces


@pytest.mark.models
def test_languages_that_are_surely_one_or_the_other_in_turn_cost_no_test_where_nobody_interprets(
    transcriber: Make, cut: Cut
) -> None:
    transcript, engine = listen(transcriber, cut("dialogue", end=200.0), 0.0, Neighbours)
    assert transcript.chunks > 6
    assert engine.asked <= transcript.chunks, "the vote for the recording, and no piece"
    assert transcript.language == "no"
    assert {(word.text, word.language) for word in transcript.words} == {("no", None)}


@pytest.mark.models
def test_an_ordered_language_is_kept_and_what_sounds_otherwise_is_reported(
    transcriber: Make, audio: Audio
) -> None:
    transcript, _ = listen(transcriber, audio, 40.0, language="en")
    assert {word.text for word in transcript.words} == {"en"}
    assert (transcript.language, transcript.language_probability) == ("en", 1.0)
    assert transcript.foreign >= 2
    assert transcript.sounds_like is None, "less than half of it is English"


@pytest.mark.models
@pytest.mark.parametrize(("ordered", "told"), [("en", "de"), ("de", None), (None, None)])
def test_a_recording_in_another_language_than_ordered_is_reported(
    ordered: str | None, told: str | None, transcriber: Make, audio: Audio, caplog: pytest.LogCaptureFixture
) -> None:
    transcript, _ = listen(transcriber, audio, 0.0, language=ordered)
    assert transcript.sounds_like == told
    assert ("the order says that en is spoken" in caplog.text) == (told is not None)


def test_an_order_is_contradicted_only_by_a_sure_vote_of_all_the_speech() -> None:
    assert contradicted("en", [DE, DE, UNSURE], [28.0, 28.0, 4.0]) == "de"
    assert contradicted("en", [DE, EN, DE], [28.0, 28.0, 28.0]) is None
    assert contradicted("de", [DE, DE], [28.0, 28.0]) is None
    assert contradicted("en", [UNSURE], [28.0]) is None
    assert contradicted("en", [{}, {}], [28.0, 4.0]) is None
