"""The status stays small at any size of batch:
an API object of 100 kB is read, and written, by everyone who watches."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.stages import Stage
from ingest_contract.status import MAX_ROWS, MAX_RUNNING_RECORDINGS, MAX_WAITING_ROWS
from ingest_operator.core.ledger import Ledger, OpenItem
from ingest_operator.core.retries import WAITING_MESSAGE_CHARACTERS
from ingest_operator.core.rows import as_rows_allow
from ingest_operator.core.status import MAX_LISTED_FAILURES
from testkit.objects.builders import NOW, a_planned_batch, a_run, folded, over, rendered

COUNT = 10_000
KINDS = 40
"""Different pasts of running recordings: far more than batches have."""
SENTENCE = (
    "The download broke after 312 MB: "
    "HTTPSConnectionPool(host='media.example.org', port=443): Read timed out. "
) * 3
"""Longer than any row may be."""


ONLY_WAITING = {Verdict.SKIP, Verdict.RETRY_LATER, Verdict.STOP_BATCH}
"""Verdicts after which no recording has failed: it is left out, or waits until what holds it is over."""

OF_VOICES = {Reason.TOO_LITTLE_SPEECH, Reason.SEVERAL_PEOPLE, Reason.VOICES_DISAGREE, Reason.NOT_INGESTED}
"""Reasons of what a voice is enrolled from: no recording of a batch ends by them."""


def a_row(index: int) -> RecordingStatus:
    return RecordingStatus(
        index=index, id="youtube:dQw4w9WgXcQ", state=RecordingState.FAILED, run=7, charged_attempts=3, rung=2,
        reason=Reason.DOWNLOAD_FAILED, message=SENTENCE[:256],
    )  # fmt: skip


def worst(split: Callable[[int], int], live: int) -> Ledger:
    """10,000 items, all final but `live` of them, dealt by `split` to succeeded, skipped and failed."""
    places: list[list[int]] = [[], [], []]
    for index in range(COUNT - live):
        places[split(index)].append(index)
    running = OpenItem(7777, 3, 2, 1, running=True, not_before=NOW + 0.123, stage=Stage.TRANSCRIBE)
    waiting = replace(
        running,
        running=False,
        reason=Reason.DATABASE_UNAVAILABLE,
        message=SENTENCE[:WAITING_MESSAGE_CHARACTERS],
    )
    under_way = range(COUNT - live, COUNT)
    kinds = [replace(running, number=running.number + kind) for kind in range(KINDS)]
    open_item = {
        index: waiting if position < MAX_WAITING_ROWS + 1 else kinds[position % KINDS]
        for position, index in enumerate(under_way)
    }
    failing = [reason for reason, row in FAILURES.items() if row.verdict not in ONLY_WAITING]
    skipping = {reason for reason, row in FAILURES.items() if row.verdict is Verdict.SKIP}
    runs = {index: 7 if position % 7 else 3 for position, index in enumerate(places[2])}
    ledger = Ledger(
        open_items=open_item, succeeded=frozenset(places[0]), skipped=frozenset(places[1]),
        failed=frozenset(places[2]), runs=runs,
        failures=in_turn([each for each in failing if each not in OF_VOICES], places[2]),
        skips=dict.fromkeys(skipping, 12),
        rows=tuple(a_row(index) for index in places[2][:MAX_ROWS]),
    )  # fmt: skip
    return as_rows_allow(ledger)


def in_turn(reasons: list[Reason], failed: list[int]) -> dict[Reason, frozenset[int]]:
    """No two recordings in a row failed for one reason."""
    dealt = {reason: frozenset(failed[place :: len(reasons)]) for place, reason in enumerate(reasons)}
    return {reason: which for reason, which in dealt.items() if which}


@pytest.mark.parametrize("live", [0, 10, MAX_ROWS, MAX_WAITING_ROWS + 1 + MAX_RUNNING_RECORDINGS])
@pytest.mark.parametrize(
    "split",
    [
        pytest.param(lambda index: index % 2, id="succeeded and skipped in turn"),
        pytest.param(lambda index: index % 2 * 2, id="succeeded and failed in turn"),
        pytest.param(lambda index: index % 3, id="all three in turn"),
        pytest.param(lambda _: 2, id="all failed"),
        pytest.param(lambda _: 0, id="all succeeded"),
    ],
)
def test_ten_thousand_recordings_in_the_worst_order_stay_below_100_kb(
    split: Callable[[int], int], live: int
) -> None:
    assert len(rendered(a_planned_batch(COUNT), worst(split, live), None, NOW).to_json().encode()) < 100_000


def test_eight_recordings_take_less_than_4_kb() -> None:
    ends = [None, None, None, None, None, Reason.NOT_FOUND, Reason.TRUNCATED, Reason.NO_SPEECH]
    runs = [over(a_run(index), reason) for index, reason in enumerate(ends)]
    status = rendered(
        a_planned_batch(8),
        folded(folded(Ledger(), *runs), over(a_run(6, 2, charged_attempts=1), Reason.TRUNCATED)),
        None,
        NOW,
    )
    assert len(status.to_json().encode()) < 4_000


def test_four_hundred_failures_are_listed_and_no_more() -> None:
    def listed(failed: int) -> list[str]:
        by_reason = in_turn([Reason.NOT_FOUND, Reason.TRUNCATED], list(range(failed)))
        ledger = Ledger(failed=frozenset(range(failed)), failures=by_reason)
        return [entry.recordings for entry in rendered(a_planned_batch(COUNT), ledger, None, NOW).failures]

    assert listed(4) == ["0,2", "1,3"]
    assert listed(MAX_LISTED_FAILURES)[1].endswith(f",{MAX_LISTED_FAILURES - 1}")
    assert listed(MAX_LISTED_FAILURES + 1) == ["", ""]
