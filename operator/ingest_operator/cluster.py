"""What a reconcile needs from the place where runs are started: a Kubernetes cluster, or this machine.

Every method is idempotent: a reconcile that is repeated after a crash at any point asks for the same things
again.
"""

from typing import Protocol

from ingest_contract.order import Item
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run


class Cluster(Protocol):
    """A place that runs one process for each run of a recording."""

    async def observe(self, ledger: Ledger) -> Observation:
        """Every run that is live, or over and not yet forgotten, and what keeps runs from starting.

        `ledger` is what the last accepted status remembers: a cluster with a cache asks again for what should
        run.
        """

    async def start(self, start: Start, item: Item, *others: Item) -> Blocker | None:
        """Start a run of a recording, or of several in one Job. One that exists already, by index and number,
        is left as it is.

        A refused start does not raise: its blocker is returned, and observed from then on.
        """

    async def stop(self, index: int, number: int) -> None:
        """Ask a run to end; it stays among the observed runs until it has ended."""

    async def forget(self, run: Run, *, final: bool) -> None:
        """Clean up after a run that was observed and whose end is recorded.

        For a final recording, also remove what later runs would have used.
        """
