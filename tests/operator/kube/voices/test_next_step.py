"""What follows from the runs of a voice's Jobs: which is next, how long it waits, when no other can help."""

from dataclasses import replace

import pytest

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.kube.voices.attempts import Attempts, VoiceAttempt, VoiceRequest
from ingest_operator.kube.voices.next_step import (
    KEPT_RUNS,
    LONGEST_WAIT_SECONDS,
    MAX_CHARGED_RUNS,
    Done,
    GivenUp,
    MakeJob,
    Step,
    WaitOn,
    next_step,
)
from testkit.objects.builders import NOW, a_failure, a_receipt, a_run, ended_by

REQUEST = VoiceRequest("0" * 16, "1" * 16)
OTHER_POD = replace(REQUEST, job="2" * 16)
OTHER_VOICE = replace(REQUEST, order="3" * 16)
CHARGED = (Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.RETRY_SMALLER)
PASSING = [reason for reason, row in FAILURES.items() if row.verdict in CHARGED]
FINAL = [reason for reason, row in FAILURES.items() if row.verdict in (Verdict.GIVE_UP, Verdict.SKIP)]
FOR_EVER = [reason for reason in Reason if reason not in (*PASSING, *FINAL)]
STUCK = Blocker("ImageUnavailable", "no such image", NOW)


def a_try(
    number: int, reason: Reason | None = Reason.UNKNOWN, *, asked: VoiceRequest = REQUEST
) -> VoiceAttempt:
    ended = ended_by(reason, receipt=a_receipt() if reason is None else None)
    run = replace(a_run(0, number), ended=ended, ended_at=NOW)
    return VoiceAttempt({"metadata": {"name": f"ada-{number}"}}, run, asked)


def live(number: int = 1, blocker: Blocker | None = None) -> VoiceAttempt:
    return VoiceAttempt({"metadata": {"name": f"ada-{number}"}}, a_run(0, number), REQUEST, blocker)


def step(*tries: VoiceAttempt, asked: VoiceRequest = REQUEST, after: float = 0.0) -> Step:
    return next_step(Attempts(tries, len(tries) + 1), asked, NOW + after)


def test_what_nobody_has_heard_gets_a_job() -> None:
    assert step() == MakeJob(1, 0, ())


@pytest.mark.parametrize("asked", [REQUEST, OTHER_POD, OTHER_VOICE])
def test_a_job_that_runs_is_left_alone_whatever_is_wanted_by_now(asked: VoiceRequest) -> None:
    assert step(live(), asked=asked) == WaitOn()


def test_a_job_that_cannot_begin_makes_room_for_another_only_when_something_is_changed() -> None:
    assert step(live(blocker=STUCK)) == WaitOn(blocker=STUCK)
    assert step(live(blocker=STUCK), asked=OTHER_POD) == MakeJob(2, 0, ({"metadata": {"name": "ada-1"}},))


def test_a_success_counts_for_the_same_voice_in_whatever_pod_and_not_for_another() -> None:
    success = a_try(1, None)
    assert isinstance(step(success), Done)
    assert isinstance(step(success, asked=OTHER_POD), Done)
    assert step(success, asked=OTHER_VOICE) == MakeJob(2, 0, ())


@pytest.mark.parametrize("reason", FINAL)
def test_what_another_run_cannot_change_waits_for_another_request(reason: Reason) -> None:
    assert isinstance(step(a_try(1, reason), after=1e9), GivenUp)
    assert isinstance(step(a_try(1, reason), asked=OTHER_POD), MakeJob)


@pytest.mark.parametrize("reason", PASSING)
def test_what_may_pass_is_tried_so_often_and_then_given_up(reason: Reason) -> None:
    tries = [a_try(number, reason) for number in range(1, MAX_CHARGED_RUNS + 1)]
    assert isinstance(step(*tries[:-1], after=1e9), MakeJob)
    assert isinstance(step(*tries, after=1e9), GivenUp)


@pytest.mark.parametrize("reason", FOR_EVER)
def test_what_somebody_must_fix_or_nobody_is_to_blame_for_is_tried_for_ever(reason: Reason) -> None:
    tries = [a_try(number, reason) for number in range(1, 40)]
    assert isinstance(step(*tries, after=LONGEST_WAIT_SECONDS), MakeJob)
    said = step(*tries, after=LONGEST_WAIT_SECONDS - 1)
    assert isinstance(said, WaitOn)
    assert said.blocker is not None
    assert (said.blocker.reason, said.until) == (reason.value, NOW + LONGEST_WAIT_SECONDS)


def test_a_run_that_did_not_fit_is_followed_at_once_by_a_smaller_one_to_the_last_rung() -> None:
    tries = [a_try(number, Reason.GPU_OUT_OF_MEMORY) for number in range(1, LAST_RUNG + 1)]
    rungs = [step(*tries[:count]) for count in range(1, LAST_RUNG + 1)]
    assert [each.rung for each in rungs if isinstance(each, MakeJob)] == list(range(1, LAST_RUNG + 1))


def test_a_source_that_says_how_long_to_wait_is_believed() -> None:
    last = a_try(1, Reason.RATE_LIMITED)
    receipt = a_failure(Reason.RATE_LIMITED, retry_after=900)
    run = replace(last.run, ended=ended_by(Reason.RATE_LIMITED, receipt=receipt))
    assert step(replace(last, run=run)) == WaitOn(
        NOW + 900, Blocker("RateLimited", replace(last, run=run).outcome.message, NOW + 900)
    )


def test_old_jobs_go_and_the_newest_stay_for_their_logs() -> None:
    made = step(*(a_try(number, Reason.DATABASE_UNAVAILABLE) for number in range(1, 6)), after=1e9)
    assert isinstance(made, MakeJob)
    assert [job["metadata"]["name"] for job in made.ending] == ["ada-1", "ada-2", "ada-3"]
    assert len(made.ending) == 5 - (KEPT_RUNS - 1)
