"""Live progress of one worker: served on `/progress` or written to a file; losing it loses percentages and
nothing else."""

from typing import Annotated

from pydantic import Field

from ingest_contract.base import ContractModel, Count
from ingest_contract.stages import Stage


class Progress(ContractModel):
    """How far a worker is."""

    stage: Stage
    """The stage that is running; of two that overlap, the one that began later."""

    percent: Annotated[int, Field(ge=0, le=100)]
    """Progress of the whole recording, weighted by the usual length of the stages."""

    index: Count | None = None
    """Which recording of its plan this is."""

    seconds: Annotated[float, Field(ge=0)]
    """Since the process started."""
