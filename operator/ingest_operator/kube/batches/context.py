"""The inputs of one reconcile of a batch, built from the batch, its profile and its first plan. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from ingest_contract.batch import BatchSpeakers, IngestBatch
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.status import ProfileStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.core.relabel import as_used
from ingest_operator.core.unheard import still_there, unheard
from ingest_operator.core.voices import UnknownVoiceError
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.manifests.overlay import has_gpu
from ingest_operator.kube.planning.frozen_plan import FrozenPlan


@dataclass(frozen=True, slots=True)
class BatchContext:
    """The inputs of one reconcile of a batch."""

    owner: Owner
    orders: Orders
    profile: ProfileStatus
    blockers: tuple[Blocker, ...] = ()
    """Blockers found before any Job was observed: no profile, for example."""
    unheard: tuple[Blocker, ...] = ()
    """Blockers of voices that nobody has heard yet: planning goes on without them."""


def build_context(
    owner: Owner,
    batch: IngestBatch,
    known: IngestProfile | None,
    planned: FrozenPlan | None,
    *,
    missing: bool,
    speakers: Sequence[SpeakerProfile] = (),
) -> BatchContext:
    """`known` is the last version seen of its profile; `missing` says whether the profile is gone or never
    existed. `speakers` are the SpeakerProfiles of its namespace.

    Without its profile a batch starts nothing, but its runs are still observed, by the last known profile.
    """
    blockers: tuple[Blocker, ...] = ()
    if missing:
        name = batch.spec.profile_ref.name
        message = (
            f"there is no IngestProfile {name!r} in namespace {owner.namespace!r}: make it, or name another"
        )
        blockers = (Blocker("ProfileMissing", message, inf),)
    profile = as_used(batch.spec, known.spec if known else IngestProfileSpec())
    try:
        wanted = settings_of(batch, profile, speakers)
    except UnknownVoiceError as error:
        wanted = None
        blockers = blockers if planned else (*blockers, Blocker("VoiceUnknown", str(error), inf))
    settings = planned.settings if planned else wanted or settings_of(_without_voices(batch), profile, ())
    settings = settings.model_copy(update={"voices": still_there(settings.voices, speakers)})
    runtime = runtime_of(profile, Machine(has_gpu(profile.pods), profile.pods.cpus), parallelism=1)
    orders = Orders(batch, profile, settings, runtime, owner.trace_id, planned.at if planned else None)
    generation = known.metadata.generation if known else 0
    # of a profile that is not there, or with voices that are not, nothing is known that could differ
    differs = known is not None and wanted is not None and wanted != settings
    profile_status = ProfileStatus(generation=generation, differs=differs)
    return BatchContext(owner, orders, profile_status, blockers, unheard(settings.voices, speakers))


def _without_voices(batch: IngestBatch) -> IngestBatch:
    """The batch without voices: only to have some settings if those it names are not there and nothing
    starts."""
    nobody = BatchSpeakers(profiles=())
    return batch.model_copy(update={"spec": batch.spec.model_copy(update={"speakers": nobody})})


def without_a_pass(batch: IngestBatch) -> IngestBatch:
    """A batch that could not be read whole: it takes back no failed recording, because the field that says
    which may be the one that was passed over. Once it is readable, the pass begins."""
    return batch.model_copy(update={"spec": batch.spec.model_copy(update={"retry_failed": ""})})
