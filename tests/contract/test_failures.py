"""The failure table is complete, unambiguous, and speaks to people."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.failures import (
    BREAKERS,
    CHARGED,
    FAILURES,
    OK_EXIT,
    RETRIED_ONCE,
    Failure,
    Kind,
    Reason,
    Verdict,
    reason_of_exit,
)
from ingest_contract.profile import IngestProfileSpec
from ingest_contract.schema import structural
from ingest_contract.stalls import RECORDING_STATES, STALLS, STATES, cause_and_step

ROWS = [pytest.param(reason, row, id=reason) for reason, row in FAILURES.items()]
SIGTERM_EXIT = 143
SHELL_OWN = 125
"""From here on exit codes belong to shells and container runtimes."""


def test_every_reason_has_a_row_and_every_row_a_reason() -> None:
    assert list(FAILURES) == list(Reason)


def test_no_two_reasons_share_an_exit_code() -> None:
    codes = [row.exit_code for row in FAILURES.values() if row.exit_code is not None]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(("reason", "row"), ROWS)
def test_exit_codes_are_the_workers_own(reason: Reason, row: Failure) -> None:
    assert (
        row.exit_code is None
        or OK_EXIT < row.exit_code < SHELL_OWN
        or (reason, row.exit_code) == (Reason.INTERRUPTED, SIGTERM_EXIT)
    )


@pytest.mark.parametrize(("reason", "row"), ROWS)
def test_an_exit_code_leads_back_to_its_reason(reason: Reason, row: Failure) -> None:
    if row.exit_code is not None:
        assert reason_of_exit(row.exit_code) is reason


@pytest.mark.parametrize("code", [2, 19, 99, 126, 127, 137, 139, 255, -9])
def test_a_code_that_is_not_in_the_table_has_no_name_yet(code: int) -> None:
    assert reason_of_exit(code) is Reason.UNKNOWN


@pytest.mark.parametrize(("reason", "row"), ROWS)
def test_a_reason_is_one_word_and_its_sentence_is_a_sentence(reason: Reason, row: Failure) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]{2,63}", reason)
    assert re.match(r"[A-Z`]", row.sentence)
    assert row.sentence.endswith(".")
    assert 20 < len(row.sentence) < 160


@pytest.mark.parametrize(
    "reason", [reason for reason, row in FAILURES.items() if row.verdict is Verdict.STOP_BATCH], ids=str
)
def test_what_stops_a_batch_says_what_a_person_can_do(reason: Reason) -> None:
    assert re.search(
        r"\b(Renew|Run|Look|Raise|Use|Check|Name|Give|differ|names it)\b", FAILURES[reason].sentence
    )


@pytest.mark.parametrize(("reason", "row"), ROWS)
def test_what_a_sentence_points_to_exists(reason: Reason, row: Failure) -> None:
    known = {
        path
        for model in (IngestProfileSpec, IngestBatchSpec)
        for path in paths(structural(model.model_json_schema()))
    }
    for named in re.findall(r"`([^`]+)`", f"{row.sentence} {row.next_step}"):
        assert named in known or named.startswith("ingestctl "), reason


NEXT_STEPS = (
    {each.value: row.next_step for each, row in FAILURES.items()} | STALLS | STATES | RECORDING_STATES
)


@pytest.mark.parametrize("reason", NEXT_STEPS)
def test_the_next_step_of_every_reason_is_one_sentence_that_names_the_cause_first(reason: str) -> None:
    sentence = NEXT_STEPS[reason]
    cause, step = cause_and_step(sentence)
    assert min(len(cause), len(step)) > 10
    assert re.match(r"[A-Z]", cause)
    assert re.match(r"[a-z`]", step)
    assert re.fullmatch(r"[^.]+(?:(?<=[a-zA-Z])\.(?=[a-zA-Z])[^.]+)*\.", sentence), "one sentence"
    assert len(sentence) < 200
    assert sentence.count(": ") == 1


def paths(schema: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield above + name
        yield from paths(field, f"{above}{name}.")


def test_every_verdict_has_a_reason() -> None:
    assert {row.verdict for row in FAILURES.values()} == set(Verdict)
    assert {row.kind for row in FAILURES.values()} == set(Kind)


def test_what_is_retried_once_is_charged_and_what_opens_the_breaker_is_not() -> None:
    assert all(FAILURES[reason].verdict in CHARGED for reason in RETRIED_ONCE)
    assert all(FAILURES[reason].verdict is Verdict.RETRY_LATER for reason in BREAKERS)


def test_a_bad_recording_never_costs_more_than_itself() -> None:
    allowed = {Verdict.SKIP, Verdict.GIVE_UP, Verdict.RETRY}
    assert {row.verdict for row in FAILURES.values() if row.kind is Kind.INPUT} <= allowed
