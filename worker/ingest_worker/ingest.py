"""An Ingest order from beginning to end: claim the recording, run the pipeline, store the result in one
transaction, release the claim.

Called by `__main__`. The composition root of a run: the only place that knows store, models, GPU and pipeline
together.
"""

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest_contract.order import IngestOrder
from ingest_contract.receipt import Effective
from ingest_contract.stages import Stage
from ingest_worker.claimed import claimed_recording
from ingest_worker.errors import StageError
from ingest_worker.gpu.residency import Batches, ResidencyPlan, Whisper, plan_residency
from ingest_worker.hashes import Hashes, Identities, for_language, hashes_of, identities_of
from ingest_worker.models import Models, Role, open_models
from ingest_worker.pipeline import Found, Pipeline
from ingest_worker.session import Session, log
from ingest_worker.store.records import Content, Recording, Run
from ingest_worker.tools import tools_for


def ingest(order: IngestOrder, dsn: str, session: Session) -> None:
    """Carry out the order. What is known about the run is in the session, however this ends.

    Raises:
        StageError: the failure of a stage or of the store.
        Interruption: the run was asked to end; nothing was stored.
    """
    settings = for_language(order.settings, order.item.language)
    order = order.model_copy(update={"settings": settings})
    models = open_models(Path(order.place.models), order.settings.model_set)
    identities = identities_of(order.settings, models)
    hashes = hashes_of(order.settings, order.item.speakers, identities)
    residency = residency_of(order, models, session.free_at_start_mib)
    log.info(
        "memory is planned: %s",
        residency.why,
        extra={"action": "plan-memory", "together": residency.together},
    )
    session.effective = effective_of(order, residency, identities)
    tools = tools_for(order, models, identities, residency, session.met)
    with session.sampler, claimed_recording(dsn, order) as recording, session.shown(order.place) as observer:
        session.control.watch(recording.check)
        session.give_up = recording.give_up
        session.pipeline = pipeline = Pipeline(recording.order, hashes, tools, recording, observer)
        try:
            found = pipeline.run()
        except StageError as error:
            recording.remember(recording_of(order, pipeline), error, hashes.pipeline)
            raise
        session.found = found
        run = run_of(order, session, hashes, identities)
        with observer.stage(Stage.STORE):
            recording.commit(recording_of(order, pipeline), run, content_of(found, identities))
        session.run_id = str(run.id)


def residency_of(order: IngestOrder, models: Models, free_mib: int | None) -> ResidencyPlan:
    """Which models may be in memory together, and at what batch size."""
    weights = models.size_of(Role.TRANSCRIPTION, order.settings.transcription.model) // (1 << 20)
    asked = Batches(order.runtime.transcription_batch, order.runtime.diarization_batch)
    return plan_residency(
        free_mib, Whisper(weights, order.runtime.compute_type), asked, together=order.runtime.together
    )


def effective_of(order: IngestOrder, residency: ResidencyPlan, identities: Identities) -> Effective:
    """What is used in fact; if batches are halved during the run, the stages' figures say so."""
    return Effective(
        device=order.runtime.device,
        compute_type=order.runtime.compute_type.value,
        threads=order.runtime.threads,
        transcription_batch=residency.batches.transcription,
        diarization_batch=residency.batches.diarization,
        embedding_batch_tokens=order.runtime.embedding_batch_tokens,
        models=identities.by_role(),
    )


def recording_of(order: IngestOrder, pipeline: Pipeline) -> Recording:
    """The recording as the store keeps it: what the plan knew, and what the media files say."""
    title = pipeline.media.title if pipeline.media is not None else ""
    return Recording.of(order.item, title=title, duration_seconds=pipeline.media_seconds or None)


def run_of(order: IngestOrder, session: Session, hashes: Hashes, identities: Identities) -> Run:
    """This run as the store keeps it, with the figures of the Receipt as they are before storing."""
    receipt = session.receipt(None)
    finished = datetime.fromtimestamp(time.time(), UTC)
    shown = {
        "overhead_seconds",
        "computing_seconds",
        "computing_by",
        "stages",
        "tracks",
        "coverage",
        "speakers",
        "quality",
        "memory",
        "effective",
    }
    return Run(
        id=uuid.uuid4(),
        batch=order.batch,
        trace_id=order.trace_id,
        number=order.run,
        pipeline_hash=hashes.pipeline,
        started_at=finished - timedelta(seconds=session.clock.age),
        finished_at=finished,
        seconds=receipt.seconds,
        media_seconds=receipt.media_seconds,
        models=identities.by_role(),
        figures=receipt.model_dump(mode="json", include=shown, exclude_none=True),
    )


def content_of(found: Found, identities: Identities) -> Content:
    """What a run found, in the store's form."""
    return Content(
        language=found.transcript.language,
        words=found.words,
        diarization=found.diarization,
        voice_model=identities.diarization,
        identities=found.identities,
        segments=found.segments,
        vectors=found.vectors,
    )
