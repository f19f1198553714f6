"""The stage hashes of an order: what each stage's result depends on, and so when a kept result still counts.
Pure.

Called for every run, and for plans that ask whether the current pipeline would produce the same. A change in
`runtime` changes no hash.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ingest_contract.captions import TranscriptPreference
from ingest_contract.order import Settings, SpeakerCount
from ingest_contract.stages import CAPTIONS_VERSION, Stage, stage_hash
from ingest_worker.domain import EnrolledVoice, Turn
from ingest_worker.models.model_set import Role


class Identifier(Protocol):
    """Knows the models: `models.Models`."""

    def identity(self, role: Role, name: str) -> str:
        """`name@sha256-prefix`."""

    def languages(self, name: str) -> tuple[str, ...]:
        """Those that a transcription model knows, if its set says so."""


@dataclass(frozen=True, slots=True)
class Identities:
    """The models of an order, each as `name@sha256-prefix`."""

    transcription: str
    diarization: str
    embedding: str
    languages: tuple[str, ...] = ()
    """Those that the transcription model knows, if its set says so; empty if it does not."""

    def by_role(self) -> dict[str, str]:
        """Role to identity, as in the Receipt and in the store."""
        return {
            Role.TRANSCRIPTION.value: self.transcription,
            Role.DIARIZATION.value: self.diarization,
            Role.EMBEDDING.value: self.embedding,
        }


def identities_of(settings: Settings, models: Identifier) -> Identities:
    """The models of an order. Raises `StageError(MODELS_UNAVAILABLE)` for one that the set does not have."""
    return Identities(
        models.identity(Role.TRANSCRIPTION, settings.transcription.model),
        models.identity(Role.DIARIZATION, settings.diarization.model),
        models.identity(Role.EMBEDDING, settings.embedding.model),
        models.languages(settings.transcription.model),
    )


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes of one recording's stages; 16 hex digits each."""

    transcribe: str
    diarize: str
    identify: str
    segment: str
    embed: str

    @property
    def pipeline(self) -> str:
        """The hash of everything that is stored. It covers the two ends of the data, names and vectors,
        because neither builds on the other."""
        return hashlib.sha256(f"{self.identify} {self.embed}".encode()).hexdigest()[:16]

    def of(self, stage: Stage) -> str:
        """The hash of a kept stage. Raises `KeyError` for a stage that has none."""
        kept = {
            Stage.TRANSCRIBE: self.transcribe,
            Stage.DIARIZE: self.diarize,
            Stage.IDENTIFY: self.identify,
            Stage.EMBED: self.embed,
        }
        return kept[stage]


def for_language(settings: Settings, language: str | None) -> Settings:
    """The settings for a recording of which a manifest says the language; None: it says nothing."""
    return settings if language is None else settings.model_copy(update={"language": language})


def hashes_of(settings: Settings, speakers: SpeakerCount, models: Identities) -> Hashes:
    """The hashes of a recording with this number of speakers.

    Transcription and diarization build on the decoder, so a recording in which it wrongly found nothing
    counts as changed once the decoder is fixed. Vectors do not build on names, so a newly enrolled voice
    costs an identification and no embedding (docs/decisions/0006). Of voices, the names and the addresses
    of their recordings are in it; kept identities count for their vectors as well (`identify_hash`).
    """
    audio = (stage_hash(Stage.DECODE, parameters={}),)
    transcribe = stage_hash(
        Stage.TRANSCRIBE,
        parameters=_hearing(settings, models) | _captions(settings) | {"model": models.transcription},
        builds_on=audio,
    )
    diarize = stage_hash(
        Stage.DIARIZE,
        parameters=speakers.model_dump(mode="json") | {"model": models.diarization},
        builds_on=audio,
    )
    return hashes_behind(transcribe, diarize, settings, models.embedding)


def hashes_behind(transcribe: str, diarize: str, settings: Settings, embedding: str) -> Hashes:
    """The hashes of everything that follows from words and turns, whatever they were heard with. `embedding`
    is the text model as `name@sha256-prefix`."""
    attribute = stage_hash(Stage.ATTRIBUTE, parameters={}, builds_on=(transcribe, diarize))
    segment = stage_hash(
        Stage.SEGMENT, parameters=settings.segmentation.model_dump(mode="json"), builds_on=(attribute,)
    )
    return Hashes(
        transcribe=transcribe,
        diarize=diarize,
        identify=stage_hash(
            Stage.IDENTIFY,
            parameters=settings.identification.model_dump(mode="json")
            | {"voices": [voice.model_dump(mode="json") for voice in settings.voices]},
            builds_on=(diarize,),
        ),
        segment=segment,
        embed=stage_hash(Stage.EMBED, parameters={"model": embedding}, builds_on=(segment,)),
    )


def embed_hash(hashes: Hashes, regrouped: Sequence[Turn] | None) -> str:
    """The hash of a recording's vectors, by whose turns their passages were cut.

    As long as enrolled voices leave the diarizer's speakers as they are it is `hashes.embed`: a newly
    enrolled voice then costs no embedding. `pipeline` needs none of this: `identify` determines the turns.
    """
    if regrouped is None:
        return hashes.embed
    turns = json.dumps([(turn.start, turn.end, turn.speaker) for turn in regrouped])
    return hashlib.sha256(f"{hashes.embed} {turns}".encode()).hexdigest()[:16]


def identify_hash(hashes: Hashes, voices: Sequence[EnrolledVoice]) -> str:
    """The hash of a recording's kept identities: besides what the order says, the vectors that they come of.
    A voice that was heard again, and whom people have named since, make them stale."""
    return hashlib.sha256(f"{hashes.identify} {voices_hash(voices)}".encode()).hexdigest()[:16]


def voices_hash(voices: Sequence[EnrolledVoice]) -> str:
    """Sixteen hex digits over the voices that a recording is judged by: another vector, one more, or one
    less, and it is another."""
    said = hashlib.sha256()
    for voice in voices:
        said.update(json.dumps([voice.name, voice.vectors.shape]).encode())
        said.update(np.ascontiguousarray(voice.vectors, np.float32).tobytes())
    return said.hexdigest()[:16]


def voice_hash(diarization: str) -> str:
    """The hash of an enrolled voice's vector: the diarization model and the decoder. `diarization` is a model
    as `name@sha256-prefix`."""
    audio = (stage_hash(Stage.DECODE, parameters={}),)
    return stage_hash(Stage.DIARIZE, parameters={"model": diarization}, builds_on=audio)


def _captions(settings: Settings) -> dict[str, object]:
    """What a transcript depends on besides, where captions are preferred. Whether a source has some is not
    known before it is asked, so recordings with and without them have one hash."""
    if settings.transcription.prefer is TranscriptPreference.SPEECH:
        return {}
    return {"captions": CAPTIONS_VERSION, "automatic": settings.transcription.automatic_captions}


def _hearing(settings: Settings, models: Identities) -> dict[str, object]:
    """What transcription depends on besides its model. `language_votes`, and what its set says of the model's
    languages, count only if no language is named."""
    languages = models.languages if settings.language is None else ()
    known: dict[str, object] = {"languages": list(languages)} if languages else {}
    votes = settings.transcription.language_votes if settings.language is None else None
    return known | {
        "beam_size": settings.transcription.beam_size,
        "language": settings.language,
        "language_votes": votes,
        "vocabulary": list(settings.vocabulary),
    }
