"""Reads the files that the user names into one batch, its profile and the voices. All mistakes in all
files are reported together, before anything runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import Document, InvalidDocumentError, read
from ingest_contract.profile import IngestProfile, ObjectMeta
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_operator.core.voices import UnknownVoiceError, chosen


def read_all(paths: Sequence[Path]) -> tuple[Document, ...]:
    """Every document of every file. Raises `InvalidDocumentError` with the mistakes of all files."""
    found: list[Document] = []
    mistakes: list[str] = []
    for path in paths:
        try:
            found += read(path)
        except InvalidDocumentError as error:
            mistakes += error.mistakes
        except OSError as error:
            mistakes.append(
                f"{path}: {error.strerror}; a YAML file is wanted, as `ingestctl example` prints one"
            )
    if mistakes:
        raise InvalidDocumentError(tuple(mistakes))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user's files ask for."""

    batch: IngestBatch
    profile: IngestProfile
    speakers: tuple[SpeakerProfile, ...]
    """The voices that there are."""


def asked(paths: Sequence[Path]) -> Asked:
    """The one batch in the files, the profile that it refers to (`default` need not be in a file), and every
    voice. Raises `InvalidDocumentError`."""
    documents = read_all(paths)
    batches = [document for document in documents if isinstance(document, IngestBatch)]
    if len(batches) != 1:
        advice = "give each a run of its own" if batches else "`ingestctl example` prints one"
        there = f"one IngestBatch is wanted, and {len(batches)} are there; {advice}"
        raise InvalidDocumentError((f"{', '.join(map(str, paths))}: {there}",))
    (batch,) = batches
    profile = profile_of(batch, [document for document in documents if isinstance(document, IngestProfile)])
    speakers = tuple(document for document in documents if isinstance(document, SpeakerProfile))
    if mistakes := tuple(_mistakes_of(batch, speakers)):
        raise InvalidDocumentError(mistakes)
    return Asked(batch, profile, speakers)


def _mistakes_of(batch: IngestBatch, speakers: Sequence[SpeakerProfile]) -> Iterator[str]:
    """Voices that the batch could not look for in a cluster either."""
    wanted = batch.spec.profile_ref.name
    names: set[str] = set()
    for speaker in speakers:
        where = f"SpeakerProfile {speaker.metadata.name}"
        if speaker.metadata.name in names:
            yield f"{where}: is there twice"
        names.add(speaker.metadata.name)
        if speaker.metadata.namespace != batch.metadata.namespace:
            yield f"{where}: metadata.namespace: must be the batch's, {batch.metadata.namespace}"
        if speaker.spec.profile_ref.name != wanted:
            yield f"{where}: spec.profileRef.name: must be the batch's, {wanted}: one model hears both"
    try:
        chosen(batch.spec.speakers, speakers)
    except UnknownVoiceError as error:
        yield f"{error} in the files given"


def profile_of(batch: IngestBatch, profiles: Sequence[IngestProfile]) -> IngestProfile:
    """The profile that a batch refers to."""
    wanted = batch.spec.profile_ref.name
    for profile in profiles:
        if profile.metadata.name == wanted:
            return profile
    if wanted == "default":
        return IngestProfile(
            api_version="video-ingest.dev/v1alpha1", kind="IngestProfile", metadata=ObjectMeta(name="default")
        )
    known = ", ".join(profile.metadata.name for profile in profiles) or "none"
    raise InvalidDocumentError(
        (
            (
                f"spec.profileRef.name: no IngestProfile {wanted!r} in the files given; there: {known}. "
                "Name its file too, beside the batch's"
            ),
        )
    )
