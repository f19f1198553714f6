import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Decision, Diarization, EnrolledVoice, FloatArray, Identity, Turn
from ingest_worker.errors import StageError
from ingest_worker.identification.identify import identify
from ingest_worker.identification.scores import similarity

PROFILE = IdentificationProfile(threshold="0.40", margin="0.05", min_speech_seconds=5)


def at(*cosines: float) -> FloatArray:
    """A unit vector with the given cosines to the first axes; what is missing to length 1 lies on an axis of
    its own."""
    vector = np.zeros(8, np.float32)
    vector[: len(cosines)] = cosines
    vector[-1] = np.sqrt(max(0.0, 1 - float(np.square(cosines).sum())))
    return vector


def speaking(*vectors: FloatArray, seconds: float = 60.0) -> Diarization:
    turns = tuple(Turn(k * seconds, (k + 1) * seconds, k) for k in range(len(vectors)))
    return Diarization(turns, (), np.array(vectors, np.float32).reshape(len(vectors), 8))


def axis(number: int) -> FloatArray:
    vector = np.zeros(8, np.float32)
    vector[number] = 1
    return vector


def identities(
    diarization: Diarization, voices: list[EnrolledVoice], profile: IdentificationProfile = PROFILE
) -> tuple[Identity, ...]:
    """Of a recording of which no windows were kept: its speakers stay the diarizer's."""
    found = identify(diarization, voices, profile)
    assert found.regrouped is None
    return found.identities


ANN, BOB = EnrolledVoice("ann", axis(0)[None]), EnrolledVoice("bob", axis(1)[None])


def test_a_speaker_like_one_enrolled_voice_is_named_with_score_and_runner_up() -> None:
    (who,) = identities(speaking(at(0.8, 0.3)), [ANN, BOB])
    assert (who.decision, who.name, who.runner_up) == (Decision.NAMED, "ann", "bob")
    assert who.score == pytest.approx(0.8)
    assert who.runner_up_score == pytest.approx(0.3)
    assert who.threshold == 0.4


def test_a_speaker_like_nobody_is_unknown_and_the_best_score_is_kept() -> None:
    (who,) = identities(speaking(at(0.39, 0.1)), [ANN, BOB])
    assert (who.decision, who.name) == (Decision.UNKNOWN, None)
    assert who.score == pytest.approx(0.39)


def test_a_speaker_like_two_enrolled_voices_is_named_after_neither() -> None:
    (who,) = identities(speaking(at(0.60, 0.57)), [ANN, BOB])
    assert (who.decision, who.name, who.runner_up) == (Decision.AMBIGUOUS, None, "bob")


def test_the_only_enrolled_voice_needs_the_threshold_like_any_other() -> None:
    (who,) = identities(speaking(at(0.2)), [ANN])
    assert who.decision is Decision.UNKNOWN
    assert who.runner_up is None
    assert who.runner_up_score is None


def test_somebody_who_speaks_briefly_is_not_named_however_alike() -> None:
    (who,) = identities(speaking(at(0.99), seconds=4.9), [ANN])
    assert (who.decision, who.name) == (Decision.TOO_SHORT, None)
    assert who.score == pytest.approx(0.99)


@pytest.mark.parametrize("row", [np.full(8, np.nan, np.float32), np.zeros(8, np.float32)])
def test_a_speaker_without_a_vector_is_not_compared(row: FloatArray) -> None:
    (who,) = identities(speaking(row), [ANN])
    assert (who.decision, who.name, who.score) == (Decision.NO_VECTOR, None, None)


def test_with_nobody_enrolled_nobody_is_named() -> None:
    who = identities(speaking(axis(0), axis(1)), [])
    assert [identity.decision for identity in who] == [Decision.NOBODY_ENROLLED] * 2


def test_a_recording_without_speech_has_no_identities() -> None:
    assert identities(Diarization((), (), np.zeros((0, 256), np.float32)), [ANN]) == ()


def test_a_voice_goes_to_the_speaker_who_is_clearly_more_like_it() -> None:
    first, second = identities(speaking(at(0.55), at(0.85)), [ANN, BOB])
    assert (first.decision, first.name) == (Decision.AMBIGUOUS, None)
    assert (second.decision, second.name) == (Decision.NAMED, "ann")


def test_a_voice_that_two_speakers_claim_alike_goes_to_neither() -> None:
    who = identities(speaking(at(0.80), at(0.78)), [ANN, BOB])
    assert [(identity.decision, identity.name) for identity in who] == [(Decision.AMBIGUOUS, None)] * 2


def test_one_bad_recording_of_a_voice_does_not_hide_three_good_ones() -> None:
    good, bad = at(0.9), -axis(0)
    assert similarity(axis(0), np.stack([good, bad, good, good])) == pytest.approx(0.9)


def test_one_recording_that_fits_by_chance_does_not_name_a_stranger() -> None:
    references = np.stack([axis(0), axis(1), axis(2), axis(3)])
    assert similarity(axis(0), references) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        (np.zeros((0, 8), np.float32), "has no vectors"),
        (np.ones((1, 192), np.float32), "another network"),
        (np.full((1, 8), np.nan, np.float32), "not finite"),
        (np.zeros((1, 8), np.float32), "zero"),
    ],
)
def test_an_enrolled_voice_that_cannot_be_compared_fails_the_stage_by_name(
    vectors: FloatArray, complaint: str
) -> None:
    with pytest.raises(StageError, match=rf"eve.*{complaint}") as caught:
        identities(speaking(axis(0)), [ANN, EnrolledVoice("eve", vectors)])
    assert caught.value.reason is Reason.IDENTIFICATION_FAILED


units = st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8).map(
    lambda v: np.array(v, np.float32) + np.float32(1e-3)
)
heard = st.lists(units, max_size=5).map(lambda rows: speaking(*(row / np.linalg.norm(row) for row in rows)))
enrolled = st.lists(st.lists(units, min_size=1, max_size=4), max_size=4).map(
    lambda people: [EnrolledVoice(f"p{k}", np.array(rows, np.float32)) for k, rows in enumerate(people)]
)
profiles = st.builds(
    lambda threshold, margin: IdentificationProfile(threshold=f"{threshold:.2f}", margin=f"{margin:.2f}"),
    st.floats(-0.5, 0.9),
    st.floats(0, 0.4),
)


@given(heard, enrolled, profiles)
def test_whatever_is_heard_a_name_is_above_the_threshold_clear_of_the_next_and_given_once(
    diarization: Diarization, voices: list[EnrolledVoice], profile: IdentificationProfile
) -> None:
    who = identities(diarization, voices, profile)
    assert [identity.speaker for identity in who] == list(range(diarization.speakers))
    named = [identity for identity in who if identity.name is not None]
    assert len({identity.name for identity in named}) == len(named)
    assert all((identity.decision is Decision.NAMED) == (identity.name is not None) for identity in who)
    for identity in named:
        assert identity.score is not None
        assert identity.score >= float(profile.threshold)
        assert identity.runner_up_score is None or identity.score - identity.runner_up_score >= float(
            profile.margin
        )


@given(heard, enrolled, profiles)
def test_the_order_of_enrolment_changes_nothing(
    diarization: Diarization, voices: list[EnrolledVoice], profile: IdentificationProfile
) -> None:
    assert identities(diarization, voices, profile) == identities(diarization, voices[::-1], profile)


@given(heard, enrolled, profiles)
def test_loudness_of_an_enrolled_vector_changes_no_decision(
    diarization: Diarization, voices: list[EnrolledVoice], profile: IdentificationProfile
) -> None:
    louder = [EnrolledVoice(voice.name, 4 * voice.vectors) for voice in voices]  # a power of two: no rounding
    assert identities(diarization, voices, profile) == identities(diarization, louder, profile)
