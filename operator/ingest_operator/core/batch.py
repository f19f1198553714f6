"""What is wanted of a batch, and what is known of it beside its runs. Pure: frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.order import Item
from ingest_contract.status import PlanStatus, ProfileStatus


@dataclass(frozen=True, slots=True)
class PlannedItems:
    """What the plans of a batch came to together: at least one of them is made."""

    items: tuple[Item, ...]
    """Every planned item, by index."""
    status: PlanStatus
    """What people read about the plans."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch."""

    spec: IngestBatchSpec
    generation: int
    """Of the spec."""
    trace_id: str
    planned: PlannedItems | None
    """None while there is no plan: then nothing of it runs or starts."""
    profile: ProfileStatus | None = None
    """Which profile it goes by."""
    trouble: tuple[str, str] | None = None
    """Why sources that are not planned cannot be: (reason, message). What is planned goes on."""
    setup_mended: bool = False
    """Whether somebody says that a broken setup is mended: nothing waits because of it any more."""

    @property
    def items(self) -> Sequence[Item]:
        """The planned items; none while there is no plan."""
        return self.planned.items if self.planned else ()
