"""The interfaces of the pipeline's stages: one small protocol each, with one adapter each.

Every method may raise `StageError`, and nothing else on purpose. `Report` gets a stage's progress, as a share
of its work from 0 to 1.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ingest_contract.order import Item, SpeakerCount
from ingest_worker.domain import Audio, Diarization, EnrolledVoice, Media, Transcript, Vectors

Report = Callable[[float], None]
"""Called with the share of a stage's work that is done, 0 to 1, never decreasing."""


class Fetcher(Protocol):
    """Brings one recording to this machine."""

    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        """Download or find the recording's media; temporary files go below `into`."""

    def confirm(self, item: Item, media: Media, /) -> None:
        """Called after the media were read:
        raise if they have changed since the fetch. Our own copies cannot change."""


class Decoder(Protocol):
    """Turns untrusted media into audio that is safe to read."""

    def decode(self, media: Media, into: Path, report: Report, /) -> Audio:
        """Decode one audio track to 16 kHz mono PCM below `into`, in a process with limits."""


class SpeechDetector(Protocol):
    """Finds speech, whatever is said."""

    def speech(self, audio: Audio, report: Report, /) -> tuple[tuple[float, float], ...]:
        """(start, end) of where somebody speaks: disjoint, in order, in seconds."""


class Transcriber(Protocol):
    """Transcribes speech. What every adapter must hold is a test:
    `tests/worker/transcription/test_any_transcriber.py`."""

    def transcribe(self, audio: Audio, report: Report, /) -> Transcript:
        """Every word, in order. A whole transcript and not a generator,
        whose remaining work could not be timed.

        The engine's batches go through a `memory.BatchRunner`, so that a full GPU makes them smaller and
        changes no word. Text that nobody can have said is not kept: its time is in `dropped`. What `report`
        raises passes through, and the adapter can be used after it.
        """

    def release(self) -> None:
        """Free the model's memory. This object must not be used afterwards."""


class Diarizer(Protocol):
    """Separates speakers."""

    def diarize(self, audio: Audio, speakers: SpeakerCount, report: Report, /) -> Diarization:
        """Who spoke when, with one voice vector each."""

    def release(self) -> None:
        """Free the models' memory. This object must not be used afterwards."""


class Embedder(Protocol):
    """Turns text into vectors: similar texts have near vectors."""

    def embed(self, texts: Sequence[str], report: Report, /) -> Vectors:
        """One finite L2-normalised vector per text, in the order given."""


class Enrolment(Protocol):
    """Provides the voices to look for."""

    def voices(self) -> tuple[EnrolledVoice, ...]:
        """The enrolled voices.
        Raises `StageError`: `VOICE_NOT_HEARD` or `VOICE_UNUSABLE`, naming the voice."""
