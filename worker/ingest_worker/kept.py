"""The stages whose results are kept, and the form of each. Pure. Called by the pipeline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_worker import codec
from ingest_worker.domain import Diarization, Identified, Segment, Transcript, Vectors
from ingest_worker.errors import StageError

Value = TypeVar("Value")
Passages = tuple[tuple[Segment, ...], Vectors]


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value]):
    """A kept stage and the form of its result."""

    stage: Stage
    encode: Callable[[Value], bytes]
    decode: Callable[[bytes], Value]


TRANSCRIPT: Final[Kind[Transcript]] = Kind(Stage.TRANSCRIBE, codec.encode_transcript, codec.decode_transcript)
DIARIZATION: Final[Kind[Diarization]] = Kind(
    Stage.DIARIZE, codec.encode_diarization, codec.decode_diarization
)
IDENTIFIED: Final[Kind[Identified]] = Kind(Stage.IDENTIFY, codec.encode_identified, codec.decode_identified)
PASSAGES: Final[Kind[Passages]] = Kind(
    Stage.EMBED, lambda found: codec.encode_passages(*found), codec.decode_passages
)


def one_each(segments: tuple[Segment, ...], vectors: Vectors) -> Vectors:
    """The vectors, if every passage has a finite one. Raises `StageError(EMBEDDING_INCOMPLETE)`."""
    if len(vectors.values) != len(segments) or not np.isfinite(vectors.values).all():
        raise StageError(
            Reason.EMBEDDING_INCOMPLETE,
            f"{len(segments)} passages, {len(vectors.values)} vectors, or one that is not finite.",
        )
    return vectors
