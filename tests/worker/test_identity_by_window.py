"""Enrolled voices divide a speaker who is two of them, and join speakers who are one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Decision, Diarization, EnrolledVoice, Identified
from ingest_worker.identification.assignment import best_assignment
from ingest_worker.identification.identify import identify
from ingest_worker.voice_windows import NOBODY
from tests.support.conversation import Line, axis, heard, leaning, right_seconds, without_windows

PROFILE = IdentificationProfile(threshold="0.40", margin="0.05", min_speech_seconds=5)
VOICES = {"ann": axis(0), "bob": axis(1), "eve": axis(2), "guest": axis(3)}
ANN, BOB, EVE = (EnrolledVoice(name, VOICES[name][None]) for name in ("ann", "bob", "eve"))

PANEL: list[Line] = [(7, "ann"), (6, "eve"), (8, "bob"), (5, "ann"), (9, "bob"), (6, "eve"), (7, "ann")] * 3
MERGED = {"ann": 0, "eve": 1, "bob": 0}
"""The diarizer takes ann and bob for one."""


def names(found: Identified) -> list[str | None]:
    return [identity.name for identity in found.identities]


def person_of(found: Identified) -> dict[int, str | None]:
    return {identity.speaker: identity.name for identity in found.identities}


def test_a_speaker_who_is_two_enrolled_people_is_divided_and_each_has_what_he_said() -> None:
    recording = heard(PANEL, VOICES, MERGED)
    found = identify(recording, [ANN, BOB, EVE], PROFILE)
    assert names(found) == ["ann", "eve", "bob"]
    assert right_seconds(PANEL, found.of(recording).turns, person_of(found)) >= 0.97
    before = {0: "ann", 1: "eve"}
    assert right_seconds(PANEL, recording.turns, before) < 0.70


def test_two_who_are_one_within_each_window_change_where_they_change() -> None:
    """A window's vector is then of both, and gives all of its ten seconds to the better."""
    lines: list[Line] = [
        (4, "bob"),
        (11, "ann"),
        (5, "bob"),
        (9, "ann"),
        (6, "eve"),
        (4, "bob"),
        (3, "ann"),
    ] * 3
    for seed in range(5):
        recording = heard(lines, VOICES, MERGED, apart=False, seed=seed)
        found = identify(recording, [ANN, BOB, EVE], PROFILE)
        assert sorted(str(name) for name in names(found)) == ["ann", "bob", "eve"]
        assert right_seconds(lines, found.of(recording).turns, person_of(found)) >= 0.96


def test_the_evidence_says_which_of_the_diarizers_speakers_it_was_and_what_was_won() -> None:
    found = identify(heard(PANEL, VOICES, MERGED), [ANN, BOB, EVE], PROFILE)
    ann, eve, bob = (identity.evidence for identity in found.identities)
    assert ann is not None
    assert bob is not None
    assert eve is not None
    assert (eve.heard_as, bob.heard_as) == ((1,), (0,))
    assert ann.heard_as == (0, 1)  # in some windows she was eve, because bob was taken for her there
    assert [(won.voice, won.seconds) for won in ann.won] == [("ann", pytest.approx(57, abs=3))]
    assert [(won.voice, won.longest) for won in bob.won] == [("bob", pytest.approx(9, abs=1))]


def test_who_was_taken_for_a_third_person_in_a_shared_window_is_given_back() -> None:
    """Where ann and bob are in one window, one of them was eve."""
    lines: list[Line] = [(3, "ann"), (3, "bob")] * 8 + [(12, "eve")] + [(3, "ann"), (3, "bob")] * 4
    recording = heard(lines, VOICES, MERGED)
    taken = sum(turn.end - turn.start for turn in recording.turns if turn.speaker == 1)
    assert taken > 20
    found = identify(recording, [ANN, BOB, EVE], PROFILE)
    assert right_seconds(lines, found.of(recording).turns, person_of(found)) >= 0.95


def test_a_guest_in_the_divided_speaker_stays_unknown() -> None:
    lines: list[Line] = [(8, "ann"), (8, "bob"), (8, "guest"), (10, "eve")] * 3
    recording = heard(lines, VOICES, MERGED | {"guest": 0})
    found = identify(recording, [ANN, BOB, EVE], PROFILE)
    assert sorted(name or "-" for name in names(found)) == ["-", "ann", "bob", "eve"]
    (stranger,) = (each for each in found.identities if each.name is None)
    assert stranger.decision is Decision.UNKNOWN
    assert (
        right_seconds(lines, found.of(recording).turns, person_of(found) | {stranger.speaker: "guest"}) > 0.95
    )


def test_a_speaker_of_one_enrolled_person_and_a_guest_is_left_as_it_is() -> None:
    lines: list[Line] = [(20, "ann"), (20, "guest"), (12, "eve")]
    recording = heard(lines, VOICES, {"ann": 0, "guest": 0, "eve": 1})
    assert identify(recording, [ANN, EVE], PROFILE).regrouped is None


def test_with_nobody_enrolled_the_speakers_are_the_diarizers_own() -> None:
    recording = heard(PANEL, VOICES, MERGED)
    found = identify(recording, [], PROFILE)
    assert found.regrouped is None
    assert found.of(recording) is recording
    assert [(each.decision, each.evidence) for each in found.identities] == [
        (Decision.NOBODY_ENROLLED, None)
    ] * 2


@pytest.mark.parametrize("seconds", [4, 1.5], ids=lambda seconds: f"{seconds} s at once")
def test_less_of_a_second_voice_than_a_name_needs_divides_nobody(seconds: float) -> None:
    lines: list[Line] = [(30, "ann"), (seconds, "bob"), (30, "ann"), (12, "eve")]
    assert identify(heard(lines, VOICES, MERGED), [ANN, BOB, EVE], PROFILE).regrouped is None


def test_seconds_that_are_never_together_divide_nobody() -> None:
    lines: list[Line] = [(12, "eve"), *[(1.2, "ann"), (1.2, "bob")] * 40]
    recording = heard(lines, VOICES, {"eve": 0, "ann": 1, "bob": 1})
    found = identify(recording, [ANN, BOB, EVE], PROFILE)
    pieces = found.identities[1].evidence
    assert pieces is not None
    assert min(won.seconds for won in pieces.won if won.voice != "eve") > 5
    assert max(won.longest for won in pieces.won) < 2
    assert found.regrouped is None


def test_windows_that_are_heard_wrongly_now_and_then_win_nothing() -> None:
    recording = heard([(60, "ann"), (12, "eve")], VOICES, {"ann": 0, "eve": 1})
    assert recording.windows is not None
    vectors = recording.windows.vectors.copy()
    vectors[:48:3, 0] = (127 * axis(1)).astype(np.int8)  # one of three windows has bob's voice
    noisy = replace(recording, windows=replace(recording.windows, vectors=vectors))
    found = identify(noisy, [ANN, BOB, EVE], PROFILE)
    assert found.regrouped is None
    ann = found.identities[0].evidence
    assert ann is not None
    assert [won.voice for won in ann.won if won.seconds > 3] == ["ann"]


def test_voices_below_the_threshold_divide_nobody() -> None:
    far = [EnrolledVoice("ann", leaning(8, 0, 0.35)[None]), EnrolledVoice("bob", leaning(9, 1, 0.35)[None])]
    found = identify(heard(PANEL, VOICES, MERGED), far, PROFILE)
    assert found.regrouped is None
    assert names(found) == [None, None]


def test_two_enrolled_voices_without_a_margin_between_them_divide_nobody() -> None:
    twins = [
        EnrolledVoice("ann", (1.04 * axis(0) + axis(1))[None]),
        EnrolledVoice("bob", (axis(0) + 1.04 * axis(1))[None]),
    ]
    assert identify(heard(PANEL, VOICES, MERGED), twins, PROFILE).regrouped is None


SPLIT: list[Line] = [(20, "ann"), (10, "eve"), (20, "ann"), (15, "late ann"), (10, "eve"), (30, "late ann")]
MOVED = VOICES | {"late ann": leaning(5, 0, 0.6)}
APART = {"ann": 0, "eve": 1, "late ann": 2}
"""After a while ann sounds otherwise, and the diarizer takes her for somebody new."""


def test_one_enrolled_person_whom_the_diarizer_split_is_one_again() -> None:
    recording = heard(SPLIT, MOVED, APART)
    found = identify(recording, [ANN, EVE], PROFILE)
    assert names(found) == ["ann", "eve"]
    lines = [(seconds, who.removeprefix("late ")) for seconds, who in SPLIT]
    assert right_seconds(lines, found.of(recording).turns, person_of(found)) >= 0.97
    ann = found.identities[0]
    assert ann.evidence is not None
    assert ann.evidence.heard_as == (0, 2)
    assert ann.score is not None
    assert ann.score >= ann.threshold
    assert found.of(recording).vectors.shape == (2, recording.vectors.shape[1])


def test_a_part_that_is_not_like_the_voice_stays_apart() -> None:
    found = identify(heard(SPLIT, MOVED | {"late ann": leaning(5, 0, 0.38)}, APART), [ANN, EVE], PROFILE)
    assert found.regrouped is None
    assert names(found) == ["ann", "eve", None]


def test_two_who_sound_alike_and_talk_to_each_other_are_not_one() -> None:
    lines: list[Line] = [(4, "ann"), (5, "late ann")] * 10 + [(12, "eve")]
    alike = VOICES | {"ann": leaning(6, 0, 0.8), "late ann": leaning(5, 0, 0.78)}
    found = identify(heard(lines, alike, {"ann": 0, "late ann": 1, "eve": 2}), [ANN, EVE], PROFILE)
    assert found.regrouped is None
    assert [each.decision for each in found.identities] == [
        Decision.AMBIGUOUS,
        Decision.AMBIGUOUS,
        Decision.NAMED,
    ]


def test_without_windows_nobody_is_divided_or_joined_and_no_evidence_is_claimed() -> None:
    for recording in (heard(PANEL, VOICES, MERGED), heard(SPLIT, MOVED, APART)):
        found = identify(without_windows(recording), [ANN, BOB, EVE], PROFILE)
        assert found.regrouped is None
        assert {each.evidence for each in found.identities} == {None}


def test_a_part_of_a_divided_speaker_goes_to_that_persons_own_speaker() -> None:
    """Of bob's turns half were heard as ann, half as himself."""
    lines: list[Line] = [(12, "ann"), (11, "bob"), (12, "ann"), (14, "other bob"), (10, "eve")] * 2
    recording = heard(lines, VOICES | {"other bob": axis(1)}, {"ann": 0, "bob": 0, "other bob": 1, "eve": 2})
    found = identify(recording, [ANN, BOB, EVE], PROFILE)
    assert names(found) == ["ann", "bob", "eve"]
    plain = [(seconds, who.removeprefix("other ")) for seconds, who in lines]
    assert right_seconds(plain, found.of(recording).turns, person_of(found)) >= 0.95


people = st.sampled_from(["ann", "bob", "eve", "guest"])
talks = st.lists(st.tuples(st.integers(2, 15).map(float), people), min_size=2, max_size=10)
groupings = st.fixed_dictionaries({who: st.integers(0, 2) for who in VOICES})
enrolments = st.lists(st.sampled_from([ANN, BOB, EVE]), max_size=3, unique_by=lambda voice: voice.name)


def recorded(lines: list[Line], grouping: dict[str, int], seed: int) -> Diarization:
    present = list(dict.fromkeys(who for _, who in lines))
    order = list(dict.fromkeys(grouping[who] for who in present))
    return heard(lines, VOICES, {who: order.index(grouping[who]) for who in present}, noise=0.6, seed=seed)


def same(one: Identified, other: Identified) -> bool:
    plain = [
        [replace(each, score=None, runner_up_score=None) for each in found.identities]
        for found in (one, other)
    ]
    turns = [found.regrouped and found.regrouped.turns for found in (one, other)]
    return plain[0] == plain[1] and turns[0] == turns[1]


@settings(max_examples=40)
@given(talks, groupings, enrolments, st.integers(0, 9))
def test_whoever_is_enrolled_speech_is_neither_lost_nor_made_and_names_hold_to_the_rules(
    lines: list[Line], grouping: dict[str, int], voices: list[EnrolledVoice], seed: int
) -> None:
    recording = recorded(lines, grouping, seed)
    found = identify(recording, voices, PROFILE)
    after = found.of(recording)
    assert [each.speaker for each in found.identities] == list(range(after.speakers))
    assert sum(t.end - t.start for t in after.turns) == pytest.approx(
        sum(t.end - t.start for t in recording.turns)
    )
    assert all(one.end <= two.start for one, two in zip(after.turns, after.turns[1:], strict=False))
    assert list(dict.fromkeys(turn.speaker for turn in after.turns)) == list(range(after.speakers))
    named = [each for each in found.identities if each.name is not None]
    assert len({each.name for each in named}) == len(named)
    assert all((each.score or 0) >= 0.40 for each in named)
    if len(voices) < 2 and len({each.name for each in named}) < 1:
        assert found.regrouped is None


@settings(max_examples=25)
@given(talks, groupings, st.permutations([ANN, BOB, EVE]), st.integers(0, 9))
def test_the_order_of_enrolment_changes_no_turn(
    lines: list[Line], grouping: dict[str, int], voices: list[EnrolledVoice], seed: int
) -> None:
    recording = recorded(lines, grouping, seed)
    assert same(identify(recording, [ANN, BOB, EVE], PROFILE), identify(recording, voices, PROFILE))


@settings(max_examples=25)
@given(talks, groupings, st.sampled_from([0.25, 4.0, 64.0]), st.integers(0, 9))
def test_the_loudness_of_enrolled_vectors_changes_no_turn(
    lines: list[Line], grouping: dict[str, int], factor: float, seed: int
) -> None:
    recording = recorded(lines, grouping, seed)
    louder = [replace(voice, vectors=voice.vectors * np.float32(factor)) for voice in (ANN, BOB, EVE)]
    assert same(identify(recording, [ANN, BOB, EVE], PROFILE), identify(recording, louder, PROFILE))


@given(
    st.integers(1, 3).flatmap(
        lambda slots: st.lists(
            st.lists(st.integers(-9, 9), min_size=4, max_size=4), min_size=slots, max_size=slots
        )
    ),
    st.integers(1, 4),
)
def test_slots_of_a_window_are_given_different_speakers_with_the_highest_sum(
    rows: list[list[int]], speakers: int
) -> None:
    from scipy.optimize import linear_sum_assignment

    likeness = np.array(rows, np.float64)[:, :speakers]
    chosen = best_assignment(likeness)
    taken = [speaker for speaker in chosen if speaker != NOBODY]
    assert len(set(taken)) == len(taken) == min(likeness.shape)
    best = linear_sum_assignment(likeness, maximize=True)
    reached = sum(likeness[slot, speaker] for slot, speaker in enumerate(chosen) if speaker != NOBODY)
    assert reached == likeness[best].sum()
