"""What the pipeline asks of its stages: one small protocol each, with one adapter each.

Every method may raise `StageError` and nothing else on purpose. `Report` tells how far a stage is, as a share
of its work from 0 to 1.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ingest_contract.order import Item, SpeakerCount
from ingest_worker.domain import Audio, Diarization, EnrolledVoice, FloatArray, Media, Transcript, Vectors

Report = Callable[[float], None]
"""Called with the share of a stage's work that is done, 0 to 1, never backwards."""


class Fetcher(Protocol):
    """Brings one recording to this machine."""

    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        """Download or find the item's media; temporary files go below `into`."""

    def confirm(self, item: Item, media: Media, /) -> None:
        """Called when the media were read: raise if they are not what was fetched any more. What is our own
        copy cannot change."""


class Decoder(Protocol):
    """Turns media that nobody trusts into audio that everybody can."""

    def decode(self, media: Media, into: Path, report: Report, /) -> Audio:
        """Decode one audio track to 16 kHz mono PCM below `into`, in a process with limits."""


class Transcriber(Protocol):
    """Hears words."""

    def transcribe(self, audio: Audio, report: Report, /) -> Transcript:
        """Every word, in order. The whole transcript and not a generator: work still to be done cannot be
        timed."""

    def release(self) -> None:
        """Give the model's memory back. Nothing may be asked of this object afterwards."""


class Diarizer(Protocol):
    """Tells voices apart."""

    def diarize(self, audio: Audio, speakers: SpeakerCount, report: Report, /) -> Diarization:
        """Who spoke when, with one voice vector each."""

    def voice_of(self, audio: Audio, /) -> FloatArray:
        """(dimension,) L2-normalised vector of the one person in a recording, by the same path as `diarize`'s
        vectors."""

    def release(self) -> None:
        """Give the models' memory back. Nothing may be asked of this object afterwards."""


class Embedder(Protocol):
    """Places text in a space where near means alike."""

    def embed(self, texts: Sequence[str], report: Report, /) -> Vectors:
        """One finite L2-normalised vector per text, in the order given."""


class Enrolment(Protocol):
    """Knows the voices to look for."""

    def voices(self) -> tuple[EnrolledVoice, ...]:
        """The enrolled voices. Raises `StageError(VOICE_UNUSABLE)` naming the recording that cannot be
        used."""
