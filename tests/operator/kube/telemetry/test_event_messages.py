"""What a change of a status is told as: each change once, whatever lies between two statuses, and nothing
where nothing changed."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.batch import Retry
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.status import IngestBatchStatus, PlanStatus, ProfileStatus, ReasonCount
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Run
from ingest_operator.kube.telemetry.event_messages import EVENT_RULES, Aspect, NoteType
from testkit.objects.builders import a_failure, a_run, folded, in_another_language, over
from testkit.objects.statuses import a_status
from tests.support.ledgers import ledgers

UNPLANNED = {"planned": None}
QUOTA = Blocker("QuotaExceeded", "exceeded quota: gpus", inf)
Before = IngestBatchStatus | None


def told(before: Before, after: IngestBatchStatus) -> dict[str, str]:
    """Reason to text."""
    notes = [note for tell in EVENT_RULES.values() if (note := tell(before, after)) is not None]
    assert len({note.reason for note in notes}) == len(notes)
    return {note.reason: note.text for note in notes}


def failed(*indexes: int, reason: Reason = Reason.NOT_FOUND, number: int = 1) -> tuple[Run, ...]:
    return tuple(over(a_run(index, number), reason) for index in indexes)


@given(ledgers())
def test_nothing_is_reported_where_nothing_changed(ledger: Ledger) -> None:
    status = a_status(count=300, ledger=ledger)
    assert told(status, status) == {}


def test_a_batch_that_is_planned_says_how_much_there_is_and_what_was_left_out() -> None:
    waiting = a_status(known=UNPLANNED)
    left_out = tuple(
        ReasonCount(reason=reason, count=count) for reason, count in (("AlreadyStored", 3), ("TooShort", 1))
    )
    plan = PlanStatus(sources=1, recordings=30, media_seconds=45_000, left_out=left_out)
    text = "30 recordings planned, 12.5 h. Left out: 3 AlreadyStored, 1 TooShort."
    assert told(None, waiting) == {}
    assert told(waiting, a_status(count=30, plan=plan)) == {"Planned": text}
    assert told(None, a_status(count=30, plan=plan)) == {"Planned": text}


def test_added_sources_are_reported_as_more() -> None:
    first, more = (
        PlanStatus(sources=1, recordings=10, media_seconds=1),
        PlanStatus(sources=2, recordings=11, media_seconds=2),
    )
    assert told(a_status(plan=first), a_status(count=11, plan=more)) == {
        "Planned": "1 more recording planned, 11 in all."
    }
    nothing = PlanStatus(sources=3, recordings=11, media_seconds=2)
    assert told(a_status(plan=more), a_status(plan=nothing)) == {
        "Planned": "0 more recordings planned, 11 in all."
    }


def test_one_failure_is_reported_with_its_particulars() -> None:
    ended = Ended(27, a_failure(Reason.NOT_FOUND, message="HTTP 404 from media.example.org").to_json())
    found = told(a_status(), a_status(over(a_run(4, 2), ended=ended)))
    assert found == {
        "ItemFailed": "youtube:video-00004 (recording 4) failed in run 2: NotFound. "
        "HTTP 404 from media.example.org"
    }


def test_several_failures_are_reported_as_their_number_and_the_reason_of_most() -> None:
    before = a_status(*failed(0, 1, reason=Reason.UNDECODABLE))
    after = a_status(*failed(0, 1, 2, reason=Reason.UNDECODABLE), *failed(3, 4))
    assert told(before, after) == {
        "ItemFailed": f"3 recordings failed, 2 of them with NotFound. {FAILURES[Reason.NOT_FOUND].sentence}"
    }
    assert told(None, a_status(*failed(3, 4)))["ItemFailed"].startswith(
        "2 recordings failed, all with NotFound."
    )


def test_a_failure_without_a_row_is_reported_all_the_same() -> None:
    rowless = a_status(*failed(4)).model_copy(update={"recordings": ()})
    assert told(a_status(), rowless)["ItemFailed"].startswith("1 recording failed, all with NotFound.")


def test_a_recording_that_fails_in_another_pass_is_reported_again() -> None:
    once = folded(Ledger(), *failed(0, 3))
    before = a_status(ledger=once)
    began = a_status(ledger=once, retry_failed="again", retry_recordings="0")
    assert told(before, began) == {}
    again = folded(once, retry_failed="again", retry_recordings="0")
    after = a_status(*failed(0, number=2), ledger=again, retry_failed="again", retry_recordings="0")
    assert told(began, after)["ItemFailed"].startswith("youtube:video-00000"), "and not the other once more"


def test_a_run_that_is_tried_again_or_a_recording_without_speech_is_no_news() -> None:
    before = a_status()
    assert (
        told(
            before,
            a_status(
                over(a_run(0), Reason.DOWNLOAD_FAILED),
                over(a_run(1), Reason.NO_SPEECH),
                over(a_run(2)),
                a_run(3),
            ),
        )
        == {}
    )


def test_what_holds_a_batch_up_is_reported_and_when_it_is_over() -> None:
    free, held = a_status(), a_status(blockers=(QUOTA,))
    assert told(free, held) == {"Stalled": "QuotaExceeded: exceeded quota: gpus"}
    assert told(held, a_status(blockers=(QUOTA, QUOTA))) == {}
    assert told(held, a_status(over(a_run(0), Reason.BOT_CHECK)))["Stalled"].startswith(
        "BotCheck: The site asks whether we are a robot."
    )
    assert told(held, free) == {"Recovered": "QuotaExceeded holds nothing up any more."}


def test_a_batch_that_is_done_has_not_recovered_but_ended() -> None:
    held = a_status(over(a_run(0)), count=1, blockers=(QUOTA,), suspend=False)
    stalled = a_status(a_run(0), count=1, blockers=(QUOTA,))
    assert list(told(stalled, held)) == ["Completed"]


def test_a_batch_that_is_held_up_and_fails_has_not_recovered() -> None:
    strict = {"retry": Retry(max_failed_percent=10)}
    held = a_status(*failed(0), blockers=(QUOTA,), **strict)
    assert list(told(held, a_status(*failed(0, 1), blockers=(QUOTA,), **strict))) == ["ItemFailed", "Failed"]


def test_a_profile_that_says_something_else_is_reported_once() -> None:
    same, other, later = (
        a_status(known={"profile": ProfileStatus(generation=n, differs=n > 1)}) for n in (1, 2, 3)
    )
    assert list(told(same, other)) == ["ProfileDiffers"]
    assert told(a_status(), same) == told(other, later) == told(other, same) == {}


def test_suspension_is_reported_once_nothing_runs_any_more_and_when_it_is_taken_back() -> None:
    running, draining = a_status(a_run(0)), a_status(a_run(0), suspend=True)
    still, resumed = a_status(over(a_run(0)), suspend=True), a_status(over(a_run(0)), a_run(1))
    assert told(running, draining) == told(draining, running) == {}
    assert told(draining, still) == {"Suspended": "Nothing runs and nothing starts; 9 recordings to go."}
    assert told(still, a_status(over(a_run(0)), a_run(1), suspend=True)) == {}
    assert told(still, resumed) == {"Resumed": "`spec.suspend` was taken back."}


def test_the_end_says_how_it_went() -> None:
    running = a_status(a_run(0), count=3)
    well = a_status(*(over(a_run(index)) for index in range(3)), count=3)
    assert told(running, well) == {"Completed": "3 succeeded, 0 skipped, 0 failed of 3."}
    partly = a_status(over(a_run(0)), over(a_run(1), Reason.NO_SPEECH), *failed(2), count=3)
    assert (
        told(running, partly)["CompletedWithFailures"] == "1 succeeded, 1 skipped, 1 failed of 3: 1 NotFound."
    )
    assert (
        told(a_status(count=3, known=UNPLANNED), a_status(count=3, dry_run=True))["Completed"]
        == "3 recordings would be ingested."
    )


def test_a_batch_that_is_done_and_gets_more_to_do_ends_again() -> None:
    done, more = a_status(over(a_run(0)), count=1), a_status(over(a_run(0)), a_run(1), count=2)
    assert "Completed" not in told(done, more)
    assert "Completed" in told(more, a_status(over(a_run(0)), over(a_run(1)), count=2))


def test_too_many_failures_and_a_plan_that_is_impossible_are_reported_as_failed() -> None:
    strict = {"retry": Retry(max_failed_percent=10)}
    few, many = a_status(*failed(0), **strict), a_status(*failed(0, 1), **strict)
    assert told(few, many)["Failed"] == "TooManyFailures: 2 of 10 failed; retry.maxFailedPercent is 10"
    impossible = a_status(known=UNPLANNED | {"failure": ("SourceRefused", "not allowed")})
    assert told(a_status(known=UNPLANNED), impossible) == {
        "Failed": "PlanningFailed: SourceRefused: not allowed"
    }
    assert told(many, a_status(*failed(0, 1))) == {}, "what is taken back is no recovery of something outside"
    notes = [EVENT_RULES[Aspect.VERDICT](None, status) for status in (many, impossible)]
    assert [note.action for note in notes if note] == ["Ingest", "Plan"]


def test_a_status_of_another_batch_that_gives_way_is_reported_once() -> None:
    other = IngestBatchStatus(trace_id="f" * 32)
    assert "belonged to another batch" in told(other, a_status())["StatusNotBelieved"]
    assert "StatusNotBelieved" not in told(a_status(), a_status(a_run(0)))
    assert "StatusNotBelieved" not in told(None, a_status())


WARNINGS = {"ItemFailed", "Stalled", "ProfileDiffers", "CompletedWithFailures", "Failed"}


@pytest.fixture
def story() -> list[Before]:
    """A batch in which everything happens."""
    profile = {"profile": ProfileStatus(generation=2, differs=True)}
    return [
        None,
        a_status(known=UNPLANNED),
        a_status(count=2),
        a_status(a_run(0), count=2, known=profile),
        a_status(a_run(0), count=2, known=profile, blockers=(QUOTA,)),
        a_status(a_run(0), count=2, known=profile),
        a_status(over(a_run(0)), count=2, known=profile, suspend=True),
        a_status(over(a_run(0)), count=2, known=profile),
        a_status(over(a_run(0)), *failed(1), count=2, known=profile),
        a_status(over(a_run(0)), over(a_run(1, 2)), count=2, known=profile),
    ]


def test_a_whole_story_is_reported_in_order(story: list[Before]) -> None:
    notes = [
        note
        for before, after in pairwise(story)
        if after
        for tell in EVENT_RULES.values()
        if (note := tell(before, after))
    ]
    assert [note.reason for note in notes] == [
        "Planned", "ProfileDiffers", "Stalled", "Recovered", "Suspended", "Resumed", "ItemFailed",
        "CompletedWithFailures", "Completed",
    ]  # fmt: skip
    assert {note.reason for note in notes if note.type is NoteType.WARNING} == WARNINGS - {"Failed"}
    assert all(note.action.isalpha() for note in notes)


@given(st.permutations(range(8)), st.sets(st.integers(1, 7)))
def test_what_is_held_back_is_reported_in_sum(order: list[int], cuts: set[int]) -> None:
    """However the failures of eight recordings are cut into steps, the texts' numbers add up to eight."""
    steps = [0, *sorted(cuts), 8]
    statuses = [a_status(*failed(*order[:end])) for end in steps]
    numbers = []
    for before, after in pairwise(statuses):
        text = told(before, after)["ItemFailed"]
        numbers.append(int(text.split()[0]) if text[0].isdigit() else 1)
    assert sum(numbers) == 8
    assert numbers == [after - before for before, after in pairwise(steps)]


def test_a_wrong_language_is_reported_with_the_first_recording_and_when_there_are_twice_as_many() -> None:
    statuses = [
        a_status(*(over(a_run(index), ended=in_another_language()) for index in range(count)))
        for count in range(10)
    ]
    found = [told(before, after).get("LanguageDoubted") for before, after in pairwise(statuses)]
    assert [count for count, text in enumerate(found, 1) if text] == [1, 2, 4, 8]
    assert found[7] is not None
    assert found[7].startswith("8 of 8 stored recordings are surely in another language than the one ordered")
    assert "`transcription.language`" in found[7]
    assert len(found[7].encode()) < 1024


def test_a_node_that_is_avoided_is_reported_every_time() -> None:
    one = a_status(over(a_run(0, node="gpu-7"), Reason.GPU_BROKEN))
    assert told(a_status(a_run(0)), one)["NodeAvoided"].startswith(
        "gpu-7: 1 ended as GpuBroken, avoided until "
    )
    more = a_status(
        over(a_run(0, node="gpu-7"), Reason.GPU_BROKEN), over(a_run(1, node="gpu-7"), Reason.GPU_BROKEN)
    )
    assert "NodeAvoided" not in told(one, more)
    again = more.model_copy(update={"nodes": (more.nodes[0].model_copy(update={"times": 2}),)})
    assert "NodeAvoided" in told(more, again)


def test_a_node_that_lacks_what_the_setup_may_lack_is_reported_once_a_run_has_got_through() -> None:
    held = a_status(*(over(a_run(index, node="gpu-7"), Reason.IMAGE_UNAVAILABLE) for index in range(4)))
    assert (held.nodes[0].avoided, held.breaker is not None) == (True, True)
    assert "NodeAvoided" not in told(a_status(a_run(0)), held)
    through = held.model_copy(update={"breaker": None})
    assert told(held, through)["NodeAvoided"].startswith("gpu-7: 4 ended as ImageUnavailable")
