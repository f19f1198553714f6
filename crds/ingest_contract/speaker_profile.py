"""`SpeakerProfile`: a person who is recognised by voice, and what they are enrolled from."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ingest_contract.base import ContractModel, Count, Decimal, LabelValue, LongText, ShortText, cel
from ingest_contract.batch import ProfileRef
from ingest_contract.conditions import MAP_BY_TYPE, Condition
from ingest_contract.failures import Reason
from ingest_contract.groups import ATOMIC
from ingest_contract.profile import ObjectMeta
from ingest_contract.voices import (
    MAX_SOURCES,
    UNKNOWN_PREFIX,
    VoiceName,
    VoiceRecordings,
    VoiceState,
    WantedVoice,
)

_TWICE: Final = "recordings must not name one source twice"
_RULES: Final = cel(
    (
        f"!has(self.displayName) || !self.displayName.startsWith('{UNKNOWN_PREFIX}')",
        f"displayName must not begin with '{UNKNOWN_PREFIX}': voices without a name are called so",
    ),
    ("self.recordings.all(one, self.recordings.filter(other, other == one).size() == 1)", _TWICE),
)


class SpeakerProfileSpec(ContractModel, json_schema_extra=_RULES):
    """Who it is, and where they can be heard."""

    display_name: VoiceName | None = None
    """The name that transcripts show. Omitted: the name of this object."""

    profile_ref: ProfileRef = ProfileRef()
    """The IngestProfile whose models hear the recordings, in whose pods, and which says what may be fetched.
    Batches that look for this voice must use the same diarization model."""

    recordings: VoiceRecordings
    """Recordings in which only this person speaks; several rooms and microphones help. Each is heard once."""

    consent: LongText = ""
    """A note for people: who agreed to this, when and how. Nothing reads it."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        """The CEL rule, for people without a cluster; also of addresses that differ in credentials alone."""
        if len({recording.key for recording in self.recordings}) < len(self.recordings):
            raise ValueError(_TWICE)
        return self


class VoiceRecordingStatus(ContractModel):
    """One recording of the voice."""

    source: Annotated[str, StringConstraints(max_length=2200)]
    """Its address without credentials, or `recording:<id>?start=..&end=..`."""

    state: VoiceState = VoiceState.WAITING
    """Whether it is used."""

    seconds: Decimal = "0"
    """Speech of the person in it."""

    score: Decimal | None = None
    """Leave-one-source-out: likeness (cosine) to the recordings that are used, without this one. Absent
    for the only one."""

    reason: Reason | None = None
    """Why it is not used."""

    message: ShortText = ""
    """Details, for people."""


class SpeakerProfileStatus(ContractModel):
    """What is observed."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status is about; -1 before the operator has seen one."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=8, json_schema_extra=MAP_BY_TYPE)] = ()
    """Observations in the standard form. `Ready`: every recording is heard or refused, and at least one is
    used."""

    state: ShortText = "Pending"
    """One word for a column, derived from the condition; programs should read the condition."""

    model: Annotated[str, StringConstraints(max_length=128)] | None = None
    """The diarization model that the vectors are of: `name@first-12-digits-of-its-sha256`."""

    request: Annotated[str, StringConstraints(max_length=64)] = ""
    """What was heard, by which image and models, as a digest: the operator's own note."""

    voice: VoiceName | None = None
    """The name under which the store has the voice: `displayName`, unless that was changed a moment ago."""

    used: Count = 0
    """Recordings whose vectors count."""

    refused: Count = 0
    """Recordings that say nothing about this person."""

    seconds: Decimal = "0"
    """Speech in the recordings that are used."""

    recordings: Annotated[
        tuple[VoiceRecordingStatus, ...], Field(max_length=MAX_SOURCES, json_schema_extra=ATOMIC)
    ] = ()
    """Each recording, in the order of the spec."""


class SpeakerMeta(ObjectMeta, extra="ignore"):
    """The part of a voice's metadata that the command line reads."""

    labels: dict[str, LabelValue] = Field(default_factory=dict)
    """What batches select voices by."""


class SpeakerProfile(ContractModel):
    """A person who is recognised by voice."""

    api_version: Literal["video-ingest.dev/v1alpha1"]
    kind: Literal["SpeakerProfile"]
    metadata: SpeakerMeta
    spec: SpeakerProfileSpec
    status: SpeakerProfileStatus | None = None

    @property
    def voice(self) -> str:
        """The name that transcripts show."""
        return self.spec.display_name or self.metadata.name

    @property
    def wanted(self) -> WantedVoice:
        """The voice, as orders name it."""
        return WantedVoice(name=self.voice, sources=tuple(each.key for each in self.spec.recordings))
