"""Arbitrary ledgers: everything that may be remembered about a batch of 300 items,
the strange corners included."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from hypothesis import strategies as st

from ingest_contract.captions import CaptionsProblem, TranscriptSource
from ingest_contract.failures import Reason
from ingest_contract.recording_status import RecordingState, RecordingStatus
from ingest_contract.stages import Stage
from ingest_contract.status import MAX_WAITING_ROWS, RTF_BUCKETS
from ingest_operator.core.ledger import WINDOW_OUTCOMES, Ledger, Open, OpenItem, Suspect
from ingest_operator.core.phases import Phase
from ingest_operator.core.retries import WAITING_MESSAGE_CHARACTERS
from ingest_operator.core.rows import as_rows_allow
from ingest_operator.core.totals import StageTotal, Totals

TOTAL: Final = 300
"""Items of the batch that these ledgers belong to."""

_moments = st.integers(1_000, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
_seconds = st.integers(0, 10**15).map(lambda milliseconds: round(milliseconds / 1000, 3))
_messages = st.text(st.characters(exclude_categories=["Cs"]), max_size=256)
_reasons = st.sampled_from(Reason)
_counts = st.dictionaries(_reasons, st.integers(1, TOTAL), max_size=len(Reason))
_sums = st.integers(0, 10**14)

_open_item = st.builds(
    OpenItem,
    number=st.integers(1, 10_000),
    charged_attempts=st.integers(0, 20),
    rung=st.integers(0, 3),
    disruptions=st.integers(0, 10),
    running=st.booleans(),
    not_before=_moments,
    reason=st.none() | _reasons,
    message=_messages.map(lambda text: text[:WAITING_MESSAGE_CHARACTERS]),
    stage=st.none() | st.sampled_from(Stage),
    phase=st.sampled_from(Phase),
    cached_mib=st.none() | st.integers(0, 10_000),
).map(lambda item: item if item.running else replace(item, phase=Phase.INGEST))
_fetched_item = st.builds(
    OpenItem,
    number=st.integers(1, 10_000),
    charged_attempts=st.integers(0, 20),
    rung=st.integers(0, 3),
    disruptions=st.integers(0, 10),
    running=st.just(value=False),
    not_before=st.just(0.0),
    cached_mib=st.integers(0, 10_000),
)
_totals = st.builds(
    Totals,
    stages=st.dictionaries(st.sampled_from(Stage), st.builds(StageTotal, _seconds, _seconds)),
    transcripts=st.dictionaries(st.sampled_from(TranscriptSource), st.integers(1, TOTAL)),
    sounds_like=st.dictionaries(st.sampled_from(["de", "fr", "yue"]), st.integers(1, TOTAL)),
    captions_not_taken=st.dictionaries(st.sampled_from(CaptionsProblem), st.integers(1, TOTAL)),
    **{
        each.name: _seconds if isinstance(each.default, float) else _sums
        for each in fields(Totals)
        if isinstance(each.default, float | int)
    },
)
_open = st.builds(Open, reason=_reasons, until=_moments, opened=st.integers(1, 1000), message=_messages)
_names = st.from_regex(r"gpu-[a-z0-9]{1,20}", fullmatch=True)
_suspects = st.builds(
    Suspect,
    reason=_reasons, runs=st.integers(1, 500), first=st.integers(0, TOTAL - 1), others=st.booleans(),
    avoided=st.booleans(), times=st.integers(0, 9), until=_moments,
)  # fmt: skip
_histograms = st.lists(
    st.integers(0, TOTAL), min_size=len(RTF_BUCKETS) + 1, max_size=len(RTF_BUCKETS) + 1
).map(tuple)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any ledger that `fold` can make: every item in one place, every row of an item that is final."""
    dealer = random.Random(draw(st.integers(0, 10**6)))  # noqa: S311 -- 300 draws of hypothesis's own would take minutes to shrink
    places = dealer.choices("-tsxf", k=TOTAL)
    where = {letter: [index for index, place in enumerate(places) if place == letter] for letter in "tsxf"}
    kinds = draw(st.lists(_open_item | _fetched_item, min_size=1, max_size=6))
    open_item = {
        index: dealer.choice(kinds)
        for index in where["t"][: draw(st.sampled_from([0, 1, 5, MAX_WAITING_ROWS, TOTAL]))]
    }
    waiting = [index for index, item in open_item.items() if not item.running and not item.is_fetched]
    too_many = waiting[MAX_WAITING_ROWS:]
    ledger = Ledger(
        open_items={index: item for index, item in open_item.items() if index not in too_many},
        succeeded=frozenset(where["s"]),
        skipped=frozenset(where["x"]),
        failed=frozenset(where["f"]),
        runs={index: dealer.randint(1, 64) for index in where["f"]},
        rows=_rows(where),
        failures=_dealt(where["f"], draw(st.lists(_reasons, min_size=1, max_size=6, unique=True)), dealer),
        skips=draw(_counts),
        totals=draw(_totals),
        histogram=draw(_histograms),
        active=draw(_seconds),
        active_until=draw(_moments),
        recent=tuple(draw(st.lists(_reasons.map(str) | st.just("Succeeded"), max_size=WINDOW_OUTCOMES))),
        breaker=draw(st.none() | _open),
        fetch_recent=tuple(draw(st.lists(_reasons.map(str), max_size=WINDOW_OUTCOMES))),
        fetch_breaker=draw(st.none() | _open),
        nodes=draw(st.dictionaries(_names, _suspects, max_size=3)),
        learned_rung=draw(st.integers(0, 3)),
        retry_failed=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=64)),
    )
    return as_rows_allow(ledger)


def _dealt(
    failed: Sequence[int], reasons: Sequence[Reason], dealer: random.Random
) -> dict[Reason, frozenset[int]]:
    """Each failed item to one of the reasons."""
    found: dict[Reason, set[int]] = {}
    for index in failed:
        found.setdefault(dealer.choice(reasons), set()).add(index)
    return {reason: frozenset(which) for reason, which in found.items()}


def _rows(where: Mapping[str, list[int]]) -> tuple[RecordingStatus, ...]:
    facts: dict[str, dict[str, Any]] = {
        "f": {
            "state": RecordingState.FAILED,
            "charged_attempts": 3,
            "reason": Reason.NOT_FOUND,
            "message": "HTTP 404",
        },
        "s": {"state": RecordingState.SUCCEEDED, "rtf": "0.042", "rung": 2},
        "x": {"state": RecordingState.SKIPPED, "reason": Reason.PRIVATE},
    }
    rows = [
        RecordingStatus(index=index, id=f"url:{index}", run=1, **facts[place])
        for place in "fsx"
        for index in reversed(where[place])
    ]
    return tuple(rows)
