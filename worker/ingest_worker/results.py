"""What a run has found and used, in the forms of the store and of its Receipt.

Called by `ingest` and `relabel` when a run begins, and when its result is committed.
"""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest_contract.order import IngestOrder
from ingest_contract.place import Runtime
from ingest_contract.receipt import Effective
from ingest_worker.gpu.residency import Batches
from ingest_worker.hashes import Hashes, Identities
from ingest_worker.models import Models, Role
from ingest_worker.pipeline import Found, Pipeline
from ingest_worker.session import Session
from ingest_worker.store.records import Content, Recording, Run
from ingest_worker.store.vector_tables import TextModel

FIGURES: Final = frozenset(
    {
        "overhead_seconds",
        "computing_seconds",
        "computing_by",
        "stages",
        "tracks",
        "coverage",
        "speakers",
        "transcript",
        "quality",
        "memory",
        "effective",
    }
)
"""What the store keeps of a Receipt."""


def effective_of(runtime: Runtime, batches: Batches, identities: Identities) -> Effective:
    """What is used in fact; if batches are halved during the run, the stages' figures say so."""
    return Effective(
        device=runtime.device,
        compute_type=runtime.compute_type.value,
        threads=runtime.threads,
        transcription_batch=batches.transcription,
        diarization_batch=batches.diarization,
        embedding_batch_tokens=runtime.embedding_batch_tokens,
        models=identities.by_role(),
    )


def text_model(order: IngestOrder, models: Models) -> TextModel | None:
    """Whose vectors the order's passages get; None if the model's files do not say how long they are."""
    name = order.settings.embedding.model
    dimension = models.dimension(name)
    return None if dimension is None else TextModel(models.identity(Role.EMBEDDING, name), dimension)


def recording_of(order: IngestOrder, pipeline: Pipeline) -> Recording:
    """The recording as the store keeps it: what the plan knew, and what the media files say."""
    title = pipeline.media.title if pipeline.media is not None else ""
    return Recording.of(order.item, title=title, duration_seconds=pipeline.media_seconds or None)


def run_of(order: IngestOrder, session: Session, hashes: Hashes, identities: Identities) -> Run:
    """This run as the store keeps it, with the figures of the Receipt as they are before storing."""
    receipt = session.receipt(None)
    finished = datetime.fromtimestamp(time.time(), UTC)
    return Run(
        id=uuid.uuid4(),
        batch=order.batch,
        profile=order.profile,
        trace_id=order.trace_id,
        number=order.run,
        pipeline_hash=hashes.pipeline,
        started_at=finished - timedelta(seconds=session.clock.age),
        finished_at=finished,
        seconds=receipt.seconds,
        media_seconds=receipt.media_seconds,
        models=identities.by_role(),
        figures=receipt.model_dump(mode="json", include={*FIGURES}, exclude_none=True),
        transcribe_hash=hashes.transcribe,
        diarize_hash=hashes.diarize,
    )


def content_of(found: Found, identities: Identities) -> Content:
    """What a run found, in the store's form."""
    return Content(
        language=found.transcript.language,
        transcript_source=found.transcript.source,
        words=found.words,
        diarization=found.diarization,
        voice_model=identities.diarization,
        identities=found.identities,
        segments=found.segments,
        vectors=found.vectors,
    )
