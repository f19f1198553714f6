"""Reads the files that the user names into one batch and its profile. All mistakes in all files are reported
together, before anything runs."""

from collections.abc import Sequence
from pathlib import Path

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import Document, InvalidDocumentError, read
from ingest_contract.profile import IngestProfile, ObjectMeta


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
            mistakes.append(f"{path}: {error.strerror}")
    if mistakes:
        raise InvalidDocumentError(tuple(mistakes))
    return tuple(found)


def batch_and_profile(paths: Sequence[Path]) -> tuple[IngestBatch, IngestProfile]:
    """The one batch in the files and the profile that it refers to; `default` need not be in a file."""
    documents = read_all(paths)
    batches = [document for document in documents if isinstance(document, IngestBatch)]
    if len(batches) != 1:
        raise InvalidDocumentError(
            (f"{', '.join(map(str, paths))}: one IngestBatch is wanted, and {len(batches)} are there",)
        )
    return batches[0], profile_of(
        batches[0], [document for document in documents if isinstance(document, IngestProfile)]
    )


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
                "Add its file with --profile"
            ),
        )
    )
