"""Batches whose recordings are in the store: what of a profile is theirs. Pure.

Their words and turns are artifacts of earlier runs. So nothing of such a batch asks for a GPU, fetches, or
gets what is for fetching: the one place that says so is the profile as the batch uses it.
"""

from typing import Final

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.fetch_ahead import FetchMode
from ingest_contract.pods import GpuShare
from ingest_contract.profile import ComputeType, Device, FetchProfile, IngestProfileSpec
from ingest_operator.core.phases import Packing, packing_of

SCRATCH_GIB: Final = 1
"""No media and no audio lie there."""

ANY_SECONDS: Final = 100_000_000
"""Longer than any recording: each takes seconds, whatever its length, and may share a Job."""


def as_used(spec: IngestBatchSpec, profile: IngestProfileSpec) -> IngestProfileSpec:
    """The profile as a batch uses it: without GPU, cache, sources and their secrets, and on as little memory,
    where nothing is heard."""
    if not spec.is_from_store:
        return profile
    wanted = profile.pods.relabel
    pods = profile.pods.model_copy(
        update={
            "gpu": GpuShare(count=0),
            "cache": None,
            "cpus": wanted.cpus,
            "memory": wanted.memory,
            "scratch_gib": SCRATCH_GIB,
            "claims": (),
            "config_maps": (),
            "secrets": (),
            "worker_template": wanted.template,
        }
    )
    runtime = profile.runtime.model_copy(update={"device": Device.CPU, "compute_type": ComputeType.AUTO})
    return profile.model_copy(
        update={"fetch": FetchProfile(mode=FetchMode.INLINE), "runtime": runtime, "pods": pods}
    )


def packing(spec: IngestBatchSpec, profile: IngestProfileSpec) -> Packing | None:
    """Which recordings of a batch share a Job; None if none do."""
    if not spec.is_from_store:
        return packing_of(profile.pods.pack_short)
    most = profile.pods.relabel.recordings
    return Packing(ANY_SECONDS, most) if most > 1 else None
