"""What the reconciles of one batch hand on to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ingest_contract.progress import Progress
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.resources import Object

RunKey = tuple[int, int]
"""(index, number)."""

JobAndPod = tuple[Object, Object | None]
"""A Job, and its newest pod if there is one."""


@dataclass(slots=True)
class PendingStarts:
    """What one reconcile of a batch hands on to the next.
    All of it but `doubtful` is rebuilt after a restart."""

    refusals: dict[int | None, Blocker] = field(default_factory=dict)
    """Why starts were refused, by the recording's index; None is for what concerns every start."""
    kept: dict[RunKey, float] = field(default_factory=dict)
    """Jobs whose end is recorded, and when they may be deleted."""
    doubtful: dict[RunKey, float] = field(default_factory=dict)
    """Create calls whose response was lost, and until when the API server may still apply them. Their Jobs
    are kept until then, so a late create cannot make the same run twice."""
    progress: Mapping[RunKey, Progress] = field(default_factory=dict)
    """The progress that the workers reported last."""
    progress_due: float = 0.0
    """When they are polled again."""


class Poller(Protocol):
    """Reads live progress."""

    async def poll(self, targets: Mapping[RunKey, str]) -> Mapping[RunKey, Progress]:
        """The progress of each run whose address answers."""
