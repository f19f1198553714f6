"""Gates: what nobody said is recognised, and what people do say passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.engines.quality import DEGENERATE, Decoded, Fault, fault_of, is_loop, is_silence


def decoded(
    text: str, seconds: float = 20.0, *, logprob: float = -0.3, no_speech: float = 0.05, complete: bool = True
) -> Decoded:
    return Decoded(text, seconds, logprob, no_speech, complete)


HONEST = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, "
    "it was the age of foolishness."
)
SPEECH = [
    decoded(HONEST, 8.0),
    decoded("No, no, no, no. Stop. Stop it. Please, please, stop.", 5.0),
    decoded(
        "Row, row, row your boat, gently down the stream. "
        "Merrily, merrily, merrily, merrily, life is but a dream.",
        12.0,
    ),
    decoded(
        "Bye bye so so no no well well now now there there ha ha go go hear hear tut tut aye aye knock knock",
        12.0,
    ),
    decoded("Yes.", 0.4),
    decoded("Testing, one two three, testing, one two three.", 4.0),
    decoded("我们今天要讨论的是桥梁的问题和夜间公交车的问题。", 6.0),
]
FAULTS = [
    (decoded("Thank you. " * 40, 29.0), Fault.REPETITIVE),
    (decoded("I am going to the store and " * 12, 29.0), Fault.REPETITIVE),
    (decoded("we need to go we need to go we need to go we need to go", 8.0), Fault.LOOPING),
    (decoded("so the bridge is old yes yes yes yes yes yes yes yes yes yes", 10.0), Fault.LOOPING),
    (decoded(HONEST, 2.0), Fault.TOO_FAST),
    (decoded(HONEST, 8.0, complete=False), Fault.CUT_OFF),
    (decoded("The pistol of the carrot was a lamp.", 4.0, logprob=-1.2), Fault.DOUBTFUL),
    (decoded("Okay.", 25.0), Fault.SPARSE),
    (decoded("", 12.0), Fault.SPARSE),
]


@pytest.mark.parametrize("speech", SPEECH, ids=lambda value: value.text[:30])
def test_real_speech_passes_every_gate(speech: Decoded) -> None:
    assert fault_of(speech) is None


@pytest.mark.parametrize(
    ("speech", "fault"), FAULTS, ids=lambda value: str(getattr(value, "text", value))[:30]
)
def test_a_hallucination_fails_the_gate_made_for_it(speech: Decoded, fault: Fault) -> None:
    assert fault_of(speech) is fault


def test_only_text_that_nobody_said_is_worth_nothing() -> None:
    assert {fault for fault in Fault if fault not in DEGENERATE} == {Fault.DOUBTFUL, Fault.SPARSE}


@pytest.mark.parametrize(
    ("no_speech", "logprob", "silent"), [(0.9, -1.5, True), (0.9, -0.3, False), (0.1, -1.5, False)]
)
def test_silence_needs_both_the_model_and_the_doubt(
    *, no_speech: float, logprob: float, silent: bool
) -> None:
    assert is_silence(decoded("you", no_speech=no_speech, logprob=logprob)) is silent


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=10),
    st.integers(1, 12),
    st.lists(st.uuids().map(str), max_size=5),
)
def test_a_loop_is_found_wherever_it_begins(phrase: list[str], turns: int, before: list[str]) -> None:
    looped = turns >= 4 and turns * len(phrase) >= 10
    assert is_loop(" ".join([*before, *phrase * turns])) or not looped


@given(st.lists(st.uuids().map(str), max_size=60, unique=True))
def test_words_that_all_differ_are_no_loop(words: list[str]) -> None:
    assert not is_loop(" ".join(words))
