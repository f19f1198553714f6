"""What `ingestctl why` answers: for every row of the failure table, every reason that holds a batch up and
every state, the sentence of the tables that names the cause and the next step."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from ingest_contract.batch import IngestBatch
from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.figures import LanguageCount, Sums
from ingest_contract.order import Item
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.stalls import STALLS, STATES, cause_and_step
from ingest_contract.status import Counts, IngestBatchStatus, ReasonCount, RecordingIntervals
from ingestctl.backends.port import Found, MissingError
from ingestctl.causes import STRANGE, next_step_of, of_batch, of_recording
from ingestctl.options import Output
from ingestctl.run import Screen, show
from ingestctl.screen import PlainWatcher
from ingestctl.watching import is_over, on_screen
from ingestctl.why import Answer, chosen, document, show_why

AT = "2026-01-02T03:04:05Z"
ITEM = Item(index=0, id="youtube:CNxH0rHS320", url="https://media.example.org/a.mp4", title="A talk")


def a_condition(kind: ConditionType, reason: str, message: str = "", *, holds: bool = True) -> Condition:
    status = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=AT,
        observed_generation=1,
    )


def a_batch(*conditions: Condition, **changes: object) -> IngestBatch:
    status = IngestBatchStatus(observed_generation=1, conditions=conditions).model_copy(update=changes)
    known = {
        "apiVersion": "video-ingest.dev/v1alpha1",
        "kind": "IngestBatch",
        "metadata": {"name": "talks"},
        "spec": {"sources": [{"url": "https://media.example.org/talks"}]},
    }
    return IngestBatch.from_object(known).model_copy(update={"status": status})


def printed(answered: Answer, width: int = 80) -> str:
    out = io.StringIO()
    show_why(
        answered, Output.TABLE, Console(file=out, width=width, markup=False, highlight=False, emoji=False)
    )
    return out.getvalue()


def an_answer(batch: IngestBatch, item: Item | None = None) -> Answer:
    why = of_batch(batch) if item is None else of_recording(batch, item.index, None)
    return Answer(Found("default", "talks", batch), batch, why, item, "Failed" if item else "")


@pytest.mark.parametrize("reason", [*map(str, Reason), *STALLS])
def test_a_stalled_batch_is_explained_by_the_sentence_of_its_reason(reason: str) -> None:
    batch = a_batch(a_condition(ConditionType.STALLED, reason, "what the server said"))
    why = of_batch(batch)
    assert (why.reason, why.next_step, why.since) == (reason, next_step_of(reason), AT)
    assert why.next_step != STRANGE
    shown = printed(an_answer(batch))
    assert f"{reason}: {why.next_step}\n" in shown
    assert "  what the server said\n" in shown


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("state", [RecordingState.FAILED, RecordingState.SKIPPED, RecordingState.WAITING])
def test_a_recording_is_explained_by_the_row_of_its_reason(reason: Reason, state: RecordingState) -> None:
    row = RecordingStatus(index=0, id=ITEM.id, state=state, run=2, reason=reason, message="HTTP 418")
    batch = a_batch(recordings=(row,))
    why = of_recording(batch, 0, None)
    assert (why.reason, why.next_step, why.particulars) == (
        reason.value,
        FAILURES[reason].next_step,
        "HTTP 418",
    )
    assert f"{reason.value}: {FAILURES[reason].next_step}\n" in printed(an_answer(batch, ITEM))


COMPLETE, RECONCILING = ConditionType.COMPLETE, ConditionType.RECONCILING
OF_STATES = {
    "NotSeen": a_batch(),
    "Outdated": a_batch(a_condition(COMPLETE, "InProgress", holds=False), observed_generation=0),
    "Planning": a_batch(a_condition(RECONCILING, "Planning")),
    "Suspended": a_batch(a_condition(ConditionType.SUSPENDED, "BySpec")),
    "Running": a_batch(a_condition(COMPLETE, "InProgress", holds=False)),
    "NodesAvoided": a_batch(a_condition(ConditionType.NODES_AVOIDED, "GpuBroken", "node-1")),
    "LanguageDoubted": a_batch(a_condition(ConditionType.LANGUAGE_DOUBTED, "SoundsOtherwise", "de 2")),
    "Complete": a_batch(a_condition(COMPLETE, "Succeeded")),
    "CompleteWithFailures": a_batch(a_condition(COMPLETE, "WithFailures")),
    "DryRun": a_batch(a_condition(COMPLETE, "DryRun")),
}


def test_every_state_has_a_batch_that_is_in_it() -> None:
    draining = a_batch(a_condition(ConditionType.SUSPENDED, "Draining", holds=False))
    suspended = draining.spec.model_copy(update={"suspend": True})
    found = {**OF_STATES, "Draining": draining.model_copy(update={"spec": suspended})}
    assert set(found) == set(STATES)
    assert {state: of_batch(batch).reason for state, batch in found.items()} == {
        state: state for state in found
    }


def test_a_plan_that_failed_is_explained_by_its_own_reason() -> None:
    message = f"{Reason.NOT_FOUND.value}: HTTP 404: https://media.example.org/talks"
    why = of_batch(a_batch(a_condition(ConditionType.FAILED, "PlanningFailed", message)))
    assert (why.reason, why.next_step) == ("NotFound", FAILURES[Reason.NOT_FOUND].next_step)
    assert why.particulars == "HTTP 404: https://media.example.org/talks"


def test_a_reason_of_a_later_operator_is_named_and_not_guessed() -> None:
    why = of_batch(a_batch(a_condition(ConditionType.STALLED, "FromTomorrow", "its words")))
    assert (why.reason, why.next_step, why.particulars) == ("FromTomorrow", STRANGE, "its words")
    assert len(cause_and_step(STRANGE)) == 2


def test_a_failure_of_a_later_operator_is_shown_without_an_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    later = ReasonCount(reason="FromTomorrow", count=2, sentence="Its words.")
    known = ReasonCount(reason="NotFound", count=1, sentence="It is gone.")
    show(a_batch(failures=(later,), skips=(known,)), (), Screen(Console(), Output.TABLE))
    shown = capsys.readouterr().out
    assert "2 failed: FromTomorrow: Its words.\n" in shown
    assert "1 skipped: NotFound (exit code 27): It is gone.\n" in shown


REFUSED_HERE = ("ingestctl retry", "ingestctl resume")


@pytest.mark.parametrize("state", ["Suspended", "CompleteWithFailures"])
def test_of_a_batch_of_this_machine_no_command_is_named_that_refuses_it(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = OF_STATES[state].status
    assert status is not None
    failures = (ReasonCount(reason="NotFound", count=1),)
    batch = OF_STATES[state].model_copy(update={"status": status.model_copy(update={"failures": failures})})
    here = replace(an_answer(batch), found=Found("default", "talks", batch, is_here=True))
    there = an_answer(batch)
    lines = list[str]()
    for answered in (there, here):
        watcher = PlainWatcher(Console(file=io.StringIO()), lambda: 0.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watcher, "said", lines.append)
            on_screen(watcher)(answered.found, status, {})
        show_why(answered, Output.JSON, Console(file=io.StringIO()))
        lines += [capsys.readouterr().out, printed(answered)]
    for of_cluster, of_this_machine in zip(lines[:3], lines[3:], strict=True):
        assert any(each in of_cluster for each in REFUSED_HERE)
        assert not any(each in of_this_machine for each in REFUSED_HERE)
        assert "`ingestctl run FILE" in of_this_machine


@pytest.mark.parametrize(
    "sentence", [*STATES.values(), *STALLS.values(), *(row.next_step for row in FAILURES.values())]
)
def test_no_sentence_says_of_a_batch_of_this_machine_what_only_a_cluster_does(sentence: str) -> None:
    found = Found("default", "talks", None, is_here=True)
    assert not any(each in found.said(sentence) for each in REFUSED_HERE)
    assert Found("media", "talks", None).said(sentence) == sentence


def test_a_recording_that_has_no_row_is_explained_by_its_last_run_or_not_at_all() -> None:
    batch = a_batch(final_recordings=RecordingIntervals(failed="0"), counts=Counts(total=1, failed=1))
    seen = of_recording(batch, 0, ("Undecodable", "moov atom not found"))
    assert (seen.reason, seen.particulars) == ("Undecodable", "moov atom not found")
    assert of_recording(batch, 0, None).reason == "NotShown"


def test_a_recording_that_waits_is_explained_by_what_holds_its_batch_up() -> None:
    assert of_recording(a_batch(a_condition(ConditionType.STALLED, "QuotaExceeded")), 0, None).reason == (
        "QuotaExceeded"
    )
    assert of_recording(OF_STATES["Running"], 0, None).reason == "RecordingPending"


@pytest.mark.parametrize("text", ["youtube:CNxH0rHS320", "CNxH0rHS320", "0", "#0"])
def test_a_recording_is_named_by_its_id_the_end_of_it_or_its_number(text: str) -> None:
    assert chosen(text, {0: ITEM, 1: replace_item(1)}, IngestBatchStatus(), "talks") == ITEM


def replace_item(index: int) -> Item:
    return ITEM.model_copy(update={"index": index, "id": f"youtube:other{index}"})


def test_a_recording_that_is_misspelt_is_answered_with_what_was_meant() -> None:
    with pytest.raises(MissingError, match=r"did you mean youtube:CNxH0rHS320\?"):
        chosen("youtube:CNxH0rHS32", {0: ITEM}, IngestBatchStatus(), "talks")


def test_a_narrow_terminal_loses_no_word_of_the_sentence() -> None:
    batch = a_batch(a_condition(ConditionType.STALLED, "BotCheck", "Sign in to confirm"))
    shown = printed(an_answer(batch), width=40)
    assert " ".join(FAILURES[Reason.BOT_CHECK].next_step.split()) in " ".join(shown.split())


def test_what_a_site_says_never_becomes_a_control_code_or_a_line_of_ours() -> None:
    forged = "\x1b[31mred\r\n0 failed"
    row = RecordingStatus(
        index=0, id=ITEM.id, state=RecordingState.FAILED, run=1, reason=Reason.UNKNOWN, message=forged
    )
    shown = printed(an_answer(a_batch(recordings=(row,)), ITEM))
    assert "\x1b" not in shown
    assert not any(line.startswith("0 failed") for line in shown.splitlines())


def test_the_answer_is_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    batch = a_batch(a_condition(ConditionType.STALLED, "BotCheck", "Sign in"))
    show_why(an_answer(batch), Output.JSON, Console(file=io.StringIO()))
    told = json.loads(capsys.readouterr().out)
    assert told["why"] == {
        "reason": "BotCheck",
        "nextStep": FAILURES[Reason.BOT_CHECK].next_step,
        "particulars": "Sign in",
        "since": AT,
    }
    assert [each["type"] for each in told["conditions"]] == ["Stalled"]


def test_a_wrong_language_is_reported_of_the_batch_and_of_the_recording_even_when_all_is_done() -> None:
    row = RecordingStatus(index=0, id=ITEM.id, state=RecordingState.SUCCEEDED, run=1, sounds_like="de")
    sums = Sums(sounds_like=(LanguageCount(language="de", count=2), LanguageCount(language="fr", count=1)))
    batch = a_batch(a_condition(COMPLETE, "Succeeded"), recordings=(row,), sums=sums)
    sentence = STATES["LanguageDoubted"]
    shown = printed(an_answer(batch))
    assert f"3 doubted: LanguageDoubted: {sentence}\n" in shown
    assert "3 in another language than ordered" in shown
    of_one = of_recording(batch, 0, None)
    assert (of_one.reason, of_one.next_step) == ("LanguageDoubted", sentence)
    assert of_one.particulars == "It sounds like de."
    told = document(an_answer(batch))["soundsLike"]
    assert told == json.loads(sums.to_json())["soundsLike"], "as the status has it"


@pytest.mark.parametrize(
    ("reason", "counts", "over"),
    [
        ("TooManyFailures", Counts(total=3, pending=2, failed=1), True),
        ("TooManyFailures", Counts(total=3, pending=1, failed=1, running=1), False),
        ("TooManyFailures", Counts(total=3, pending=1, failed=1, fetching=1), False),
        ("PlanningFailed", Counts(total=3, pending=3), True),
    ],
)
def test_a_batch_of_which_nothing_more_starts_is_over_once_nothing_runs(
    reason: str, counts: Counts, *, over: bool
) -> None:
    assert is_over(a_batch(a_condition(ConditionType.FAILED, reason), counts=counts)) is over
