"""Why a recording has no words. Called by the pipeline."""

from collections.abc import Callable
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, Sound
from ingest_worker.errors import StageError
from ingest_worker.receipts import WORDLESS_SECONDS

_BY_CONTENT: Final = ("file:", "s3:")
"""How ids begin that name a content (`sources/contents.py`, `sources/buckets.py`): of these, one that grows
is another recording. Behind every other id, tomorrow's media may be longer than today's."""


def without_words(
    recording: str,
    diarization: Diarization | None,
    sound: Sound | None,
    decode: Callable[[], Sound | None],
) -> StageError:
    """Why there are no words: nobody speaks, or not yet, or diarization hears voices and Whisper nothing.

    Only the first is a fact about the recording, and remembered. The second is one about what there is of it
    so far: nobody says how long it is, and its id would be the same if there were more. The third is one
    about the models: a faint recording, of which diarization finds every turn, because its network normalises
    the level, and Whisper not one word.

    Args:
        recording: Its id.
        diarization: Whose voices are heard; None if nobody was told apart.
        sound: What was decoded; None if an earlier run did.
        decode: Decodes it again: an earlier run has not left whether its file has an end.
    """
    voices = sum(turn.end - turn.start for turn in diarization.turns) if diarization is not None else 0.0
    if voices > WORDLESS_SECONDS:
        track = _which_track(sound)
        where = f" in {track}" if track else ""
        return StageError(Reason.NO_WORDS, f"Voices are heard for {voices:.0f} s{where}, and no word.")
    sound = sound or decode()
    track = _which_track(sound)
    if may_grow(recording, sound):
        return StageError(
            Reason.LIVE_OR_UPCOMING,
            f"Nobody speaks in {track or 'what there is of it'}, and nothing says that this is all: it may "
            "still be written.",
        )
    return StageError(Reason.NO_SPEECH, track and f"Nobody speaks in {track}.")


def may_grow(recording: str, sound: Sound | None) -> bool:
    """Whether there may be more of a recording later under the same id."""
    return sound is not None and sound.open_ended and not recording.startswith(_BY_CONTENT)


def _which_track(sound: Sound | None) -> str:
    """Which track was heard; empty for a file with one track."""
    if sound is None or sound.tracks == 1:
        return ""
    return f"track {sound.track} of {sound.tracks}, which is the one that was heard"
