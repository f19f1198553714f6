"""Where and how one worker process runs: the parts of a WorkOrder that never change what comes out."""

from typing import Annotated, Literal

from pydantic import Field

from ingest_contract.base import ContractModel
from ingest_contract.profile import ComputeType, Location


class Runtime(ContractModel):
    """How to run, resolved, but for a number format that only the device can tell."""

    device: Literal["cuda", "cpu"]
    """Where the models run. A worker that gets `cuda` and finds no GPU fails; it does not run on the CPU."""

    compute_type: ComputeType
    """Whisper's number format. `Auto` is resolved where the device is known."""

    threads: Annotated[int, Field(ge=1, le=256)]
    """CPU threads of this worker."""

    transcription_batch: Annotated[int, Field(ge=1, le=128)]
    """Pieces of speech decoded together."""

    diarization_batch: Annotated[int, Field(ge=1, le=256)]
    """Windows segmented together."""

    embedding_batch_tokens: Annotated[int, Field(ge=1, le=1_000_000)]
    """Tokens embedded together."""

    together: bool
    """Whether transcription and diarization may share the GPU, if its memory holds both. Otherwise they run
    one after the other."""

    preload: bool
    """Whether a model may be loaded before its stage begins. Otherwise its host memory is not taken until it
    is needed."""


class Place(ContractModel):
    """Where a worker reads and writes files."""

    models: Location
    """The folder of model sets."""

    scratch: Location
    """A folder for media and audio. A run on the same disk reuses what an earlier one decoded."""

    cache: Location | None = None
    """The folder, or the `s3://` address, in which fetched audio waits to be ingested; None where one process
    fetches and ingests."""

    cache_endpoint: Location | None = None
    """The address of the object store that holds the cache; None for a folder, and for AWS."""

    receipt: Location
    """The file for the Receipt: in a pod, the termination log."""

    progress_file: Location | None = None
    """The file for live progress, if no port is given."""

    progress_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The port that serves `/progress` and `/metrics`, in a pod."""
