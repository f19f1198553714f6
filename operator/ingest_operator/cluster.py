"""What a reconcile asks of the place where processes run: a Kubernetes cluster, or this machine.

Every method is idempotent: a reconcile that is repeated after a crash at any point asks for the same things
again.
"""

from typing import Protocol

from ingest_contract.order import Item
from ingest_operator.core.actions import Start
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run


class Cluster(Protocol):
    """A place where one process per try of one item runs."""

    async def observe(self, ledger: Ledger) -> Observation:
        """Every run that is live, or over and not yet forgotten, and what keeps things from starting.

        `ledger` is what the last accepted status remembers: whoever caches asks again for what should run.
        """

    async def start(self, start: Start, item: Item) -> Hindrance | None:
        """Start a try. One that exists already, by index and number, is left as it is.

        A start that is refused does not raise: what is in its way is returned, and observed from then on.
        """

    async def stop(self, index: int, number: int) -> None:
        """Ask a try to end; it stays among what is observed until it has."""

    async def forget(self, run: Run, *, final: bool) -> None:
        """Clean up after a run that was observed and whose end is recorded.

        Of a final item that is also what later tries would have used.
        """
