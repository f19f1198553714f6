"""What one look at a batch works with, put together from the batch, its profile and its first plan. Pure."""

from dataclasses import dataclass
from math import inf

from ingest_contract.batch import BatchSpeakers, IngestBatch
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_contract.status import ProfileStatus
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.orders import Machine, Orders, UnknownVoiceError, runtime_of, settings_of
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.planning.frozen_plan import FrozenPlan


@dataclass(frozen=True, slots=True)
class Scene:
    """What one look at a batch works with."""

    owner: Owner
    orders: Orders
    profile: ProfileStatus
    hindrances: tuple[Hindrance, ...] = ()
    """What was in the way before any Job was looked at: no profile, for example."""


def scene_of(
    owner: Owner,
    batch: IngestBatch,
    known: IngestProfile | None,
    planned: FrozenPlan | None,
    *,
    missing: bool,
) -> Scene:
    """`known` is the last version of its profile that was seen, `missing` whether it is gone, or never was
    there.

    Without its profile a batch starts nothing, but what runs is still observed, by the last profile that was
    known.
    """
    hindrances: tuple[Hindrance, ...] = ()
    if missing:
        name = batch.spec.profile_ref.name
        message = (
            f"there is no IngestProfile {name!r} in namespace {owner.namespace!r}: make it, or name another"
        )
        hindrances = (Hindrance("ProfileMissing", message, inf),)
    profile = known.spec if known else IngestProfileSpec()
    try:
        wanted = settings_of(batch, profile)
    except UnknownVoiceError as error:
        wanted = None
        hindrances = hindrances if planned else (*hindrances, Hindrance("VoiceUnknown", str(error), inf))
    settings = planned.settings if planned else wanted or settings_of(_without_voices(batch), profile)
    runtime = runtime_of(profile, Machine(profile.pods.gpu.count > 0, profile.pods.cpus), parallelism=1)
    orders = Orders(batch, profile, settings, runtime, owner.trace_id, planned.at if planned else None)
    generation = known.metadata.generation if known else 0
    return Scene(owner, orders, ProfileStatus(generation=generation, differs=wanted != settings), hindrances)


def _without_voices(batch: IngestBatch) -> IngestBatch:
    """The batch, looking for every enrolled voice: only to have some settings, where those it names are not
    enrolled and nothing starts."""
    return batch.model_copy(update={"spec": batch.spec.model_copy(update={"speakers": BatchSpeakers()})})
