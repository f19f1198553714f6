"""Statuses as the operator writes them: what a look at some runs gives, and what they say."""

from dataclasses import replace
from typing import Any

from ingest_contract.intervals import decode
from ingest_contract.status import IngestBatchStatus, ItemState
from ingest_operator.ledger import Ledger
from ingest_operator.observe import Run
from ingest_operator.status import render
from tests.support.builders import NOW, a_view, folded


def a_status(
    *runs: Run, count: int = 10, ledger: Ledger | None = None, view: dict[str, Any] | None = None, **spec: Any
) -> IngestBatchStatus:
    """The status of a planned batch of `count` items after a look at these runs. `view` replaces what else was known."""
    known = replace(a_view(count, **spec), **(view or {}))
    return render(known, folded(ledger or Ledger(), *runs, **spec), None, NOW + 60)


def under_way(status: IngestBatchStatus) -> set[int]:
    """The recordings that run or wait, each of them named once."""
    rows = [row.index for row in status.videos if row.state in (ItemState.RUNNING, ItemState.WAITING)]
    grouped = [index for group in status.running for index in decode(group.indexes)]
    assert len({*rows, *grouped}) == len(rows) + len(grouped)
    return {*rows, *grouped}
