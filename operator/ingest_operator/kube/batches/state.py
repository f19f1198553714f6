"""The dependencies of the batch controller, and what it keeps of one batch between two reconciles."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ingest_contract.profile import IngestProfile
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.outcome import Run
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.batches.old_orders import OldOrders
from ingest_operator.kube.batches.pending import PendingStarts, Poller
from ingest_operator.kube.batches.status_store import KubeStatusStore
from ingest_operator.kube.observe.queues import Answer
from ingest_operator.kube.planning.frozen_plan import FrozenPlan
from ingest_operator.kube.planning.planner import PlanResult
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.telemetry.webhook import Webhook
from ingest_operator.kube.watch.cache import Cache, Key
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods


class Accepted(Protocol):
    """Receives every accepted status: metrics and Events."""

    def __call__(
        self,
        batch: Object,
        before: IngestBatchStatus | None,
        after: IngestBatchStatus,
        ended: Iterable[Run] = (),
    ) -> None:
        """`batch` is the batch after that write;
        `ended` are the runs whose ends this status is the first to record."""


@dataclass(frozen=True, slots=True)
class Deps:
    """What every reconcile shares."""

    api: Api
    batches: Cache
    profiles: Cache
    speakers: Cache
    profile_statuses: ProfileStatuses
    seen: JobsAndPods
    poller: Poller
    clock: Callable[[], float]
    found: Callable[[Object, IngestBatchStatus | None], None]
    """Called with every batch that was not known, and its status."""
    accepted: Accepted
    webhook: Webhook | None
    """What is told of transitions, if one is configured."""
    wake: Callable[[Key], object]
    """Has a batch reconciled soon."""


@dataclass(slots=True)
class BatchState:
    """One batch between two reconciles; rebuilt after a restart."""

    uid: str
    statuses: KubeStatusStore
    frozen: tuple[FrozenPlan, ...] | None = None
    weight: int = 0
    """Bytes of memory that its plans took when they were last read: if there is no room for them, they are
    not read again."""
    plan: PlanResult | None = None
    remembered: PendingStarts = field(default_factory=PendingStarts)
    old_orders: OldOrders = field(default_factory=OldOrders)
    profile: IngestProfile | None = None
    offered: set[str] = field(default_factory=set)
    """What the webhook has of it."""
    answer: Answer | None = None
    """The last answer of a queue about the first Job that waits."""

    @property
    def generation(self) -> int:
        """Of the batch's spec."""
        return int(self.statuses.batch["metadata"]["generation"])
