"""The breaker: what opens it, who probes, what closes it, and how the wait grows."""

import pytest

from ingest_contract.failures import BREAKERS, FAILURES, Kind, Reason, Verdict
from ingest_contract.status import MAX_WAITING_ROWS
from ingest_operator.core.actions import Start
from ingest_operator.core.breaker import (
    LONGEST_WAIT_SECONDS,
    MAX_FAILED_PROBES,
    PREVAILING_OUTCOMES,
    PROBE_AFTER_SECONDS,
)
from ingest_operator.core.decide import plan
from ingest_operator.core.ledger import WINDOW_OUTCOMES, Ledger
from ingest_operator.core.outcome import Run
from testkit.objects.builders import NOW, a_failure, a_planned_batch, a_run, ended_by, folded, over

OPENING = sorted(BREAKERS | {reason for reason, row in FAILURES.items() if row.verdict is Verdict.STOP_BATCH})
END = NOW + 60
PREVAILING = [
    reason
    for reason, row in FAILURES.items()
    if row.kind is not Kind.INPUT
    and row.verdict in (Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.RETRY_SMALLER)
]


def opened(reason: Reason = Reason.BOT_CHECK) -> Ledger:
    return folded(Ledger(), over(a_run(0), reason))


def the_probe(ledger: Ledger, index: int = 1, number: int = 1) -> Run:
    """A live run that began when the breaker allowed one."""
    assert ledger.breaker is not None
    return a_run(index, number, started_at=ledger.breaker.until)


def fail_in_a_row(reason: Reason, times: int) -> Ledger:
    ledger = Ledger()
    for index in range(times):
        ledger = folded(ledger, over(a_run(index), reason, at=NOW + index))
    return ledger


@pytest.mark.parametrize("reason", OPENING, ids=str)
def test_a_reason_of_the_whole_batch_stops_new_starts_for_a_minute(reason: Reason) -> None:
    ledger = opened(reason)
    assert ledger.breaker is not None
    assert (ledger.breaker.reason, ledger.breaker.until, ledger.breaker.opened) == (
        reason,
        END + PROBE_AFTER_SECONDS,
        1,
    )
    assert (
        plan(a_planned_batch(200, parallelism=10), ledger, ledger.running, END + PROBE_AFTER_SECONDS - 1)
        == ()
    )


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in OPENING], ids=str)
def test_one_failure_of_any_other_kind_stops_nobody(reason: Reason) -> None:
    assert opened(reason).breaker is None


@pytest.mark.parametrize("reason", PREVAILING, ids=str)
def test_a_reason_that_prevails_opens_the_breaker_instead_of_burning_the_night(reason: Reason) -> None:
    assert fail_in_a_row(reason, PREVAILING_OUTCOMES - 1).breaker is None
    held = fail_in_a_row(reason, PREVAILING_OUTCOMES).breaker
    assert held is not None
    assert held.reason is reason


@pytest.mark.parametrize(
    "reason", [reason for reason, row in FAILURES.items() if row.kind is Kind.INPUT], ids=str
)
def test_any_number_of_bad_recordings_opens_nothing(reason: Reason) -> None:
    assert fail_in_a_row(reason, 2 * WINDOW_OUTCOMES).breaker is None


def test_the_window_looks_back_on_the_last_ten_outcomes_and_successes_are_among_them() -> None:
    ledger = fail_in_a_row(Reason.DOWNLOAD_FAILED, PREVAILING_OUTCOMES - 1)
    for index in range(100, 104):
        ledger = folded(ledger, over(a_run(index)))
    assert len(ledger.recent) == WINDOW_OUTCOMES
    assert folded(ledger, over(a_run(110), Reason.DOWNLOAD_FAILED)).breaker is None


def test_when_its_time_has_come_exactly_one_recording_probes() -> None:
    ledger = opened()
    assert ledger.breaker is not None
    due = ledger.breaker.until
    assert plan(a_planned_batch(200, parallelism=10), ledger, ledger.running, due) == (Start(0, 2, 0, 0, 0),)
    probing = folded(ledger, the_probe(ledger), now=due)
    assert plan(a_planned_batch(200, parallelism=10), probing, probing.running, due + 1000) == ()


def test_the_end_of_a_probe_is_always_heard_also_when_no_row_is_free_for_any_other() -> None:
    under_way = a_run(100, started_at=NOW + 1)
    ended = (over(a_run(index), Reason.BOT_CHECK) for index in range(MAX_WAITING_ROWS))
    full = folded(Ledger(), *ended, under_way)
    assert full.breaker is not None
    other, probe = (
        over(under_way, Reason.BOT_CHECK),
        over(the_probe(full, 101), Reason.BOT_CHECK),
    )
    held = folded(full, other, probe, now=END + 1000)
    assert held.breaker is not None
    assert (100 in held.running, 101 in held.waiting, held.breaker.opened) == (
        True,
        True,
        full.breaker.opened + 1,
    )


def test_a_probe_that_succeeds_closes_the_breaker() -> None:
    ledger = opened()
    assert folded(ledger, over(the_probe(ledger)), now=END + 500).breaker is None


def test_a_probe_that_fails_for_a_reason_of_its_own_closes_the_breaker_too() -> None:
    ledger = opened()
    assert folded(ledger, over(the_probe(ledger), Reason.UNDECODABLE), now=END + 500).breaker is None


def test_a_probe_that_was_interrupted_proves_nothing() -> None:
    ledger = opened()
    assert (
        folded(ledger, over(the_probe(ledger), Reason.INTERRUPTED), now=END + 500).breaker == ledger.breaker
    )


def test_each_failed_probe_doubles_the_wait_up_to_an_hour() -> None:
    ledger, waits = opened(), []
    for number in range(9):
        probe = the_probe(ledger, 10 + number)
        ledger = folded(ledger, over(probe, Reason.BOT_CHECK), now=probe.started_at + 60)
        assert ledger.breaker is not None
        waits.append(ledger.breaker.until - (probe.started_at + 60))
    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]


def test_runs_that_were_under_way_do_not_double_the_wait() -> None:
    ledger = folded(
        opened(), over(a_run(1), Reason.BOT_CHECK, at=END + 10), over(a_run(2), Reason.BOT_CHECK, at=END + 20)
    )
    assert ledger.breaker is not None
    assert (ledger.breaker.opened, ledger.breaker.until) == (1, END + 20 + PROBE_AFTER_SECONDS)


def test_a_success_that_was_under_way_does_not_close_the_breaker() -> None:
    assert folded(opened(), over(a_run(1))).breaker is not None


def test_a_straggler_never_shortens_the_wait() -> None:
    told = ended_by(Reason.RATE_LIMITED, receipt=a_failure(Reason.RATE_LIMITED, retry_after=1800))
    ledger = folded(Ledger(), over(a_run(0), ended=told))
    later = folded(ledger, over(a_run(1), Reason.RATE_LIMITED, at=END + 5))
    assert later.breaker is not None
    assert later.breaker.until == END + 1800


def test_a_source_that_asks_for_a_day_is_probed_after_an_hour() -> None:
    told = ended_by(Reason.RATE_LIMITED, receipt=a_failure(Reason.RATE_LIMITED, retry_after=86_400))
    ledger = folded(Ledger(), over(a_run(0), ended=told))
    assert ledger.breaker is not None
    assert ledger.breaker.until == END + LONGEST_WAIT_SECONDS


def test_months_of_failed_probes_still_make_a_status_that_is_valid() -> None:
    ledger = opened()
    for number in range(MAX_FAILED_PROBES + 30):
        probe = the_probe(ledger, 0, number + 2)
        ledger = folded(ledger, over(probe, Reason.BOT_CHECK), now=probe.started_at + 60)
    assert ledger.breaker is not None
    assert ledger.breaker.opened == MAX_FAILED_PROBES


def test_another_pass_closes_the_breaker_because_a_person_says_that_it_is_fixed() -> None:
    assert folded(opened(), retry_failed="mended").breaker is None


@pytest.mark.parametrize("behind", [0.0, 3.0, 600.0])
@pytest.mark.parametrize("reason", [None, Reason.BOT_CHECK], ids=str)
def test_a_probe_is_one_whatever_the_clock_of_its_cluster_says(reason: Reason | None, behind: float) -> None:
    ledger = opened()
    assert ledger.breaker is not None
    due, batch = ledger.breaker.until, a_planned_batch(200, parallelism=10)
    [start] = plan(batch, ledger, ledger.running, due)
    assert isinstance(start, Start)
    probe = a_run(start.index, start.number, started_at=due + 1 - behind)
    seen = folded(ledger, probe, now=due + 1)
    assert plan(batch, seen, seen.running, due + 1) == ()
    for before in (seen, ledger):  # or it was over before anybody saw it
        ended = folded(before, over(probe, reason, at=due + 2 - behind), now=due + 20)
        assert (ended.breaker is None) is (reason is None)
        assert ended.breaker is None or (ended.breaker.opened, ended.breaker.until) == (2, due + 20 + 120)


def test_a_run_that_began_before_the_breaker_opened_is_no_probe_however_late_it_ends() -> None:
    ledger = folded(Ledger(), over(a_run(0), Reason.BOT_CHECK), a_run(1))
    assert ledger.breaker is not None
    late = ledger.breaker.until + 600
    assert folded(ledger, over(a_run(1), at=late), now=late).breaker == ledger.breaker
