"""What the reconciles of one batch hand on to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from ingest_contract.progress import Progress
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.requeueing import RESYNC_SECONDS

RunKey = tuple[int, int]
"""(index, number)."""

UNREPEATED_SECONDS: Final = 2 * RESYNC_SECONDS
"""Seconds after which a refused call that was due has been repeated if it is still wanted: two reconciles."""

REFUSED_SECONDS: Final = 600.0
"""Seconds until an object is deleted again whose deletion was refused, by a policy or for want of a right."""

DOUBT_SECONDS: Final = 90.0
"""Seconds after a create call without response until the API server surely does not apply it: the client
gives up within 30, the server after 60 (kubernetes `apiserver/pkg/server/config.go`)."""

K = TypeVar("K")

JobAndPod = tuple[Object, Object | None]
"""A Job, and its newest pod if there is one."""


@dataclass(slots=True)
class PendingStarts:
    """What one reconcile of a batch hands on to the next.
    All of it but `doubtful` is rebuilt after a restart."""

    refusals: dict[int | None, Blocker] = field(default_factory=dict)
    """Why starts were refused, by the recording's index; None is for what concerns every start."""
    unstopped: dict[RunKey, Blocker] = field(default_factory=dict)
    """Why runs could not be stopped, and when that is worth another call."""
    kept: dict[RunKey, float] = field(default_factory=dict)
    """Jobs whose end is recorded, and when they may be deleted."""
    doubtful: dict[RunKey, float] = field(default_factory=dict)
    """Create calls whose response was lost, and until when the API server may still apply them. Their Jobs
    are kept until then, so a late create cannot make the same run twice."""
    progress: Mapping[RunKey, Progress] = field(default_factory=dict)
    """The progress that the workers reported last."""
    progress_due: float = 0.0
    """When they are polled again."""

    def blockers(self, now: float) -> tuple[Blocker, ...]:
        """What was refused and still counts. A refusal whose time has long been over was met by no other
        call: nothing waits for it any more."""
        _forget_unrepeated(self.refusals, now)
        _forget_unrepeated(self.unstopped, now)
        return (*self.refusals.values(), *self.unstopped.values())


def _forget_unrepeated(found: dict[K, Blocker], now: float) -> None:
    for key in [key for key, each in found.items() if each.until + UNREPEATED_SECONDS <= now]:
        del found[key]


class Poller(Protocol):
    """Reads live progress."""

    async def poll(self, targets: Mapping[RunKey, str]) -> Mapping[RunKey, Progress]:
        """The progress of each run whose address answers."""
