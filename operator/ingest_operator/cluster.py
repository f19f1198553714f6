"""What a reconcile asks of the place where processes run: a Kubernetes cluster, or this machine.

Every method is idempotent: a reconcile that is repeated after a crash at any point asks for the same things again.
"""

from typing import Protocol

from ingest_contract.order import Item
from ingest_operator.actions import Start
from ingest_operator.hindrance import Hindrance
from ingest_operator.observe import Run


class Cluster(Protocol):
    """A place where one process per try of one item runs."""

    async def runs(self) -> tuple[Run, ...]:
        """Every run that is live, or over and not yet forgotten."""

    def hindrances(self) -> tuple[Hindrance, ...]:
        """What keeps things from starting now. A start that is refused shows here; it does not raise."""

    async def start(self, start: Start, item: Item) -> None:
        """Start a try. One that exists already, by index and number, is left as it is."""

    async def stop(self, index: int, number: int) -> None:
        """Ask a try to end; it stays among `runs` until it has."""

    async def forget(self, run: Run, *, final: bool) -> None:
        """Clean up after a run whose end is recorded; of a final item, what later tries would have used as well."""
