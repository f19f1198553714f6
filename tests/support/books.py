"""Books that a test keeps beside an operator, of what it saw: what the status counts must be what these count."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.intervals import decode
from ingest_contract.status import IngestBatchStatus
from ingest_operator.actions import Start
from ingest_operator.fold import is_recorded
from ingest_operator.ledger import restore
from ingest_operator.observe import Run, outcome_of
from tests.support.simulation import Key

CHARGED = {Verdict.RETRY, Verdict.RETRY_ELSEWHERE}


@dataclass
class Books:
    """What an operator was shown of a batch whose status it could write."""

    ends: dict[Key, Reason | None] = field(default_factory=dict)
    """How each run ended when its end was recorded. What is said of it later is late."""
    charged: Counter[int] = field(default_factory=Counter)
    """Ends that cost their item an attempt, since its last pass began."""

    def write_down(self, shown: Iterable[Run], before: IngestBatchStatus, after: IngestBatchStatus) -> None:
        """After a look whose status was accepted."""
        if after.retry_failed != before.retry_failed:
            for index in decode(before.items.failed):
                self.charged[index] = 0
        ledger = restore(after)
        for run in shown:
            if run.ended is not None and (run.index, run.number) not in self.ends and is_recorded(ledger, run):
                reason = self.ends[run.index, run.number] = outcome_of(run.ended).reason
                self.charged[run.index] += reason is not None and FAILURES[reason].verdict in CHARGED

    def succeeded(self) -> set[int]:
        """Items of which a run was seen to succeed."""
        return {index for (index, _), reason in self.ends.items() if reason is None}

    def check(self, start: Start) -> None:
        """A start tells its worker the truth about those before it."""
        assert start.attempts == self.charged[start.index]
        assert start.number > self.charged[start.index] + start.disruptions
