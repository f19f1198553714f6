"""Groups of running recordings from which definitions of another version have dropped fields: their runs are
found again by their Jobs, keep their budgets and are not started twice."""

import json

import pytest

from ingest_contract.status import MAX_RUNNING_ROWS, IngestBatchStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation
from ingest_operator.kube.api.lenient import reading
from testkit.objects.builders import NOW, a_planned_batch, a_run, folded, rendered

COUNT = MAX_RUNNING_ROWS + 20
RUNS = tuple(
    a_run(index, 3, charged_attempts=1, rung=1, disruptions=2, started_at=NOW - COUNT + index)
    for index in range(COUNT)
)
"""More than there are rows for: those that started first are in a group."""


@pytest.mark.parametrize("field", ["run", "chargedAttempts", "rung", "disruptions", "indexes"])
def test_what_a_group_lacks_its_jobs_know_and_nothing_of_it_starts_again(field: str) -> None:
    batch = a_planned_batch(COUNT, parallelism=COUNT)
    before = folded(Ledger(), *RUNS, now=NOW)
    status = json.loads(rendered(batch, before).to_json())
    assert len(status["running"]) == 1
    del status["running"][0][field]
    found = reading(IngestBatchStatus, status)
    assert (found.value is not None, found.unknown) == (True, False)
    decision = decide(batch, Previous.of(batch, found.value), Observation(RUNS), NOW)
    assert decision.ledger.open_items == before.open_items
    assert not any(isinstance(action, Start) for action in decision.actions)
