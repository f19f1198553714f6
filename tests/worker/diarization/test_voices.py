"""Enrolment and identification with the real network and real people."""

from collections.abc import Callable

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Audio, Decision, EnrolledVoice
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.errors import StageError
from ingest_worker.identification import identify
from ingest_worker.sole_voice import sole_voice
from testkit.speech.catalogue import VOICES, Recording

pytestmark = pytest.mark.models
AudioOf = Callable[..., Audio]


def test_a_recording_of_two_people_is_no_voice(diarizer: PyannoteDiarizer, sample: Audio) -> None:
    with pytest.raises(StageError, match="second voice") as caught:
        sole_voice(diarizer.diarize(sample, SpeakerCount(), lambda _: None))
    assert caught.value.reason is Reason.SEVERAL_PEOPLE


def test_enrolled_voices_are_recognised_in_a_dialogue_and_no_stranger_is(
    diarizer: PyannoteDiarizer, recording: Callable[[str], Recording], audio_of: AudioOf, sample: Audio
) -> None:
    heard = {
        name: diarizer.diarize(audio_of(f"voice-{name}"), SpeakerCount(), lambda _: None) for name in VOICES
    }
    enrolled = [EnrolledVoice(name, sole_voice(said).vector[None]) for name, said in heard.items()]
    dialogue = diarizer.diarize(audio_of("dialogue", seconds=64), SpeakerCount(), lambda _: None)
    truth = recording("dialogue").turns
    assert truth is not None
    identities = identify(dialogue, enrolled, IdentificationProfile())
    assert sorted(identity.name or "" for identity in identities) == sorted(VOICES)
    for turn in (turn for turn in truth if turn.end < 64):
        middle = (turn.start + turn.end) / 2
        assert {
            identities[ours.speaker].name for ours in dialogue.turns if ours.start <= middle <= ours.end
        } <= {turn.speaker}
    strangers = identify(
        diarizer.diarize(sample, SpeakerCount(), lambda _: None), enrolled, IdentificationProfile()
    )
    assert [identity.decision for identity in strangers] == [Decision.UNKNOWN] * 2
    assert np.isfinite([identity.score or np.nan for identity in strangers]).all()
