"""The orders about people: hear a voice once and keep its vectors, forget, and forget what is old."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ingest_contract.base import MAX_RUN_NUMBER, BatchName, ContractModel, Name, TraceId
from ingest_contract.foreign import ForeignLine
from ingest_contract.place import Place, Runtime
from ingest_contract.profile import DiarizationProfile, FetchProfile, IdentificationProfile
from ingest_contract.sites import SiteAccesses
from ingest_contract.voices import VoiceName, VoiceRecordings


class EnrolOrder(ContractModel):
    """Hear each recording of one voice that the store has no vector of, and keep what comes of it.

    What is in the store already, unchanged, is not heard again. The run succeeds if every recording was heard
    or refused; the Receipt says which. One that could not be heard now fails the run, after the others.
    """

    kind: Literal["Enrol"] = "Enrol"
    trace_id: TraceId
    """One for each version of the SpeakerProfile."""

    profile: BatchName
    """`<namespace>/<name>` of the SpeakerProfile."""

    voice: VoiceName
    """The name that transcripts show."""

    recordings: VoiceRecordings
    """What to hear."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)] = 1
    """The run number: every process counts."""

    model_set: str
    """The locked set of models."""

    diarization: DiarizationProfile
    """The model that hears."""

    identification: IdentificationProfile
    """Its threshold: recordings of one person that are less alike disagree."""

    runtime: Runtime
    """How to run."""

    fetch: FetchProfile
    """What may be fetched, and how. Its `sites` stay with the operator."""

    sites: SiteAccesses = ()
    """What the sites of these recordings want."""

    place: Place
    """Where things are."""

    @property
    def owner(self) -> str:
        """The namespace, which the store keeps vectors apart by."""
        return self.profile.partition("/")[0]


class Forgotten(StrEnum):
    """What kind of thing is forgotten."""

    VOICE = "Voice"
    """A person's voice: vectors, names and enrolments. The key is the name that transcripts show."""
    RECORDING = "Recording"
    """One recording, and all that came of it. The key is its id."""
    CHANNEL = "Channel"
    """Every recording of a channel. The key is the channel's name in the store."""


class ForgetOrder(ContractModel):
    """Remove a voice, a recording or a channel from the store, and leave a tombstone."""

    kind: Literal["Forget"] = "Forget"
    trace_id: TraceId
    """One for each request."""

    namespace: Name
    """Where it was asked. Enrolments of other namespaces stay."""

    what: Forgotten
    """What kind of thing."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Which one."""

    formerly: VoiceName | None = None
    """Of a voice: the name that it had, where the store may have it under both."""

    who: ForeignLine = ""
    """Who asked."""

    why: ForeignLine = ""
    """Why."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)] = 1
    """The run number: every process counts."""

    place: Place
    """Where things are."""


class RenameOrder(ContractModel):
    """Give a voice that a SpeakerProfile has enrolled its new name, in every recording and for all to come.
    Nothing is heard again."""

    kind: Literal["Rename"] = "Rename"
    trace_id: TraceId
    """One for each SpeakerProfile."""

    namespace: Name
    """Where it is enrolled. Enrolments of other namespaces stay."""

    voice: VoiceName
    """The name that transcripts show from now on."""

    formerly: VoiceName
    """The name that they have shown."""

    who: ForeignLine = ""
    """Who asked."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)] = 1
    """The run number: every process counts."""

    place: Place
    """Where things are."""


MAX_BATCH_NAMES: Final = 500
"""Batches that a retain order names: those of recordings that were stored before runs noted their profile."""


class RetainOrder(ContractModel):
    """Forget every recording of one IngestProfile that was first stored longer ago than it keeps them."""

    kind: Literal["Retain"] = "Retain"
    trace_id: TraceId
    """One for each profile."""

    profile: BatchName
    """`<namespace>/<name>` of the IngestProfile. Recordings whose current run names another one stay."""

    batches: Annotated[tuple[BatchName, ...], Field(max_length=MAX_BATCH_NAMES)] = ()
    """`<namespace>/<name>` of its batches, whose runs count for it where they name no profile."""

    days: Annotated[int, Field(ge=1, le=36_500)]
    """How long it keeps them."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN_NUMBER)] = 1
    """The run number: every process counts."""

    place: Place
    """Where things are."""
