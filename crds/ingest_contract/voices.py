"""What a voice is enrolled from, how each of its sources is called in the store, and what an order says about
the voices to look for. Pure."""

import hashlib
import re
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, ItemId, Seconds, cel
from ingest_contract.text import legible, without_credentials

MAX_SOURCES: Final = 16
"""Recordings of one voice: three of them decide a comparison, and more only replace each other."""

MAX_VOICES: Final = 200
"""Voices that one batch looks for."""

MAX_KEY_BYTES: Final = 2048
"""A longer address is called by its beginning and a hash: a row of an index takes 2,704 bytes (Postgres,
`BTMaxItemSize`), and in other scripts a character takes up to four."""

_SHOWN_CHARACTERS: Final = 200
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_CONTROLS: Final = "must not contain control characters"

UNKNOWN_PREFIX: Final = "unknown #"
"""How the store calls a voice without a name."""


def _a_line(text: str) -> str:
    """Refuse what would be shown otherwise than it is written, or as the number of an unknown voice."""
    if text != legible(text):
        raise ValueError("must be one line without control characters, or spaces around it")
    if text.startswith(UNKNOWN_PREFIX):
        raise ValueError(f"must not begin with {UNKNOWN_PREFIX!r}: voices without a name are called so")
    return text


VoiceName = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=63,
        pattern=r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$",
    ),
    AfterValidator(_a_line),
]
"""A person's name, as transcripts show it: one line in any script."""

_ONE_KIND: Final = "exactly one of url and recording must be set"
_STRETCH: Final = "startSeconds and endSeconds belong to recording, and both must be set"
_FORWARD: Final = "endSeconds must be above startSeconds"


class VoiceRecording(
    ContractModel,
    json_schema_extra=cel(
        ("has(self.url) != has(self.recording)", _ONE_KIND),
        (
            "has(self.recording) == has(self.startSeconds) && has(self.recording) == has(self.endSeconds)",
            _STRETCH,
        ),
        (
            "!has(self.startSeconds) || !has(self.endSeconds) || self.startSeconds < self.endSeconds",
            _FORWARD,
        ),
    ),
):
    """A recording, or a stretch of one that is ingested already, in which only this person speaks."""

    url: (
        Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^((https?|file)://|/).+")]
        | None
    ) = None
    """The address of a recording, or the path of a file that the IngestProfile allows: five seconds of clean
    speech or more, better ten."""

    recording: ItemId | None = None
    """The id of an ingested recording. Its audio is not needed: what diarization heard is in the store."""

    start_seconds: Seconds | None = None
    """Where this person begins to speak in it."""

    end_seconds: Seconds | None = None
    """Where they end."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        """The CEL rules, for people without a cluster."""
        if (self.url is None) == (self.recording is None):
            raise ValueError(_ONE_KIND)
        if _CONTROLS.search(self.url or self.recording or ""):
            raise ValueError(_NO_CONTROLS)
        ends = (self.start_seconds, self.end_seconds)
        if any((self.recording is None) != (end is None) for end in ends):
            raise ValueError(_STRETCH)
        start, end = ends
        if start is not None and end is not None and start >= end:
            raise ValueError(_FORWARD)
        return self

    @property
    def key(self) -> str:
        """How the store calls this source: its address without credentials, or
        `recording:<id>?start=..&end=..` for a stretch."""
        if self.recording is not None:
            return f"recording:{self.recording}?start={self.start_seconds}&end={self.end_seconds}"
        address = without_credentials(self.url or "")
        if len(address.encode()) <= MAX_KEY_BYTES:
            return address
        return f"{address[:_SHOWN_CHARACTERS]}...{hashlib.sha256(address.encode()).hexdigest()[:16]}"


VoiceRecordings = Annotated[tuple[VoiceRecording, ...], Field(min_length=1, max_length=MAX_SOURCES)]
"""What a voice is enrolled from."""


class VoiceState(StrEnum):
    """What has become of one recording of a voice."""

    USED = "Used"
    """Its vector counts."""
    REFUSED = "Refused"
    """It says nothing about this person; the reason says why."""
    WAITING = "Waiting"
    """It is not heard yet, or could not be, and will be tried again."""


class WantedVoice(ContractModel):
    """A voice to look for, as an order says it: a worker reads its vectors from the store."""

    name: VoiceName
    """The name that transcripts show."""

    sources: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=2200)], ...],
        Field(min_length=1, max_length=MAX_SOURCES),
    ]
    """`VoiceRecording.key` of each of its recordings."""


WantedVoices = Annotated[tuple[WantedVoice, ...], Field(max_length=MAX_VOICES)]
"""The voices to look for."""
