"""Statuses as the operator writes them: what a look at some runs gives, and what they say."""

from dataclasses import replace
from typing import Any

from ingest_contract.intervals import decode
from ingest_contract.recording_status import RecordingState
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.core.batch import PlannedItems
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation, Run
from testkit.objects.builders import NOW, a_planned_batch, folded, rendered


def a_status(
    *runs: Run,
    count: int = 10,
    ledger: Ledger | None = None,
    plan: PlanStatus | None = None,
    known: dict[str, Any] | None = None,
    blockers: tuple[Blocker, ...] = (),
    **spec: Any,
) -> IngestBatchStatus:
    """The status of a planned batch of `count` items after a look at these runs. `known` replaces what else
    is known of it."""
    batch = replace(a_planned_batch(count, **spec), **(known or {}))
    if plan is not None:
        batch = replace(batch, planned=PlannedItems(tuple(batch.items), plan))
    return rendered(
        batch, folded(ledger or Ledger(), *runs, **spec), None, NOW + 60, seen=Observation(blockers=blockers)
    )


def under_way(status: IngestBatchStatus) -> set[int]:
    """The recordings that run or wait, each of them named once."""
    states = (RecordingState.FETCHING, RecordingState.RUNNING, RecordingState.WAITING)
    rows = [row.index for row in status.recordings if row.state in states]
    fetched = status.fetch.fetched if status.fetch else ()
    texts = [*(group.indexes for group in status.running), *(group.indexes for group in fetched)]
    grouped = [index for text in texts for index in decode(text)]
    assert len({*rows, *grouped}) == len(rows) + len(grouped)
    return {*rows, *grouped}
