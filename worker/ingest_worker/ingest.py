"""An Ingest order from beginning to end: claim the recording, run the pipeline, store the result in one
transaction, release the claim.

Called by `__main__`. The composition root of a run: the only place that knows store, models, GPU and pipeline
together.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from ingest_contract.cache import cache_key, mark_name
from ingest_contract.failures import Verdict
from ingest_contract.order import IngestOrder
from ingest_contract.stages import Stage
from ingest_worker.cache.recording import CachedRecording
from ingest_worker.claimed import claimed_recording
from ingest_worker.errors import StageError
from ingest_worker.gpu.residency import Batches, ResidencyPlan, Whisper, plan_residency
from ingest_worker.hashes import for_language, hashes_of, identities_of, voice_hash
from ingest_worker.models import Models, Role, open_models
from ingest_worker.pipeline import Pipeline
from ingest_worker.relabel import relabel
from ingest_worker.results import content_of, effective_of, recording_of, run_of, text_model
from ingest_worker.session import Session, log, named
from ingest_worker.stored_voices import StoredVoices
from ingest_worker.surroundings import usable_threads
from ingest_worker.tools import Surroundings, tools_for
from ingest_worker.wordless import may_grow

_SPENT: Final = frozenset({Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.RETRY_SMALLER})
"""Verdicts after which a recording runs again, unless this was its last attempt."""


def ingest(order: IngestOrder, dsn: str, session: Session) -> None:
    """Carry out the order. What is known about the run is in the session, however this ends.

    A recording that is final leaves nothing in the cache: its entry goes after the commit, never before, and
    after an end behind which no other run follows.

    Raises:
        StageError: the failure of a stage or of the store.
        Interruption: the run was asked to end; nothing was stored.
    """
    if order.from_store:
        relabel(order, dsn, session)
        return
    cached = cached_recording(order)
    try:
        _ingest(order, dsn, session, cached)
    except Exception as error:
        if cached is not None and is_final(named(error), order):
            cached.discard()
        raise
    if cached is not None:
        cached.discard()


def cached_recording(order: IngestOrder) -> CachedRecording | None:
    """The order's recording in the cache that it names; None if it names none."""
    if order.place.cache is None:
        return None
    from ingest_worker.cache.opening import cache_at

    key = cache_key(order.batch, order.item.id, order.settings.captions_of(order.item))
    mark = mark_name(key, order.batch, order.item.index)
    return CachedRecording(cache_at(order.place), key, mark, order.fetch)


def is_final(error: StageError, order: IngestOrder) -> bool:
    """Whether no other run of the recording follows after this error."""
    verdict = error.failure.verdict
    return verdict in (Verdict.SKIP, Verdict.GIVE_UP) or (order.is_last and verdict in _SPENT)


def _ingest(order: IngestOrder, dsn: str, session: Session, cached: CachedRecording | None) -> None:
    order = resolved_order(order)
    models = open_models(Path(order.place.models), order.settings.model_set)
    identities = identities_of(order.settings, models)
    hashes = hashes_of(order.settings, order.item.speakers, identities)
    residency = residency_of(order, models, session.free_at_start_mib)
    log.info(
        "memory is planned: %s",
        residency.why,
        extra={"action": "plan-memory", "together": residency.together},
    )
    session.effective = effective_of(order.runtime, residency.batches, identities)
    voices = StoredVoices(dsn, order, voice_hash(identities.diarization))
    around = Surroundings(voices, session.met, cached)
    tools = tools_for(order, models, identities, residency, around)
    shown = session.shown(order.place, order.item.index)
    model = text_model(order, models)
    with session.sampler, claimed_recording(dsn, order, model) as recording, shown as observer:
        session.control.watch(recording.check)
        session.give_up = recording.give_up
        session.audio = pipeline = Pipeline(recording.order, hashes, tools, recording, observer)
        try:
            found = pipeline.run()
        except StageError as error:
            known = recording_of(order, pipeline)
            grows = may_grow(order.item.id, pipeline.sound)
            recording.remember(known, error, hashes.pipeline, may_grow=grows)
            raise
        session.found = found
        run = replace(run_of(order, session, hashes, identities), voices=pipeline.judged_by)
        with observer.stage(Stage.STORE):
            recording.commit(recording_of(order, pipeline), run, content_of(found, identities))
        session.run_id = str(run.id)


def resolved_order(order: IngestOrder) -> IngestOrder:
    """The order, with the recording's language, a number format that its device has, and no more threads than
    there are cores for.

    Raises:
        StageError: as `compute_types.resolved`.
    """
    from ingest_worker.engines.compute_types import resolved

    runtime = order.runtime
    compute_type = resolved(runtime.compute_type, runtime.device)
    threads = usable_threads(runtime.threads)
    if threads < runtime.threads:
        log.info(
            "%d threads: the order has %d, and there are no cores for more",
            threads,
            runtime.threads,
            extra={"action": "limit-threads", "threads": threads, "ordered": runtime.threads},
        )
    return order.model_copy(
        update={
            "settings": for_language(order.settings, order.item.language),
            "runtime": runtime.model_copy(update={"compute_type": compute_type, "threads": threads}),
        }
    )


def residency_of(order: IngestOrder, models: Models, free_mib: int | None) -> ResidencyPlan:
    """Which models may be in memory together, and at what batch size."""
    weights = models.size_of(Role.TRANSCRIPTION, order.settings.transcription.model) // (1 << 20)
    asked = Batches(order.runtime.transcription_batch, order.runtime.diarization_batch)
    return plan_residency(
        free_mib, Whisper(weights, order.runtime.compute_type), asked, together=order.runtime.together
    )
