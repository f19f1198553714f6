"""What a run came to: the exact answers for what is known to happen,
and some answer for every combination of facts."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import FAILURES, Reason
from ingest_operator.core.outcome import Ended, outcome_of
from testkit.objects.builders import a_failure, a_receipt, ended_by

SUCCESS = a_receipt().to_json()
GONE = a_failure(Reason.REMOVED, message="HTTP 410").to_json()
SILENT = '{"result": "Failed", "seconds": 1}'
TEXTS = (
    None,
    "",
    "Traceback (most recent call last): ...",
    SUCCESS[:100],
    '{"result": "Succeeded", "news": 1}',
    SUCCESS,
    GONE,
    SILENT,
)
FLAG = (False, True)
SEEN = (None, Reason.HOST_OUT_OF_MEMORY, Reason.DEADLINE_EXCEEDED, Reason.EVICTED)
CODES = (None, 0, 1, 20, 42, 137, 139, 143, 255, -9)


def test_every_combination_of_facts_has_an_answer_with_a_sentence() -> None:
    for code, text, seen, asked, gone in product(CODES, TEXTS, SEEN, FLAG, FLAG):
        outcome = outcome_of(Ended(code, text, seen, on_request=asked, receipt_gone=gone))
        assert outcome.succeeded == (text == SUCCESS or (gone and code == 0))
        assert outcome.succeeded or (outcome.reason in FAILURES and outcome.message)


@given(
    code=st.none() | st.integers(-300, 300),
    text=st.none() | st.text(),
    seen=st.sampled_from([None, *Reason]),
    asked=st.booleans(),
)
def test_no_log_text_and_no_exit_code_is_too_strange(
    code: int | None, text: str | None, seen: Reason | None, *, asked: bool
) -> None:
    outcome = outcome_of(Ended(code, text, seen, on_request=asked))
    assert outcome.reason is not None
    assert outcome.receipt is None


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if FAILURES[reason].exit_code is not None], ids=str
)
@pytest.mark.parametrize("with_receipt", [True, False], ids=["with a receipt", "without a receipt"])
def test_a_worker_that_tells_why_is_understood(reason: Reason, *, with_receipt: bool) -> None:
    ended = ended_by(reason) if with_receipt else Ended(FAILURES[reason].exit_code, None)
    assert outcome_of(ended).reason is reason


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if FAILURES[reason].exit_code is None], ids=str
)
def test_what_no_worker_can_tell_is_seen_from_outside(reason: Reason) -> None:
    assert outcome_of(ended_by(reason)).reason is reason


@pytest.mark.parametrize(
    "ended",
    [*(Ended(137, SUCCESS, seen) for seen in SEEN), Ended(143, SUCCESS, on_request=True)],
    ids=["killed", "out of memory", "past its deadline", "evicted", "on request"],
)
def test_a_committed_result_is_believed_whatever_happened_to_the_process_later(ended: Ended) -> None:
    assert outcome_of(ended).succeeded


def test_a_kill_for_memory_explains_a_receipt_and_not_the_other_way_round() -> None:
    assert (
        outcome_of(Ended(1, a_failure(Reason.UNDECODABLE).to_json(), Reason.HOST_OUT_OF_MEMORY)).reason
        is Reason.HOST_OUT_OF_MEMORY
    )


def test_what_the_runtime_says_about_it_is_kept() -> None:
    assert outcome_of(
        Ended(None, None, Reason.EVICTED, "The node was low on resource: memory.")
    ).message.startswith("The node was low")


def test_a_success_whose_receipt_went_with_its_pod_is_a_success_without_figures() -> None:
    outcome = outcome_of(Ended(0, None, receipt_gone=True))
    assert (outcome.succeeded, outcome.receipt) == (True, None)


def test_a_worker_that_we_stopped_cannot_condemn_its_recording() -> None:
    told = a_failure(Reason.UNDECODABLE, message="the decoder died").to_json()
    assert outcome_of(Ended(32, told, on_request=True)).reason is Reason.INTERRUPTED


def test_a_good_exit_code_without_a_receipt_is_not_believed() -> None:
    assert outcome_of(Ended(0, None)).reason is Reason.RECEIPT_MISSING


def test_a_failure_that_gives_no_reason_is_reported_by_its_exit_code() -> None:
    assert outcome_of(Ended(22, SILENT)).reason is Reason.REMOVED


def test_a_receipts_own_words_are_kept_and_its_figures_too() -> None:
    outcome = outcome_of(Ended(22, GONE))
    assert outcome.message == "HTTP 410"
    assert outcome.receipt is not None


def test_an_exit_code_that_nobody_knows_is_named_so_that_it_can_be_looked_up() -> None:
    outcome = outcome_of(Ended(139, "Segmentation fault"))
    assert outcome.reason is Reason.UNKNOWN
    assert outcome.message.startswith("Exit code 139. ")
