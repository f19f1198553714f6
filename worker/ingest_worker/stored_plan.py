"""The plan of a batch whose recordings are in the store: what of them the order's settings would change. No
source is asked.

Called by `planner`.
"""

from collections.abc import Iterable
from datetime import UTC
from functools import cache
from pathlib import Path

from ingest_contract.order import PlanOrder
from ingest_contract.plan_document import PlanDocument
from ingest_worker.hashes import hashes_behind, voice_hash, voices_hash
from ingest_worker.models import Role, open_models
from ingest_worker.planning import Candidate, StoredRecording, plan
from ingest_worker.store.connect import connect
from ingest_worker.store.enrolment import voices
from ingest_worker.store.heard import HeardRecording, heard_by
from ingest_worker.store.schema import check


def is_from_store(order: PlanOrder) -> bool:
    """Whether an order's sources are all in the store."""
    return all(source.store is not None for source in order.sources)


def plan_from_store(order: PlanOrder, dsn: str) -> PlanDocument:
    """The plan. A recording that the settings leave as it is is left out as `ALREADY_STORED`.

    Raises:
        StageError: `VOICE_NOT_HEARD` and `VOICE_UNUSABLE` for a voice that the batch looks for; the store or
            the models are not there.
    """
    models = open_models(Path(order.place.models), order.settings.model_set)
    embedding = models.identity(Role.EMBEDDING, order.settings.embedding.model)
    diarization = models.identity(Role.DIARIZATION, order.settings.diarization.model)
    namespace = order.batch.partition("/")[0]
    with connect(dsn, application="plan") as connection:
        check(connection)
        found = [
            each
            for source in order.sources
            if source.store is not None
            for each in heard_by(connection, namespace, source.store)
        ]
        today = voices_hash(voices(connection, namespace, voice_hash(diarization), order.settings.voices))

    @cache
    def pipeline(transcribe: str, diarize: str) -> str:
        return hashes_behind(transcribe, diarize, order.settings, embedding).pipeline

    def unchanged(each: HeardRecording) -> bool:
        """Whether a run of today would come to the same."""
        if each.transcribe_hash is None or each.diarize_hash is None or each.voices != today:
            return False
        heard_by_it = each.models.get(Role.DIARIZATION.value) == diarization
        return heard_by_it and each.pipeline_hash == pipeline(each.transcribe_hash, each.diarize_hash)

    known = {each.id: StoredRecording(unchanged=unchanged(each)) for each in found}
    return plan([*map(_candidate, _each_once(found))], order, known)


def _each_once(found: Iterable[HeardRecording]) -> Iterable[HeardRecording]:
    """Several sources may list the same: that is no duplicate to tell of."""
    return {each.id: each for each in found}.values()


def _candidate(each: HeardRecording) -> Candidate:
    published = each.published_at.astimezone(UTC) if each.published_at is not None else None
    return Candidate(
        id=each.id,
        url=each.url,
        title=each.title,
        duration_seconds=None if each.duration_seconds is None else round(each.duration_seconds),
        published_at=published.strftime("%Y-%m-%dT%H:%M:%SZ") if published is not None else None,
        channel=each.channel,
        language=each.language,
    )
