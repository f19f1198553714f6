"""The tools of one run: which adapters implement the ports, with which models and batch sizes, and when each
is loaded.

Called by the composition root. Engines are imported only where they are made, so that a run which resumes
everything imports none. Must not read the recording.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

from ingest_contract.captions import CaptionsWish
from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder
from ingest_contract.profile import FetchProfile
from ingest_contract.sites import SiteAccess, SiteReport
from ingest_contract.stages import Stage
from ingest_contract.voice_orders import EnrolOrder
from ingest_worker.cache.recording import CachedRecording
from ingest_worker.errors import StageError
from ingest_worker.gpu.residency import ResidencyPlan
from ingest_worker.hashes import Identities
from ingest_worker.lazy import LazyEngine
from ingest_worker.memory import BatchRunner
from ingest_worker.models import Models, Role
from ingest_worker.ports import (
    Decoder,
    Diarizer,
    Embedder,
    Enrolment,
    Fetcher,
    SpeechDetector,
    Transcriber,
)


class ArtifactStore(Protocol):
    """Keeps the results of finished stages: `claimed.ClaimedRecording`."""

    def kept(self, stage: Stage, stage_hash: str, /) -> bytes | None:
        """What an earlier run finished under the current hash."""

    def keep(self, stage: Stage, stage_hash: str, content: bytes, /) -> None:
        """Keep a result for later runs."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a pipeline works with."""

    fetcher: Fetcher
    decoder: Decoder
    detector: Callable[[], SpeechDetector]
    """Makes what finds speech, for captions to be compared with."""
    transcriber: LazyEngine[Transcriber]
    diarizer: LazyEngine[Diarizer]
    embedder: LazyEngine[Embedder]
    enrolment: Enrolment
    together: bool
    """Whether transcription and diarization run at the same time."""
    languages: tuple[str, ...] = ()
    """Those that the transcriber knows, if its model's set says so; empty if it does not."""

    def begin(self, missing: frozenset[Stage]) -> None:
        """Load what these stages need, in the background, in the order of the data."""
        loader = ThreadPoolExecutor(1, "load")
        for stage, engine in self._engines():
            if stage in missing:
                engine.begin(loader)
        loader.shutdown(wait=False)

    def _engines(self) -> tuple[tuple[Stage, LazyEngine[Any]], ...]:
        return (
            (Stage.TRANSCRIBE, self.transcriber),
            (Stage.DIARIZE, self.diarizer),
            (Stage.EMBED, self.embedder),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run is given besides its order and models."""

    enrolment: Enrolment
    on_site: Callable[[SiteReport], None]
    """Hears of every site that is met."""
    cached: CachedRecording | None = None
    """The run's recording in the cache, if it was fetched ahead."""


def tools_for(
    order: IngestOrder, models: Models, identities: Identities, plan: ResidencyPlan, around: Surroundings
) -> Tools:
    """The tools of a real run. Of a recording that was fetched ahead, nothing that reaches a source or opens
    its media is imported.

    On a CPU everything is loaded at once. On a GPU, a model that must wait for another's memory is only
    imported; the text model always waits. If the order does not allow preloading, nothing is loaded early,
    because host memory may be short.
    """
    runtime = order.runtime
    on_cpu = runtime.device == "cpu"
    cached, captions = around.cached, order.settings.captions_of(order.item)
    fetcher, decoder = (
        (cached, cached)
        if cached is not None
        else media_for(order.fetch, order.sites, around.on_site, captions)
    )
    early = runtime.preload and (on_cpu or plan.together)
    return Tools(
        fetcher=fetcher,
        decoder=decoder,
        detector=_detector,
        transcriber=_transcriber(order, models, identities, plan),
        diarizer=_diarizer(
            lambda: models.path(Role.DIARIZATION, order.settings.diarization.model),
            runtime.device,
            plan.batches.diarization,
            early=early,
        ),
        embedder=_embedder(order, models, identities, early=runtime.preload and on_cpu),
        enrolment=around.enrolment,
        together=plan.together,
        languages=identities.languages,
    )


def tools_from_store(
    order: IngestOrder, models: Models, identities: Identities, enrolment: Enrolment
) -> Tools:
    """The tools of a run that hears nothing: whatever would fetch, decode or hear refuses. The text model is
    loaded if passages have to be embedded."""
    nothing = _Nothing()
    return Tools(
        fetcher=nothing,
        decoder=nothing,
        detector=nothing.refuse,
        transcriber=LazyEngine("transcriber", nothing.refuse, nothing.refuse, nothing.refuse),
        diarizer=LazyEngine("diarizer", nothing.refuse, nothing.refuse, nothing.refuse),
        embedder=_embedder(order, models, identities, early=order.runtime.preload),
        enrolment=enrolment,
        together=False,
    )


class _Nothing:
    """What a run must not use that takes everything from the store."""

    def refuse(self, *_: object) -> NoReturn:
        """Raise `HEARING_NOT_KEPT`."""
        raise StageError(Reason.HEARING_NOT_KEPT, "Its audio is needed, and this batch opens no source.")

    fetch = confirm = decode = refuse


def media_for(
    fetch: FetchProfile,
    sites: Sequence[SiteAccess],
    on_site: Callable[[SiteReport], None],
    captions: CaptionsWish | None = None,
) -> tuple[Fetcher, Decoder]:
    """What fetches from sources, and decodes what comes from there."""
    from ingest_worker.audio.decode import LimitedDecoder
    from ingest_worker.sources.apart import FetcherApart

    return FetcherApart(fetch, sites, on_site, captions), LimitedDecoder(fetch)


def ear_for(order: EnrolOrder, models: Models) -> LazyEngine[Diarizer]:
    """What hears the voices of an enrolment. It is loaded on first use: where everything is known, never."""
    folder = partial(models.path, Role.DIARIZATION, order.diarization.model)
    return _diarizer(folder, order.runtime.device, order.runtime.diarization_batch, early=False)


def _detector() -> SpeechDetector:
    from ingest_worker.engines.detector import SileroDetector

    return SileroDetector()


def _transcriber(
    order: IngestOrder, models: Models, identities: Identities, plan: ResidencyPlan
) -> LazyEngine[Transcriber]:
    """A model of one language is ordered in it: its files may say that it detects others."""
    runtime, settings = order.runtime, order.settings
    if settings.language is None and len(identities.languages) == 1:
        settings = settings.model_copy(update={"language": identities.languages[0]})

    def make() -> Any:
        folder = models.path(Role.TRANSCRIPTION, settings.transcription.model)
        from ingest_worker.engines.whisper import WhisperTranscriber

        return WhisperTranscriber(
            folder,
            device=runtime.device,
            compute_type=runtime.compute_type.value,
            threads=runtime.threads,
            batch=plan.batches.transcription,
            settings=settings,
        )

    return LazyEngine("transcriber", make, lambda engine: (engine.runner,))


def _diarizer(
    folder: Callable[[], Path], device: Literal["cuda", "cpu"], batch: int, *, early: bool
) -> LazyEngine[Diarizer]:
    def warm() -> Any:
        from ingest_worker.engines import diarization

        return diarization

    def make() -> Any:
        return warm().PyannoteDiarizer(folder(), device=device, batch=batch)

    def runners(engine: Any) -> Sequence[BatchRunner]:
        return engine.activity.runner, engine.trunk.runner

    return LazyEngine("diarizer", make, runners, None if early else warm)


def _embedder(
    order: IngestOrder, models: Models, identities: Identities, *, early: bool
) -> LazyEngine[Embedder]:
    def warm() -> Any:
        from ingest_worker.engines import sentence_parts

        return sentence_parts

    def make() -> Any:
        folder = models.path(Role.EMBEDDING, order.settings.embedding.model)
        from ingest_worker.engines.embedding import SentenceEmbedder

        runtime = order.runtime
        return SentenceEmbedder(
            folder,
            device=runtime.device,
            batch_tokens=runtime.embedding_batch_tokens,
            model_key=identities.embedding,
        )

    return LazyEngine("embedder", make, lambda engine: (engine.runner,), None if early else warm)
