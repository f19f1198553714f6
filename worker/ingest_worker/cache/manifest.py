"""What lies beside the audio of an entry, and says whether it may be used. Pure.

Strictly parsed and bounded: others may be able to write to the cache. What it says of the media is believed
as far as a Receipt could say it.
"""

from dataclasses import asdict
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, ItemId
from ingest_contract.captions import CaptionsProblem, Why
from ingest_contract.foreign import ForeignLine
from ingest_contract.selection import Language
from ingest_contract.stages import Stage, stage_hash
from ingest_contract.tracks import Real, Tracks
from ingest_worker.captions.form import MAX_FORM_BYTES
from ingest_worker.domain import SAMPLE_RATE, Sound

MAX_MANIFEST_BYTES: Final = 1 << 16
"""Bytes. A title and what was passed over are some hundred characters."""

_MOST_SAMPLES: Final = 360_000 * SAMPLE_RATE
"""Of the longest recording that a profile can allow."""


class CachedCaptions(ContractModel):
    """The captions that were fetched with the audio, or why there are none."""

    problem: CaptionsProblem | None = None
    """Why there are none."""

    message: Why = ""
    """Details, for people."""

    bytes: Annotated[int, Field(ge=0, le=MAX_FORM_BYTES)] = 0
    """Size of their file."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of their file; None if there are none."""


class Manifest(ContractModel):
    """One entry: which recording its audio is of, how it was made, and how to know that it is whole."""

    version: Literal[1] = 1
    """Of this form."""

    recording: ItemId
    """The recording."""

    decoder: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """The stage hash of decoding: audio of another version of the decoder does not count."""

    samples: Annotated[int, Field(ge=1, le=_MOST_SAMPLES)]
    """Samples of the PCM, at 16 kHz."""

    bytes: Annotated[int, Field(ge=1, le=_MOST_SAMPLES * 3)]
    """Size of the FLAC file."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the FLAC file."""

    title: ForeignLine
    """The title at the source."""

    announced_seconds: Real | None = None
    """The length that the source announced."""

    language: Language | None = None
    """The language that is spoken, as the source says."""

    sound: Tracks
    """Which audio of the media it is."""

    captions: CachedCaptions | None = None
    """The captions of its source; None if none were wanted."""

    fetch_seconds: Real
    """Time to download it."""

    decode_seconds: Real
    """Time to decode it."""

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return self.samples / SAMPLE_RATE

    @property
    def audio(self) -> str:
        """What the name of the FLAC file says beside the key: of two writers at once, each manifest names the
        audio that it was written for."""
        return self.sha256[:16]


def decoder_version() -> str:
    """The version of the decoder whose audio counts: the same hash that all later stages build on."""
    return stage_hash(Stage.DECODE, parameters={})


def tracks_in(sound: Sound) -> Tracks:
    """A decoded sound as the manifest has it, nothing rounded."""
    facts = asdict(sound)
    return Tracks(found=facts.pop("tracks"), taken=facts.pop("track"), **facts)


def sound_of(tracks: Tracks) -> Sound:
    """The inverse of `tracks_in`."""
    facts = tracks.model_dump(by_alias=False)
    return Sound(tracks=facts.pop("found"), track=facts.pop("taken"), **facts)
