"""What the user wants of a batch, and what is known of it beside its runs. Pure: frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.cost import GpuPrice
from ingest_contract.order import Item
from ingest_contract.status import PlanStatus, ProfileStatus
from ingest_operator.core.phases import Ahead, Packing
from ingest_operator.core.site_states import Sites


@dataclass(frozen=True, slots=True)
class PlannedItems:
    """The plans of a batch, taken together: at least one of them is made."""

    items: tuple[Item, ...]
    """Every planned recording, by index."""
    status: PlanStatus
    """What the user reads about the plans."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch."""

    spec: IngestBatchSpec
    generation: int
    """Of the spec."""
    trace_id: str
    planned: PlannedItems | None
    """None while there is no plan: then nothing of the batch runs or starts."""
    profile: ProfileStatus | None = None
    """The profile that it uses."""
    failure: tuple[str, str] | None = None
    """Why the sources that are not planned cannot be planned: (reason, message). Recordings that are planned
    go on. Not set while some of these sources are waited for, or planned by a run that lives or follows by
    itself."""
    ahead: Ahead | None = None
    """How far it fetches ahead of ingesting; None if one process does both."""
    packing: Packing | None = None
    """Which recordings share a Job; None if none do."""
    sites: Sites | None = None
    """What is known of the sites of its profile; None where nothing is fetched from any."""
    other_batches: frozenset[str] | None = None
    """The trace ids of the batches that exist; None where others are not known."""
    price: GpuPrice | None = None
    """What an hour of a GPU costs, if its profile says so."""
    setup_fixed: bool = False
    """Whether the user says that a broken setup is fixed: nothing waits because of it any more."""

    @property
    def items(self) -> Sequence[Item]:
        """The planned recordings; none while there is no plan."""
        return self.planned.items if self.planned else ()
