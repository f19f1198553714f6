import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, Turn
from ingest_worker.errors import StageError
from ingest_worker.sole_voice import sole_voice


def spoken(*turns: tuple[float, float, int], vectors: object = None) -> Diarization:
    rows = np.eye(3, dtype=np.float32) if vectors is None else np.asarray(vectors, np.float32)
    return Diarization(tuple(Turn(*turn) for turn in turns), (), rows)


def test_the_voice_of_a_recording_is_that_of_who_speaks_nearly_always() -> None:
    voice = sole_voice(spoken((0, 1, 0), (1, 31, 1), (31, 32, 0)))
    assert (voice.vector.tolist(), voice.seconds) == ([0, 1, 0], 30)


@pytest.mark.parametrize(
    ("diarization", "reason", "complaint"),
    [
        (spoken(), Reason.TOO_LITTLE_SPEECH, "Only 0.0 s"),
        (spoken((0, 4.9, 0)), Reason.TOO_LITTLE_SPEECH, "Only 4.9 s"),
        (spoken((0, 30, 0), (30, 34, 1)), Reason.SEVERAL_PEOPLE, "second voice has 4.0 s of 34.0 s"),
        (spoken((0, 4.8, 0), (4.8, 5.1, 1)), Reason.TOO_LITTLE_SPEECH, "No voice speaks for 5 s"),
        (spoken((0, 30, 0), vectors=np.full((1, 3), np.nan)), Reason.TOO_LITTLE_SPEECH, "gave no vector"),
    ],
)
def test_a_recording_that_is_not_one_persons_speech_is_refused_with_the_reason(
    diarization: Diarization, reason: Reason, complaint: str
) -> None:
    with pytest.raises(StageError, match=complaint) as caught:
        sole_voice(diarization)
    assert caught.value.reason is reason
