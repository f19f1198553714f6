"""Books that a test keeps beside an operator, of what it saw:
what the status counts must be what these count."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.intervals import decode
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.actions import Start
from ingest_operator.core.fold import is_recorded
from ingest_operator.core.ledger import restore
from ingest_operator.core.outcome import Run, outcome_of
from ingest_operator.core.phases import Phase
from tests.support.simulation import Key

CHARGED = {Verdict.RETRY, Verdict.RETRY_ELSEWHERE}


@dataclass
class Books:
    """What an operator was shown of a batch whose status it could write."""

    ends: dict[Key, Reason | None] = field(default_factory=dict)
    """How each run ended when its end was recorded. What is said of it later is late."""
    charged: Counter[int] = field(default_factory=Counter)
    """Ends that cost their item an attempt, since its last pass began."""
    forgivable: Counter[int] = field(default_factory=Counter)
    """Ends beside them that may have been charged to a machine instead,
    because others fared no better there."""
    fetches: set[Key] = field(default_factory=set)
    """Runs that fetched: their success makes nobody final."""
    held_against: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Items whose runs spoke against a node."""

    def write_down(self, shown: Iterable[Run], before: IngestBatchStatus, after: IngestBatchStatus) -> None:
        """After a look whose status was accepted."""
        if after.retry_failed != before.retry_failed:
            failed = decode(before.final_recordings.failed)
            for index in failed - decode(after.final_recordings.failed):
                self.charged[index] = self.forgivable[index] = 0
        ledger = restore(after)
        fresh = [
            run
            for run in shown
            if run.ended is not None and (run.index, run.number) not in self.ends and is_recorded(ledger, run)
        ]
        for run in fresh:
            reason = outcome_of(run.ended).reason if run.ended else None
            self.ends[run.index, run.number] = reason
            if run.phase is Phase.FETCH:
                self.fetches.add((run.index, run.number))
            if run.node is not None and reason is not None and FAILURES[reason].against_node:
                self.held_against[run.node].add(run.index)
        for run in {(run.index, run.number): run for run in fresh}.values():
            reason = self.ends[run.index, run.number]
            if reason is not None and FAILURES[reason].verdict in CHARGED:
                machine = FAILURES[reason].verdict is Verdict.RETRY_ELSEWHERE and self.held_against.get(
                    run.node or "", set()
                ) - {run.index}
                (self.forgivable if machine else self.charged)[run.index] += 1

    def succeeded(self) -> set[int]:
        """Items of which a run was seen to succeed."""
        return {key[0] for key, reason in self.ends.items() if reason is None and key not in self.fetches}

    def check(self, start: Start) -> None:
        """A start tells its worker the truth about those before it."""
        charged = self.charged[start.index]
        assert charged <= start.charged_attempts <= charged + self.forgivable[start.index]
        assert start.number > start.charged_attempts + start.disruptions
