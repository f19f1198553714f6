"""Gauges computed at scrape time from the current batches, so a deleted batch leaves no stale series."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.failures import Reason
from ingest_contract.obstacles import is_undecided
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.receipt import Memory
from ingest_contract.status import Counts, IngestBatchStatus, breakers_of

GPUS: Final = 1024
"""GPUs that are remembered, the most recently seen: where nodes come and go, every week brings new ones."""

Labels = tuple[str, ...]

_STATES: Final = tuple(name for name in Counts.model_fields if name != "total")


@dataclass(frozen=True, slots=True)
class _Batch:
    """The part of a status that the gauges need."""

    counts: Counts
    state: str
    held_by: tuple[Reason, ...]
    """What opened its breakers."""
    avoided: tuple[tuple[str, str], ...]
    """(node, reason)."""


class CurrentGauges(Collector):
    """The newest status of every batch, and the newest reading of every GPU."""

    def __init__(self) -> None:
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._profiles: dict[tuple[str, str], str] = {}
        self._retentions: dict[tuple[str, str], str] = {}
        self._gpus: OrderedDict[str, int] = OrderedDict()

    def batch(self, namespace: str, name: str, status: IngestBatchStatus | None) -> None:
        """The current status of a batch; None when the batch is gone."""
        if status is None:
            self._batches.pop((namespace, name), None)
        else:
            held_by = tuple(each.reason for each in breakers_of(status))
            self._batches[namespace, name] = _Batch(status.counts, status.state, held_by, _avoided(status))

    def profile(self, namespace: str, name: str, status: IngestProfileStatus | None) -> None:
        """The current status of a profile; None when it is gone, or was not looked at yet."""
        reasons = {each.type: each.reason for each in status.conditions} if status else {}
        for kind, known in (
            (ConditionType.READY, self._profiles),
            (ConditionType.RETENTION_KEPT, self._retentions),
        ):
            known.pop((namespace, name), None)
            if kind in reasons:
                known[namespace, name] = reasons[kind]

    def gpu(self, memory: Memory) -> None:
        """Record what a run found on its GPU."""
        if memory.gpu_uuid is None or memory.free_vram_at_start_mib is None:
            return
        self._gpus[memory.gpu_uuid] = memory.free_vram_at_start_mib
        self._gpus.move_to_end(memory.gpu_uuid)
        if len(self._gpus) > GPUS:
            self._gpus.popitem(last=False)

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        items, batches, held, avoided = (
            Counter[Labels](),
            Counter[Labels](),
            Counter[Labels](),
            Counter[Labels](),
        )
        for (namespace, _), batch in self._batches.items():
            batches[namespace, batch.state] += 1
            for state in _STATES:
                items[namespace, state.capitalize()] += getattr(batch.counts, state)
            held.update((reason.value,) for reason in batch.held_by)
            avoided.update(batch.avoided)
        yield _gauge(
            "video_ingest_recordings",
            "Recordings of all batches, by where they stand.",
            ("namespace", "state"),
            items,
        )
        yield _gauge(
            "video_ingest_batches",
            "Batches, by the one word of their status.",
            ("namespace", "state"),
            batches,
        )
        yield _by_reason(
            "video_ingest_profiles",
            "Profiles, by the reason of their condition Ready; AllFound is the one of those that are.",
            self._profiles,
        )
        yield _by_reason(
            "video_ingest_retention_profiles",
            "Profiles with a retention, by the reason of their condition RetentionKept: Kept, or a fault.",
            self._retentions,
        )
        yield _gauge(
            "video_ingest_breakers_open",
            "Batches that start nothing new, by what opened their breaker.",
            ("reason",),
            held,
        )
        text = "Batches that send nothing to a node, by why their last run there ended."
        yield _gauge("video_ingest_nodes_avoided", text, ("node", "reason"), avoided)
        yield _gauge(
            "video_ingest_gpu_free_vram_at_start_mib",
            "Free memory of a GPU before the last run on it started CUDA.",
            ("gpu_uuid",),
            {(uuid,): free for uuid, free in self._gpus.items()},
        )


def _avoided(status: IngestBatchStatus) -> tuple[tuple[str, str], ...]:
    """The avoided nodes of a batch that is not done: one that is done starts nothing anywhere."""
    reported = any(
        each.type is ConditionType.NODES_AVOIDED and each.status is ConditionStatus.TRUE
        for each in status.conditions
    )
    held = status.breaker.reason if status.breaker else None
    return tuple(
        (each.name, each.reason.value)
        for each in status.nodes
        if reported and each.avoided and not is_undecided(each.reason, held)
    )


def _by_reason(name: str, text: str, reasons: Mapping[tuple[str, str], str]) -> Metric:
    values = Counter[Labels]((namespace, reason) for (namespace, _), reason in reasons.items())
    return _gauge(name, text, ("namespace", "reason"), values)


def _gauge(name: str, text: str, labels: Labels, values: Mapping[Labels, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for place, value in sorted(values.items()):
        family.add_metric(place, value)
    return family
