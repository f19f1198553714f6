"""Conditions: what they say of a batch at each point of its life, and when their clocks move."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from ingest_contract.batch import SuspendMode
from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.failures import Reason
from ingest_contract.status import MAX_WAITING_ROWS, IngestBatchStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.decide import Previous, decide
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Observation
from ingest_operator.core.timestamps import to_rfc3339
from testkit.objects.builders import NOW, a_planned_batch, a_run, folded, in_another_language, over, rendered

RUNNING = folded(Ledger(), a_run(0))
DONE = folded(Ledger(), over(a_run(0)), over(a_run(1), Reason.PRIVATE))
MIXED = folded(Ledger(), over(a_run(0)), over(a_run(1), Reason.NOT_FOUND))
HELD = folded(Ledger(), over(a_run(0), Reason.BOT_CHECK))
HELD_AND_DONE = replace(MIXED, breaker=HELD.breaker)


def holding(status: IngestBatchStatus) -> dict[str, str]:
    """The conditions that hold, with their reasons."""
    return {each.type.value: each.reason for each in status.conditions if each.status is ConditionStatus.TRUE}


def condition(status: IngestBatchStatus, kind: ConditionType) -> Condition:
    return next(each for each in status.conditions if each.type is kind)


@pytest.mark.parametrize(
    ("ledger", "spec", "word", "expected"),
    [
        pytest.param(Ledger(), {}, "Running", {}, id="nothing has started"),
        pytest.param(RUNNING, {}, "Running", {}, id="something runs"),
        pytest.param(DONE, {}, "Complete", {"Complete": "Succeeded"}, id="all is done, a skip among it"),
        pytest.param(
            MIXED, {}, "CompleteWithFailures", {"Complete": "WithFailures"}, id="all is done and one failed",
        ),
        pytest.param(
            MIXED, {"retry": {"max_failed_percent": 49}}, "Failed",
            {"Complete": "WithFailures", "Failed": "TooManyFailures", "Stalled": "TooManyFailures"},
            id="more failed than is allowed",
        ),
        pytest.param(HELD, {}, "Stalled", {"Stalled": "BotCheck"}, id="the site takes us for a robot"),
        pytest.param(
            HELD_AND_DONE, {}, "CompleteWithFailures", {"Complete": "WithFailures"},
            id="nothing is left to be held",
        ),
        pytest.param(RUNNING, {"suspend": True}, "Suspending", {}, id="suspended while something runs"),
        pytest.param(
            Ledger(), {"suspend": True}, "Suspended", {"Suspended": "BySpec"},
            id="suspended and nothing runs",
        ),
        pytest.param(Ledger(), {"dry_run": True}, "DryRun", {"Complete": "DryRun"}, id="a dry run"),
    ],
)  # fmt: skip
def test_what_holds_of_a_batch(
    ledger: Ledger, spec: dict[str, Any], word: str, expected: dict[str, str]
) -> None:
    status = rendered(a_planned_batch(2, **spec), ledger, None, NOW)
    assert (status.state, holding(status)) == (word, expected)


def test_a_night_that_brings_nothing_is_a_batch_that_is_complete_at_once() -> None:
    status = rendered(a_planned_batch(0), Ledger(), None, NOW)
    assert (status.state, holding(status), status.progress_percent) == (
        "Complete",
        {"Complete": "Succeeded"},
        100,
    )


def test_a_batch_is_reconciling_only_until_it_is_planned() -> None:
    status = rendered(replace(a_planned_batch(2), planned=None), Ledger(), None, NOW)
    assert (status.state, holding(status)) == ("Planning", {"Reconciling": "Planning"})


def test_a_batch_that_has_failed_and_is_held_up_by_something_else_says_what_that_is() -> None:
    seen = Observation(blockers=(Blocker("QuotaExceeded", "exceeded quota: gpus", inf),))
    assert holding(rendered(a_planned_batch(3, retry={"max_failed_percent": 10}), MIXED, seen=seen)) == {
        "Failed": "TooManyFailures",
        "Stalled": "QuotaExceeded",
    }


def test_a_dry_run_that_is_complete_is_held_up_by_nothing() -> None:
    seen = Observation(blockers=(Blocker("ProfileMissing", "there is none", inf),))
    assert holding(rendered(a_planned_batch(2, dry_run=True), Ledger(), seen=seen)) == {"Complete": "DryRun"}


def test_a_batch_that_cannot_be_planned_fails_and_says_why() -> None:
    failure = ("NotFound", "spec.sources[0]: HTTP 404")
    status = rendered(replace(a_planned_batch(2), planned=None, failure=failure), Ledger(), None, NOW)
    assert (status.state, holding(status)) == (
        "Failed",
        {"Failed": "PlanningFailed", "Stalled": "PlanningFailed"},
    )
    assert condition(status, ConditionType.FAILED).message == "NotFound: spec.sources[0]: HTTP 404"


def test_too_many_failures_are_reported_before_what_cannot_be_planned_because_nothing_more_starts() -> None:
    batch = a_planned_batch(3, retry={"max_failed_percent": 30})
    some = folded(Ledger(), over(a_run(0), Reason.NOT_FOUND))
    status = rendered(replace(batch, failure=("SourcesInvalid", "spec.sources[1]: no")), some, None, NOW)
    assert holding(status)["Failed"] == "TooManyFailures"
    assert condition(status, ConditionType.FAILED).message == "1 of 3 failed; retry.maxFailedPercent is 30"


def test_every_condition_is_always_there_and_answers_for_the_generation_that_was_seen() -> None:
    status = rendered(replace(a_planned_batch(2), generation=7), RUNNING, None, NOW)
    others = {
        *(ConditionType.NODES_AVOIDED, ConditionType.NOTIFIED, ConditionType.LANGUAGE_DOUBTED),
        *(ConditionType.READY, ConditionType.RETENTION_KEPT),
    }
    assert [each.type for each in status.conditions] == [each for each in ConditionType if each not in others]
    assert {each.observed_generation for each in status.conditions} == {status.observed_generation} == {7}


def test_recordings_in_another_language_are_reported_while_the_batch_runs_and_when_it_is_done() -> None:
    german, french = in_another_language(), in_another_language("fr")
    some = folded(Ledger(), over(a_run(0), ended=german), over(a_run(1)), a_run(2))
    running = rendered(a_planned_batch(3), some, None, NOW)
    told = condition(running, ConditionType.LANGUAGE_DOUBTED)
    assert (running.state, told.status, told.reason) == ("Running", ConditionStatus.TRUE, "SoundsOtherwise")
    assert told.message.startswith("1 of 2 stored recordings are surely in another language")
    done = rendered(a_planned_batch(3), folded(some, over(a_run(2), ended=french)), running, NOW + 60)
    assert (done.state, holding(done)["LanguageDoubted"]) == ("Complete", "SoundsOtherwise")
    assert "de 1, fr 1" in condition(done, ConditionType.LANGUAGE_DOUBTED).message
    assert condition(done, ConditionType.COMPLETE).message.endswith("; 2 in another language than ordered")
    assert {row.index: row.sounds_like for row in done.recordings} == {0: "de", 1: None, 2: "fr"}


def test_what_holds_a_batch_is_reported_with_the_moment_of_the_next_probe() -> None:
    message = condition(rendered(a_planned_batch(2), HELD, None, NOW), ConditionType.STALLED).message
    assert HELD.breaker is not None
    assert to_rfc3339(HELD.breaker.until) in message
    assert message.startswith("The site asks whether we are a robot.")


def test_a_conditions_clock_moves_only_when_its_status_does() -> None:
    first = rendered(a_planned_batch(2), RUNNING, None, NOW)
    second = rendered(a_planned_batch(2), DONE, first, NOW + 60)
    assert condition(second, ConditionType.COMPLETE).last_transition_time == to_rfc3339(NOW + 60)
    assert condition(second, ConditionType.FAILED).last_transition_time == to_rfc3339(NOW)


def test_a_new_message_is_reported_without_moving_the_clock() -> None:
    first = rendered(a_planned_batch(3), RUNNING, None, NOW)
    second = condition(rendered(a_planned_batch(3), DONE, first, NOW + 60), ConditionType.COMPLETE)
    assert (second.message, second.last_transition_time) == (
        "1 succeeded, 1 skipped, 0 failed of 3",
        to_rfc3339(NOW),
    )


def test_a_word_is_found_for_a_message_of_any_length() -> None:
    status = rendered(
        replace(a_planned_batch(1), planned=None, failure=("Unknown", "x" * 5000)), Ledger(), None, NOW
    )
    assert len(condition(status, ConditionType.FAILED).message) == 1024


def test_a_batch_whose_runs_have_all_ended_is_suspended_though_not_every_end_has_a_row() -> None:
    count = MAX_WAITING_ROWS + 20
    batch = a_planned_batch(200, parallelism=count, suspend=True, suspend_mode=SuspendMode.KILL)
    runs = [a_run(index) for index in range(count)]
    ended = [over(run, ended=Ended(143, None, on_request=True)) for run in runs]
    seen = Observation((*ended[1:], runs[0]))
    ending = decide(batch, Previous(None, folded(Ledger(), *runs)), seen, NOW + 60)
    assert (ending.status.state, ending.status.counts.running) == ("Suspending", 1)
    over_now = decide(batch, Previous.of(batch, ending.status), Observation(tuple(ended)), NOW + 90)
    counts = over_now.status.counts
    assert (over_now.status.state, counts.running, counts.waiting, counts.pending) == (
        "Suspended", 0, count, 200 - count,
    )  # fmt: skip
    assert len(over_now.ledger.waiting) == MAX_WAITING_ROWS, "the others are remembered by their runs"
