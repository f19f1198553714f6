"""What a SpeakerProfile asks for now: the order and the Job that would hear it, or forget it. Pure."""

from dataclasses import dataclass

from ingest_contract.profile import IngestProfileSpec
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.text import said
from ingest_contract.voice_orders import ForgetOrder, Forgotten, RenameOrder
from ingest_operator.core.memory_ladder import on_rung
from ingest_operator.core.orders import Machine, runtime_of
from ingest_operator.core.site_access import access_to
from ingest_operator.core.voices import enrol_order
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.overlay import has_gpu
from ingest_operator.kube.manifests.site_secrets import path_of
from ingest_operator.kube.manifests.sources import with_claims_allowed
from ingest_operator.kube.manifests.voice_jobs import VoiceWork, curator_job, enrol_job
from ingest_operator.kube.manifests.volumes import PLACE
from ingest_operator.kube.planning.attempts import REQUEST
from ingest_operator.kube.voices.attempts import VoiceRequest


@dataclass(frozen=True, slots=True)
class WantedJob:
    """What one kind of Job of a SpeakerProfile would be."""

    owner: Owner
    voice: SpeakerProfile
    profile: IngestProfileSpec
    """The IngestProfile that it names."""
    what: VoiceWork
    formerly: str | None = None
    """The name under which the store has the voice, where it has another one now."""

    @property
    def request(self) -> VoiceRequest:
        """Its request. Raises `OverlayError`."""
        return self._made(1, 0)[0]

    def job(self, run: int, rung: int) -> Object:
        """The Job of one run on one rung. Raises `OverlayError`."""
        job = self._made(run, rung)[1]
        job["metadata"]["annotations"] = {REQUEST: self.request.text}
        return job

    def _made(self, run: int, rung: int) -> tuple[VoiceRequest, Object]:
        pods, trace = self.profile.pods, self.owner.trace_id
        if self.what is VoiceWork.FORGET:
            namespace, name = self.owner.namespace, self.owner.name
            forget = ForgetOrder(
                trace_id=trace,
                namespace=namespace,
                what=Forgotten.VOICE,
                key=self.voice.voice,
                formerly=self.formerly,
                who=said(f"SpeakerProfile {namespace}/{name}"),
                why="it was deleted",
                run=run,
                place=PLACE,
            )
            job = curator_job(self.owner, pods, forget)
            return VoiceRequest.of(forget, job), job
        if self.what is VoiceWork.RENAME:
            rename = RenameOrder(
                trace_id=trace,
                namespace=self.owner.namespace,
                voice=self.voice.voice,
                formerly=self.formerly or self.voice.voice,
                who=said(f"SpeakerProfile {self.owner.namespace}/{self.owner.name}"),
                run=run,
                place=PLACE,
            )
            job = curator_job(self.owner, pods, rename)
            return VoiceRequest.of(rename, job), job
        profile = self.profile.model_copy(
            update={"fetch": with_claims_allowed(self.profile.fetch, pods.claims)}
        )
        runtime = runtime_of(profile, Machine(has_gpu(pods), pods.cpus), parallelism=1)
        enrol = enrol_order(
            self.voice,
            profile,
            runtime=on_rung(runtime, rung),
            access=access_to(profile.fetch.sites, path_of),
            place=PLACE,
            run=run,
        ).model_copy(update={"trace_id": trace})
        job = enrol_job(self.owner, pods, enrol, rung)
        return VoiceRequest.of(enrol, job), job
