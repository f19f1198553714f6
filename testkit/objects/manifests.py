"""Owners, orders and parts of manifests, for tests that look at what the operator would create."""

from collections.abc import Sequence
from typing import Any

from ingest_contract.order import Item
from ingest_contract.pods import PodProfile
from ingest_contract.profile import IngestProfileSpec
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from ingest_operator.kube.api.names import CONTAINER, Owner
from ingest_operator.kube.api.resources import Object
from testkit.objects.builders import TRACE, a_batch

OWNER = Owner("media", "channel-2025", "0b3f6c1e-7d2a-4c58-9a51-3f0f7c1d2e4b")

ITEM = Item(
    index=7,
    id="youtube:CNxH0rHS320",
    url="https://www.youtube.com/watch?v=CNxH0rHS320",
    title="How Postgres keeps rows, and why $(HOME) is not enough",
    duration_seconds=3471,
    published_at="2025-03-01T12:00:00Z",
    channel="Database talks",
)


def orders_for(
    pods: PodProfile | None = None,
    *,
    batch: dict[str, Any] | None = None,
    voices: Sequence[SpeakerProfile] = (),
    **profile: Any,
) -> Orders:
    """The orders of a batch in a cluster."""
    spec = IngestProfileSpec(pods=pods or PodProfile(), **profile)
    made = a_batch(OWNER.name, **(batch or {}))
    runtime = runtime_of(spec, Machine(has_gpu=spec.pods.gpu.count > 0, cores=spec.pods.cpus), 1)
    return Orders(made, spec, settings_of(made, spec, voices), runtime, TRACE)


def pod_spec(job: Object) -> Object:
    """The pod's part of a Job."""
    spec: Object = job["spec"]["template"]["spec"]
    return spec


def worker_of(job: Object) -> Object:
    """The worker's container of a Job."""
    return next(each for each in pod_spec(job)["containers"] if each["name"] == CONTAINER)


def variables(job: Object) -> dict[str, Any]:
    """The worker's environment: values, or where they come from."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in worker_of(job)["env"]}


def mounted(job: Object) -> dict[str, tuple[Object, bool]]:
    """(what is mounted, whether it can be written to), by path."""
    volumes = {
        each["name"]: {kind: each[kind] for kind in each if kind != "name"}
        for each in pod_spec(job)["volumes"]
    }
    return {
        each["mountPath"]: (volumes[each["name"]], not each.get("readOnly", False))
        for each in worker_of(job)["volumeMounts"]
    }
