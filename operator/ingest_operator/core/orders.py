"""Work orders from a batch, its profile and a recording. Pure;
the one place where batch and profile are put together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingest_contract.batch import IngestBatch
from ingest_contract.order import FetchOrder, IngestOrder, Item, PlannedSource, PlanOrder, Settings
from ingest_contract.place import Place, Runtime
from ingest_contract.profile import Device, IngestProfileSpec
from ingest_contract.selection import Reprocess
from ingest_contract.sites import SiteAccess
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.memory_ladder import on_rung
from ingest_operator.core.phases import Phase
from ingest_operator.core.site_access import needed, without_sites
from ingest_operator.core.voices import wanted_voices


@dataclass(frozen=True, slots=True)
class Machine:
    """What `Auto` becomes: decided once per batch, from the hardware of the cluster or the workstation."""

    has_gpu: bool
    cores: int


def settings_of(
    batch: IngestBatch, profile: IngestProfileSpec, speakers: Iterable[SpeakerProfile]
) -> Settings:
    """The settings that determine the output. `speakers` are the SpeakerProfiles of the batch's namespace.
    Raises `UnknownVoiceError`, naming those that the batch asks for and that are not there."""
    return Settings(
        model_set=profile.model_set,
        transcription=profile.transcription,
        language=batch.spec.transcription.language,
        vocabulary=batch.spec.transcription.vocabulary,
        diarization=profile.diarization,
        identification=profile.identification,
        voices=wanted_voices(batch.spec.speakers, speakers),
        segmentation=profile.segmentation,
        embedding=profile.embedding,
    )


def runtime_of(profile: IngestProfileSpec, machine: Machine, parallelism: int) -> Runtime:
    """The runtime on the top rung. The device is chosen here, so that a worker never falls back to its CPU;
    the number format by the worker, because only it knows what its GPU can do."""
    wanted = profile.runtime
    device = (
        wanted.device if wanted.device is not Device.AUTO else Device.CUDA if machine.has_gpu else Device.CPU
    )
    return Runtime(
        device="cuda" if device is Device.CUDA else "cpu",
        compute_type=wanted.compute_type,
        threads=wanted.threads or max(1, machine.cores // parallelism),
        transcription_batch=wanted.transcription_batch,
        diarization_batch=wanted.diarization_batch,
        embedding_batch_tokens=wanted.embedding_batch_tokens,
        together=True,
        preload=True,
    )


@dataclass(frozen=True, slots=True)
class Orders:
    """Everything that the orders of one batch share."""

    batch: IngestBatch
    profile: IngestProfileSpec
    settings: Settings
    runtime: Runtime
    trace_id: str
    planned_at: str | None = None
    """When the first plan of the batch was made, as the API writes timestamps; None before."""
    access: tuple[SiteAccess, ...] = ()
    """What each site of the profile wants, with the paths that its secrets have where the worker runs."""

    @property
    def name(self) -> str:
        """`<namespace>/<name>` of the batch."""
        return f"{self.batch.metadata.namespace}/{self.batch.metadata.name}"

    def to_run(self, item: Item, start: Start, place: Place) -> FetchOrder | IngestOrder:
        """The order for one run of one recording. `place` names the cache, where there is one."""
        if start.phase is Phase.FETCH:
            return self.to_fetch(item, start, place)
        inline = place.model_copy(update={"cache": None, "cache_endpoint": None})
        return self.to_ingest(item, start, place if start.cached else inline)

    def to_fetch(self, item: Item, start: Start, place: Place) -> FetchOrder:
        """The order to fetch one recording into the cache."""
        return FetchOrder(
            trace_id=self.trace_id,
            batch=self.name,
            item=item,
            run=start.number,
            fetch=without_sites(self.profile.fetch),
            sites=needed(self.access, item),
            captions=self.settings.captions_of(item),
            place=place,
        )

    def to_ingest(self, item: Item, start: Start, place: Place) -> IngestOrder:
        """The order to ingest one recording, from the cache if `place` names one."""
        return IngestOrder(
            trace_id=self.trace_id,
            batch=self.name,
            profile=f"{self.batch.metadata.namespace}/{self.batch.spec.profile_ref.name}",
            item=item,
            run=start.number,
            settings=self.settings,
            runtime=on_rung(self.runtime, start.rung),
            fetch=without_sites(self.profile.fetch),
            sites=needed(self.access, item if self._opens_sources(place) else None),
            from_store=self.batch.spec.is_from_store,
            is_last=start.charged_attempts + 1 >= self.batch.spec.retry.max_attempts,
            artifacts_since=self.planned_at if self.batch.spec.reprocess is Reprocess.ALWAYS else None,
            place=place,
        )

    def _opens_sources(self, place: Place) -> bool:
        """Whether an ingest run opens the source of its recording."""
        return place.cache is None and not self.batch.spec.is_from_store

    def to_plan(
        self,
        sources: tuple[PlannedSource, ...],
        claims: Mapping[str, str],
        planned: tuple[Item, ...],
        place: Place,
    ) -> PlanOrder:
        """The order to resolve the sources that no plan covers yet.
        `claims` gives the folder of each claim."""
        return PlanOrder(
            trace_id=self.trace_id,
            batch=self.name,
            sources=sources,
            claims=dict(claims),
            select=self.batch.spec.select,
            reprocess=self.batch.spec.reprocess,
            first_index=len(planned),
            known=tuple(item.id for item in planned),
            settings=self.settings,
            fetch=without_sites(self.profile.fetch),
            sites=self.access,
            place=place,
        )
