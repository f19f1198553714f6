"""Why a recording has no words. Called by the pipeline."""

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, Sound
from ingest_worker.errors import StageError
from ingest_worker.receipts import WORDLESS_SECONDS


def without_words(diarization: Diarization | None, sound: Sound | None) -> StageError:
    """Why there are no words: nobody speaks, or diarization hears voices and Whisper nothing.

    Only the first is a fact about the recording. The second is one about the models: a faint recording, of
    which diarization finds every turn, because its network normalises the level, and Whisper not one word.
    """
    track = _which_track(sound)
    voices = sum(turn.end - turn.start for turn in diarization.turns) if diarization is not None else 0.0
    if voices <= WORDLESS_SECONDS:
        return StageError(Reason.NO_SPEECH, track and f"Nobody speaks in {track}.")
    where = f" in {track}" if track else ""
    return StageError(Reason.NO_WORDS, f"Voices are heard for {voices:.0f} s{where}, and no word.")


def _which_track(sound: Sound | None) -> str:
    """Which track was heard; empty for a file with one track."""
    if sound is None or sound.tracks == 1:
        return ""
    return f"track {sound.track} of {sound.tracks}, which is the one that was heard"
