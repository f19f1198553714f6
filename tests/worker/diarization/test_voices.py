"""Enrolment and identification with the real network and real people."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Audio, Decision, Diarization, EnrolledVoice
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.errors import StageError
from ingest_worker.identification.identify import identify
from ingest_worker.identification.timeline import regrouped_turns
from ingest_worker.sole_voice import sole_voice
from ingest_worker.voice_windows import NOBODY
from testkit.speech.catalogue import VOICES, Recording

pytestmark = pytest.mark.models
AudioOf = Callable[..., Audio]


def test_a_recording_of_two_people_is_no_voice(diarizer: PyannoteDiarizer, sample: Audio) -> None:
    with pytest.raises(StageError, match="second voice") as caught:
        sole_voice(diarizer.diarize(sample, SpeakerCount(), lambda _: None))
    assert caught.value.reason is Reason.SEVERAL_PEOPLE


@pytest.fixture(scope="module")
def enrolled(diarizer: PyannoteDiarizer, audio_of: AudioOf) -> list[EnrolledVoice]:
    heard = {
        name: diarizer.diarize(audio_of(f"voice-{name}"), SpeakerCount(), lambda _: None) for name in VOICES
    }
    return [EnrolledVoice(name, sole_voice(said).vector[None]) for name, said in heard.items()]


@pytest.fixture(scope="module")
def dialogue(diarizer: PyannoteDiarizer, audio_of: AudioOf) -> Diarization:
    return diarizer.diarize(audio_of("dialogue", seconds=64), SpeakerCount(), lambda _: None)


def test_enrolled_voices_are_recognised_in_a_dialogue_and_no_stranger_is(
    diarizer: PyannoteDiarizer,
    recording: Callable[[str], Recording],
    enrolled: list[EnrolledVoice],
    dialogue: Diarization,
    sample: Audio,
) -> None:
    truth = recording("dialogue").turns
    assert truth is not None
    found = identify(dialogue, enrolled, IdentificationProfile())
    assert found.regrouped is None
    identities = found.identities
    assert sorted(identity.name or "" for identity in identities) == sorted(VOICES)
    for turn in (turn for turn in truth if turn.end < 64):
        middle = (turn.start + turn.end) / 2
        assert {
            identities[ours.speaker].name for ours in dialogue.turns if ours.start <= middle <= ours.end
        } <= {turn.speaker}
    call = diarizer.diarize(sample, SpeakerCount(), lambda _: None)
    strangers = identify(call, enrolled, IdentificationProfile()).identities
    assert [identity.decision for identity in strangers] == [Decision.UNKNOWN] * 2
    assert np.isfinite([identity.score or np.nan for identity in strangers]).all()


def same_seconds(one: Diarization, other: Diarization) -> float:
    """Share of one's spoken seconds in which the other has the same speaker."""
    common = sum(
        max(0.0, min(mine.end, theirs.end) - max(mine.start, theirs.start))
        for mine in one.turns
        for theirs in other.turns
        if mine.speaker == theirs.speaker
    )
    return common / sum(turn.end - turn.start for turn in one.turns)


def taken_for_one(heard: Diarization, one: int, other: int) -> Diarization:
    """As if clustering had not told two speakers apart: where both are in one window, one of them is
    nobody."""
    assert heard.windows is not None
    speakers = heard.windows.speakers.copy()
    both = (speakers == one).any(1) & (speakers == other).any(1)
    speakers[both[:, None] & (speakers == other)] = NOBODY
    speakers[speakers == other] = one
    turns = tuple(replace(turn, speaker=one) if turn.speaker == other else turn for turn in heard.turns)
    vectors = heard.vectors.copy()
    vectors[one] = (vectors[one] + vectors[other]) / np.linalg.norm(vectors[one] + vectors[other])
    windows = replace(heard.windows, speakers=speakers)
    return replace(heard, turns=turns, vectors=np.delete(vectors, other, 0), windows=windows)


def test_people_whom_clustering_took_for_one_are_told_apart_by_their_enrolled_voices(
    enrolled: list[EnrolledVoice], dialogue: Diarization
) -> None:
    assert dialogue.speakers == 3
    merged = taken_for_one(dialogue, 1, 2)
    assert same_seconds(dialogue, merged) < 0.75
    found = identify(merged, enrolled, IdentificationProfile())
    assert sorted(identity.name or "" for identity in found.identities) == sorted(VOICES)
    assert same_seconds(dialogue, found.of(merged)) >= 0.99


def test_windows_sum_up_to_the_turns_that_were_made_of_them(dialogue: Diarization) -> None:
    windows = dialogue.windows
    assert windows is not None
    every = np.ones(len(windows.active), bool)
    again = regrouped_turns(dialogue.turns, windows, windows.speakers, every)
    assert same_seconds(dialogue, replace(dialogue, turns=again)) >= 0.999


def test_the_size_of_a_batch_changes_no_identity(
    folder: Path, enrolled: list[EnrolledVoice], dialogue: Diarization, audio_of: AudioOf
) -> None:
    alone = PyannoteDiarizer(folder, device="cpu", batch=1)
    heard = alone.diarize(audio_of("dialogue", seconds=64), SpeakerCount(), lambda _: None)
    alone.release()
    assert heard.turns == dialogue.turns
    for one, other in (
        (heard, dialogue),
        (taken_for_one(heard, 1, 2), taken_for_one(dialogue, 1, 2)),
    ):
        mine, theirs = (identify(each, enrolled, IdentificationProfile()) for each in (one, other))
        assert mine.of(one).turns == theirs.of(other).turns
        for left, right in zip(mine.identities, theirs.identities, strict=True):
            assert (left.decision, left.name, left.runner_up, left.evidence) == (
                right.decision,
                right.name,
                right.runner_up,
                right.evidence,
            )
            assert left.score == pytest.approx(right.score, abs=1e-4)
