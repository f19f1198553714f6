"""Why a recording has no words. Called by the pipeline."""

from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, Sound
from ingest_worker.errors import StageError
from ingest_worker.receipts import WORDLESS_SECONDS

_BY_CONTENT: Final = ("file:", "s3:")
"""How ids begin that name a content (`sources/contents.py`, `sources/buckets.py`): of these, one that grows
is another recording. Behind every other id, tomorrow's media may be longer than today's."""


def without_words(recording: str, diarization: Diarization | None, sound: Sound | None) -> StageError:
    """Why there are no words: nobody speaks, or not yet, or diarization hears voices and Whisper nothing.

    Only the first is a fact about the recording, and remembered. The second is one about what there is of it
    so far: nobody says how long it is, and its id would be the same if there were more. The third is one
    about the models: a faint recording, of which diarization finds every turn, because its network normalises
    the level, and Whisper not one word.

    Args:
        recording: Its id.
        diarization: Whose voices are heard; None if nobody was told apart.
        sound: What was decoded; None if an earlier run did.
    """
    track, voices = _which_track(sound), _voices_seconds(diarization)
    if voices > WORDLESS_SECONDS:
        where = f" in {track}" if track else ""
        return StageError(Reason.NO_WORDS, f"Voices are heard for {voices:.0f} s{where}, and no word.")
    if may_grow(recording, sound):
        return StageError(
            Reason.LIVE_OR_UPCOMING,
            f"Nobody speaks in {track or 'what there is of it'}, and nothing says that this is all: it may "
            "still be written.",
        )
    return StageError(Reason.NO_SPEECH, track and f"Nobody speaks in {track}.")


def is_silence_so_far(recording: str, diarization: Diarization | None) -> bool:
    """Of what an earlier run heard, in which are no words: whether there may be more of it now under the same
    id, for all that was kept."""
    return _voices_seconds(diarization) <= WORDLESS_SECONDS and not recording.startswith(_BY_CONTENT)


def _voices_seconds(diarization: Diarization | None) -> float:
    return sum(turn.end - turn.start for turn in diarization.turns) if diarization is not None else 0.0


def may_grow(recording: str, sound: Sound | None) -> bool:
    """Whether there may be more of a recording later under the same id."""
    return sound is not None and sound.open_ended and not recording.startswith(_BY_CONTENT)


def _which_track(sound: Sound | None) -> str:
    """Which track was heard; empty for a file with one track."""
    if sound is None or sound.tracks == 1:
        return ""
    return f"track {sound.track} of {sound.tracks}, which is the one that was heard"
