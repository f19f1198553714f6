"""Statuses as the operator writes them: what a look at some runs gives."""

from dataclasses import replace
from typing import Any

from ingest_contract.status import IngestBatchStatus
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
