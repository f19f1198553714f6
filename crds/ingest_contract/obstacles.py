"""What a batch has met that stands in its way for a while: what opened its breaker, and nodes that cost
runs."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, Count, ShortText, Timestamp
from ingest_contract.failures import Reason

MAX_NODES: Final = 32
"""Nodes that a batch remembers as suspect at once."""


class NodeStatus(ContractModel):
    """A node on which runs ended for the node's own reasons, and none has gone well since."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """The node."""

    reason: Reason
    """How the last of these runs ended."""

    runs: Count
    """How many ended so."""

    index: Count
    """The recording that met it first."""

    others: bool = False
    """Whether another recording fared no better there: then it is the node's fault for certain, and charged
    to nobody."""

    avoided: bool = False
    """Whether nothing of this batch is sent there now."""

    times: Count = 0
    """How often in a row it was avoided: each time for twice as long."""

    until: Timestamp
    """Until when it is avoided; of one that is not, until when this is remembered."""


class Breaker(ContractModel):
    """Why nothing new starts, and until when. After that one recording probes; its success closes the
    breaker."""

    reason: Reason
    """What opened it."""

    until: Timestamp
    """When a probe may start."""

    opened: Annotated[int, Field(ge=1, le=1000)]
    """How often it opened in a row: the wait doubles with each."""

    message: ShortText = ""
    """What the last failure said."""
