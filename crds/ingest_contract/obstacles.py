"""Temporary obstacles of a batch: the reason that opened its breaker, and nodes on which runs failed."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, Count, ShortText, Timestamp
from ingest_contract.failures import FAILURES, Reason, Verdict

MAX_NODES: Final = 32
"""Suspect nodes that a batch remembers at once."""


class NodeStatus(ContractModel):
    """A node on which runs ended for the node's own reasons, and none has succeeded since."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """The node."""

    reason: Reason
    """How the last of these runs ended."""

    runs: Count
    """How many runs ended in this way."""

    index: Count
    """The recording whose run failed there first."""

    others: bool = False
    """Whether another recording failed there too:
    then the node is certainly at fault, and no recording is charged."""

    avoided: bool = False
    """Whether this batch avoids the node now."""

    times: Count = 0
    """How often in a row it was avoided: each time for twice as long."""

    until: Timestamp
    """Until when the node is avoided; if it is not, until when this entry is remembered."""


class Breaker(ContractModel):
    """Why nothing new starts, and until when. After that, one recording probes;
    its success closes the breaker."""

    reason: Reason
    """The reason that opened it."""

    until: Timestamp
    """When a probe may start."""

    opened: Annotated[int, Field(ge=1, le=1000)]
    """How often it opened in a row: the wait doubles each time."""

    message: ShortText = ""
    """The message of the last failure."""


def is_undecided(reason: Reason, held: Reason | None) -> bool:
    """Whether a node failed by a reason of the setup while such a reason holds its whole batch: whose fault
    it is, the node's or the setup's, is known once a run gets through elsewhere."""
    return held is not None and {FAILURES[each].verdict for each in (reason, held)} == {Verdict.STOP_BATCH}
