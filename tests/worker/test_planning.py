"""What a batch takes and what it leaves out, rule by rule, and on any input."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource, PlanOrder, Settings
from ingest_contract.place import Place
from ingest_contract.plan_document import MAX_BYTES, PlanDocument, SkipReason, frames
from ingest_contract.profile import (
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.selection import Exclude, Include, Order, Reprocess, Select
from ingest_worker.planning import Candidate, Liveness, StoredRecording, channel_key, plan

SETTINGS = Settings(
    model_set="demo",
    transcription=TranscriptionProfile(),
    diarization=DiarizationProfile(),
    identification=IdentificationProfile(),
    segmentation=SegmentationProfile(),
    embedding=EmbeddingProfile(),
)


def order(
    *,
    first_index: int = 0,
    known: tuple[str, ...] = (),
    reprocess: Reprocess = Reprocess.NEVER,
    **select: Any,
) -> PlanOrder:
    return PlanOrder(
        trace_id="0" * 32,
        batch="default/test",
        sources=(PlannedSource(url="https://example.org/"),),
        select=Select(**select),
        reprocess=reprocess,
        first_index=first_index,
        known=known,
        settings=SETTINGS,
        fetch=FetchProfile(),
        place=Place(models="/m", scratch="/s", receipt="/r"),
    )


def video(name: str, seconds: int | None = 100, day: str | None = None, **more: Any) -> Candidate:
    published = None if day is None else f"{day}T08:00:00Z"
    return Candidate(
        f"youtube:{name}",
        f"https://y.example/{name}",
        name,
        duration_seconds=seconds,
        published_at=published,
        **more,
    )


def names(document: PlanDocument) -> str:
    return " ".join(item.title for item in document.items)


def reasons(document: PlanDocument) -> Mapping[str, str]:
    return {each.title: each.reason.value for each in document.skipped}


def test_lengths_outside_the_wanted_range_are_left_out_and_the_edges_stay() -> None:
    found = plan(
        [video("a", 59), video("b", 60), video("c", 600), video("d", 601)],
        order(min_duration_seconds=60, max_duration_seconds=600),
        {},
    )
    assert names(found) == "c b"
    assert reasons(found) == {"a": "TooShort", "d": "TooLong"}


def test_published_after_keeps_its_day_and_published_before_does_not() -> None:
    days = ["2024-12-31", "2025-01-01", "2025-01-31", "2025-02-01"]
    wanted = order(published_after="2025-01-01", published_before="2025-02-01", order=Order.SOURCE)
    found = plan([video(day, day=day) for day in days], wanted, {})
    assert names(found) == "2025-01-01 2025-01-31"
    assert reasons(found) == {"2024-12-31": "OutsideDates", "2025-02-01": "OutsideDates"}


def test_what_a_source_does_not_say_leaves_nothing_out() -> None:
    found = plan(
        [video("a", None)],
        order(min_duration_seconds=60, max_duration_seconds=70, published_after="2025-01-01"),
        {},
    )
    assert names(found) == "a"
    assert (found.unknown_durations, found.undated, found.media_seconds) == (1, 1, 0)


@pytest.mark.parametrize(
    ("include", "kept"),
    [((), "never unknown"), ((Include.LIVE,), "was never unknown")],
)
def test_live_streams_are_left_out_and_finished_ones_come_in_when_asked_for(
    include: tuple[Include, ...], kept: str
) -> None:
    states = {
        "up": Liveness.UPCOMING,
        "now": Liveness.LIVE,
        "was": Liveness.WAS_LIVE,
        "never": Liveness.NEVER,
        "unknown": None,
    }
    found = plan([video(name, liveness=state) for name, state in states.items()], order(include=include), {})
    assert names(found) == kept
    assert {"up", "now"} <= reasons(found).keys()
    assert set(reasons(found).values()) == {"LiveOrUpcoming"}


def test_titles_are_chosen_by_patterns_in_whatever_case_and_unknown_ones_stay() -> None:
    titles = ["Interview 1", "ein INTERVIEW", "Interview [live]", "Talk", "Straße (Interview)", ""]
    wanted = order(titles=("*interview*", "*STRASSE*"), except_titles=("*[[]live]",), order=Order.SOURCE)
    found = plan([video(str(place)) for place in range(6)], wanted, {})
    assert found.items == ()
    named = [replace(video(str(place)), title=title) for place, title in enumerate(titles)]
    found = plan(named, wanted, {})
    assert [item.title for item in found.items] == ["Interview 1", "ein INTERVIEW", "Straße (Interview)", ""]
    assert reasons(found) == {"Interview [live]": "TitleUnwanted", "Talk": "TitleUnwanted"}


@pytest.mark.parametrize("of_title", ["NFC", "NFD"])
@pytest.mark.parametrize("of_pattern", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "pattern", ["R\u00c9UNION*", "r?union*", "r[\u00e8\u00e9]union*", "*\u0390*", "r?union ?"]
)
def test_a_title_fits_a_pattern_whatever_the_normal_form_of_either(
    pattern: str, of_pattern: Literal["NFC", "NFD"], of_title: Literal["NFC", "NFD"]
) -> None:
    title = normalize(of_title, "R\u00e9union \u0390")
    for select, kept in (("titles", 1), ("except_titles", 0)):
        wanted = order(**{select: (normalize(of_pattern, pattern),)})
        assert len(plan([replace(video("a"), title=title)], wanted, {}).items) == kept
    assert plan([replace(video("a"), title="Runion \u03b9")], order(titles=(pattern,)), {}).items == ()


def test_another_language_is_left_out_and_an_unknown_one_stays() -> None:
    found = plan(
        [video("a", language="en"), video("b", language="de"), video("c")],
        order(languages=("en", "pt"), order=Order.SOURCE),
        {},
    )
    assert names(found) == "a c"
    assert [(each.title, each.reason, each.detail) for each in found.skipped] == [
        ("b", SkipReason.LANGUAGE_UNWANTED, "de")
    ]


def test_what_a_source_says_of_a_language_is_planned_apart_from_what_a_person_names() -> None:
    named = replace(video("b"), language="de", named_language="de")
    every = [video("a", language="eng"), named, video("c"), video("d", language="und")]
    found = plan(every, order(order=Order.SOURCE), {})
    assert [(item.language, item.said_language) for item in found.items] == [
        (None, "en"), ("de", None), (None, None), (None, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "said", "taken"),
    [
        ("en", "eng", True),
        ("eng", "en", True),
        ("ger", "deu", True),
        ("he", "iw", True),
        ("in", "id", True),
        ("en", "ger", False),
        ("en", "zul", False),
        *(("en", unknown, True) for unknown in ("und", "mul", "zxx", "mis")),
    ],
)
def test_a_language_is_wanted_by_whichever_of_its_codes_either_side_writes(
    wanted: str, said: str, *, taken: bool
) -> None:
    found = plan([video("a", language=said)], order(languages=(wanted,)), {})
    assert names(found) == ("a" if taken else "")


@pytest.mark.parametrize(
    ("exclude", "kept"),
    [
        ((), "video unknown short stream"),
        ((Exclude.SHORTS,), "video unknown stream"),
        ((Exclude.REGULAR,), "short stream"),
        ((Exclude.REGULAR, Exclude.SHORTS), "stream"),
    ],
)
def test_regular_recordings_and_shorts_are_left_out_when_asked_for(
    exclude: tuple[Exclude, ...], kept: str
) -> None:
    found = plan(
        [
            video("video", liveness=Liveness.NEVER),
            video("unknown"),
            video("short", short=True, liveness=Liveness.NEVER),
            video("stream", liveness=Liveness.WAS_LIVE),
        ],
        order(exclude=exclude, include=(Include.LIVE,), order=Order.SOURCE),
        {},
    )
    assert names(found) == kept


@pytest.mark.parametrize(
    ("reprocess", "kept"),
    [
        (Reprocess.NEVER, "new"),
        (Reprocess.IF_PIPELINE_CHANGED, "new old"),
        (Reprocess.ALWAYS, "new same old silent"),
    ],
)
def test_what_is_stored_counts_as_reprocess_says(reprocess: Reprocess, kept: str) -> None:
    stored = {
        "youtube:same": StoredRecording(unchanged=True),
        "youtube:old": StoredRecording(unchanged=False),
        "youtube:silent": StoredRecording(unchanged=True, outcome=Reason.NO_SPEECH),
    }
    found = plan(
        [video(name) for name in ("new", "same", "old", "silent")], order(reprocess=reprocess), stored
    )
    assert names(found) == kept
    for row in found.skipped:
        expected = (
            (SkipReason.KNOWN_OUTCOME, "NoSpeech")
            if row.title == "silent"
            else (SkipReason.ALREADY_STORED, "")
        )
        assert (row.reason, row.detail) == expected


@pytest.mark.parametrize("reprocess", list(Reprocess))
def test_what_was_forgotten_is_left_out_whatever_is_processed_again(reprocess: Reprocess) -> None:
    gone = StoredRecording(unchanged=True, outcome=Reason.FORGOTTEN)
    stored = {"youtube:a": gone, channel_key("Hidden"): gone}
    found = plan(
        [video("a"), video("b", channel="Hidden"), video("c", channel="Seen")],
        order(reprocess=reprocess),
        stored,
    )
    assert names(found) == "c"
    assert found.skip_counts == {SkipReason.FORGOTTEN: 2}


def test_a_recording_that_cannot_be_had_is_reported_with_its_reason() -> None:
    found = plan([video("a", outcome=Reason.PRIVATE)], order(), {})
    assert [(row.reason.value, row.detail) for row in found.skipped] == [("KnownOutcome", "Private")]


def test_the_same_recording_is_taken_once_whatever_lists_it() -> None:
    found = plan([video("a"), video("b"), video("a")], order(known=("youtube:b",), first_index=1), {})
    assert names(found) == "a"
    assert found.skip_counts == {SkipReason.DUPLICATE: 2}


def test_an_address_that_no_order_can_carry_is_left_out() -> None:
    found = plan(
        [
            Candidate("url:1", "https://example.org/" + "x" * 2029),
            Candidate("url:2", "https://example.org/" + "x" * 2028),
        ],
        order(),
        {},
    )
    assert [item.id for item in found.items] == ["url:2"]
    assert found.skipped[0].reason is SkipReason.ADDRESS_TOO_LONG


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Order.LONGEST_FIRST, "long1 long2 middle unknown short"),
        (Order.SHORTEST_FIRST, "short middle unknown long1 long2"),
        (Order.NEWEST_FIRST, "unknown long2 short middle long1"),
        (Order.SOURCE, "short long1 middle unknown long2"),
    ],
)
def test_each_order_keeps_ties_as_the_source_has_them(wanted: Order, expected: str) -> None:
    listed = [
        video("short", 10, "2025-01-03"),
        video("long1", 90),
        video("middle", 50, "2025-01-01"),
        video("unknown", None, "2025-01-09"),
        video("long2", 90, "2025-01-04"),
    ]
    assert names(plan(listed, order(order=wanted), {})) == expected


def test_the_limit_comes_last_and_counts_what_earlier_plans_took() -> None:
    found = plan(
        [video("a", 10), video("b", 30), video("c", 20), video("d", 5)],
        order(limit=4, first_index=2, min_duration_seconds=6),
        {},
    )
    assert [(item.index, item.title) for item in found.items] == [(2, "b"), (3, "c")]
    assert reasons(found) == {"d": "TooShort", "a": "OverLimit"}
    assert found.media_seconds == 50


def test_the_counts_are_complete_when_the_names_are_cut() -> None:
    found = plan([video(str(number), 1) for number in range(1500)], order(min_duration_seconds=2), {})
    assert len(found.skipped) == 1000
    assert found.skip_counts == {SkipReason.TOO_SHORT: 1500}


def test_what_a_plan_has_no_bytes_for_is_left_out_and_counted_and_the_rest_fits_into_a_log() -> None:
    chance = random.Random(7)  # noqa: S311 -- addresses, not secrets
    long = [
        Candidate(f"url:{number}", f"https://e.org/{chance.randbytes(1000).hex()}") for number in range(4000)
    ]
    found = plan(long, order(), {})
    assert len(found.items) + found.skip_counts[SkipReason.PLAN_FULL] == 4000
    assert 2800 < len(found.items) < 3200
    assert [item.index for item in found.items] == list(range(len(found.items)))
    assert len(found.to_json()) < MAX_BYTES
    # a runtime puts a time and a stream before each line
    assert sum(len(line) + 60 for line in frames(found)) < 10 * 1024 * 1024


candidates = st.lists(
    st.builds(
        Candidate,
        id=st.integers(0, 30).map(lambda number: f"youtube:{number}"),
        url=st.just("https://example.org/"),
        title=st.text(max_size=300),
        duration_seconds=st.none() | st.integers(0, 1000),
        published_at=st.none() | st.dates().map(lambda day: f"{day.isoformat()}T00:00:00Z"),
        liveness=st.none() | st.sampled_from(Liveness),
        outcome=st.none() | st.just(Reason.REMOVED),
    ),
    max_size=40,
)
orders = st.builds(
    order,
    order=st.sampled_from(Order),
    limit=st.integers(1, 20),
    first_index=st.integers(0, 10),
    min_duration_seconds=st.integers(0, 500),
    reprocess=st.sampled_from(Reprocess),
    known=st.just(("youtube:3",)),
)
stores = st.dictionaries(
    st.integers(0, 30).map(lambda number: f"youtube:{number}"),
    st.builds(StoredRecording, unchanged=st.booleans()),
    max_size=9,
)


@given(listed=candidates, wanted=orders, stored=stores)
def test_nothing_is_lost_nothing_is_taken_twice_and_the_same_question_gets_the_same_answer(
    listed: list[Candidate], wanted: PlanOrder, stored: dict[str, StoredRecording]
) -> None:
    found = plan(listed, wanted, stored)
    assert len(found.items) + sum(found.skip_counts.values()) == len(listed)
    ids = [item.id for item in found.items]
    assert len(set(ids)) == len(ids)
    assert [item.index for item in found.items] == list(
        range(wanted.first_index, wanted.first_index + len(ids))
    )
    assert wanted.first_index + len(ids) <= max(wanted.select.limit, wanted.first_index)
    assert plan(listed, wanted, stored).sha256 == found.sha256
