"""The voices to look for, from the profile's recordings: fetched, decoded and turned into vectors once, then
kept next to the scratch folder.

Called by the pipeline when a recording's speakers are to be named. Must not silently accept a recording that
gives no voice.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ingest_contract.failures import Kind, Reason
from ingest_contract.order import Item
from ingest_contract.profile import IdentificationProfile, Voice
from ingest_worker.domain import EnrolledVoice, FloatArray
from ingest_worker.errors import StageError
from ingest_worker.hashes import voice_hash
from ingest_worker.paths import path_of
from ingest_worker.ports import Decoder, Diarizer, Fetcher


class ProfileEnrolment:
    """`ports.Enrolment` from a profile."""

    def __init__(
        self,
        profile: IdentificationProfile,
        cache: Path,
        model: str,
        media: Callable[[], tuple[Fetcher, Decoder]],
        ear: Callable[[], Diarizer],
    ) -> None:
        """Nothing is fetched before `voices`.

        Args:
            profile: The voices and their recordings.
            cache: A folder that several workers may share.
            model: `name@sha256-prefix` of the diarization model: vectors of another one do not count.
            media: Makes what fetches and decodes recordings.
            ear: Loads the diarizer. Neither is called if every voice is known.
        """
        self._profile, self._cache, self._model = profile, cache, model
        self._media, self._ear = media, ear

    def voices(self) -> tuple[EnrolledVoice, ...]:
        """Every voice, one row for each of its recordings.

        Raises:
            StageError: `VOICE_UNUSABLE` naming voice and recording; a failure that is not the recording's
                fault, such as a broken download, unchanged.
        """
        return tuple(
            EnrolledVoice(
                voice.name, np.stack([self._vector(voice, recording) for recording in voice.recordings])
            )
            for voice in self._profile.voices
        )

    def _vector(self, voice: Voice, recording: str) -> FloatArray:
        kept = self._cache / f"{key_of(recording, self._model)}.npy"
        try:
            known: FloatArray = np.load(kept, allow_pickle=False)
        except (OSError, ValueError):
            known = self._heard(voice, recording)
            _keep(kept, known)
        return known

    def _heard(self, voice: Voice, recording: str) -> FloatArray:
        into = self._cache / f"{key_of(recording, self._model)}.{os.getpid()}"
        into.mkdir(parents=True, exist_ok=True)
        try:
            item = Item(index=0, id=f"voice:{key_of(recording, self._model)}", url=recording)
            fetcher, decoder = self._media()
            media = fetcher.fetch(item, into, _nobody)
            return _usable(self._ear().voice_of(decoder.decode(media, into, _nobody)))
        except StageError as error:
            if error.failure.kind is Kind.INPUT or error.reason is Reason.VOICE_UNUSABLE:
                raise StageError(
                    Reason.VOICE_UNUSABLE, f"Voice {voice.name!r}, recording {recording}: {error}"
                ) from error
            raise
        finally:
            shutil.rmtree(into, ignore_errors=True)


def key_of(recording: str, model: str) -> str:
    """The cache key of a vector: where the recording is, which file that is now if it is local, the model,
    and our own code.

    A vector made by another version of the decoder or of the diarizer does not count.
    """
    path = path_of(recording) if recording[:5].lower() == "file:" else Path(recording)
    facts = [recording, voice_hash(model)]
    try:
        status = path.stat()
        facts += [str(status.st_size), str(status.st_mtime_ns)]
    except OSError:
        pass  # a URL, or a missing file, which fetching will report
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _usable(vector: FloatArray) -> FloatArray:
    if not (np.isfinite(vector).all() and np.any(vector)):
        raise StageError(Reason.VOICE_UNUSABLE, "no voice vector comes of it: is there enough clean speech?")
    return vector


def _keep(path: Path, vector: FloatArray) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        np.save(file, vector, allow_pickle=False)
    draft.replace(path)


def _nobody(_: float) -> None:
    """Ignore progress: enrolment is a small part of a stage, and no one watches its progress."""
