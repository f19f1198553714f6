"""Descriptions in the shapes that yt-dlp gives, and the candidates they become."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp.utils import smuggle_url

from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlannedSource, SpeakerCount
from ingest_worker.planning import Liveness
from ingest_worker.sources.addresses import NotAnAddressError, id_of_url
from ingest_worker.sources.entries import candidate_of, seconds_of
from ingest_worker.sources.resolve import completed

SOURCE = PlannedSource(url="https://www.youtube.com/@channel/videos", speakers=SpeakerCount(max=2))

FLAT = {
    "_type": "url",
    "ie_key": "Youtube",
    "id": "CNxH0rHS320",
    "url": "https://www.youtube.com/watch?v=CNxH0rHS320",
    "title": "A  talk\nabout vectors",
    "duration": 3905.0,
    "channel": None,
    "playlist_channel": "A channel",
    "live_status": None,
    "timestamp": None,
}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = (
    "id",
    "ie_key",
    "url",
    "webpage_url",
    "title",
    "channel",
    "duration",
    "timestamp",
    "upload_date",
    "release_date",
    "live_status",
    "media_type",
    "language",
    "formats",
)
ADDRESSES = st.sampled_from(
    [
        "https://media.example.org/a.mp3",
        "http://[::1",
        "ftp://a/b",
        "https://h/\ud83d \x00",
        "http://h:99999/",
    ]
)


@given(
    entry=st.dictionaries(st.sampled_from(FIELDS), JSON),
    address=st.none() | ADDRESSES | JSON,
    day=st.none()
    | st.sampled_from(
        ["00000000", "20260230", "\u0662\u0660\u0662\u0666\u0660\u0661\u0660\u0661", "20260131"]
    ),
    alone=st.booleans(),
)
def test_whatever_an_entry_says_it_is_a_recording_that_a_plan_takes_or_no_address(
    entry: dict[str, Any], address: Any, day: str | None, *, alone: bool
) -> None:
    info = {
        **entry,
        **({} if address is None else {"url": address}),
        **({} if day is None else {"upload_date": day}),
    }
    try:
        found = candidate_of(info, SOURCE, alone=alone)
    except NotAnAddressError:
        return
    item = Item(
        index=0,
        id=found.id,
        url=found.url[:2048],
        title=found.title,
        duration_seconds=found.duration_seconds,
        published_at=found.published_at,
        channel=found.channel,
    )
    assert Item.model_validate_json(item.to_json()) == item
    assert found.published_at is None or datetime.fromisoformat(found.published_at)
    assert found.url.isascii()


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ({"upload_date": "20260131"}, "2026-01-31T00:00:00Z"),
        ({"upload_date": "00000000"}, None),
        ({"upload_date": "20260230"}, None),
        ({"upload_date": "\u0662\u0660\u0662\u0666\u0660\u0661\u0660\u0661"}, None),
        ({"timestamp": -40_000_000_000}, "0702-06-15T00:53:20Z"),
        ({"timestamp": float("nan")}, None),
        ({"timestamp": 1e18, "upload_date": "20260131"}, "2026-01-31T00:00:00Z"),
    ],
)
def test_a_date_is_one_of_the_calendar_or_unknown(told: dict[str, Any], moment: str | None) -> None:
    assert candidate_of({**FLAT, **told}, SOURCE, alone=False).published_at == moment


def test_an_entry_of_a_channel_keeps_the_sites_id() -> None:
    found = candidate_of(FLAT, SOURCE, alone=False)
    assert (found.id, found.url) == ("youtube:CNxH0rHS320", "https://www.youtube.com/watch?v=CNxH0rHS320")
    assert (found.title, found.duration_seconds, found.channel) == ("A talk about vectors", 3905, "A channel")
    assert (found.published_at, found.liveness, found.speakers) == (None, None, SpeakerCount(max=2))


def test_a_whole_description_and_a_flat_entry_name_the_same_recording() -> None:
    whole = {
        "extractor_key": "Youtube",
        "id": "CNxH0rHS320",
        "webpage_url": "https://www.youtube.com/watch?v=CNxH0rHS320",
        "url": "https://r3.example/x",
    }
    assert candidate_of(whole, SOURCE, alone=True).id == candidate_of(FLAT, SOURCE, alone=False).id
    assert candidate_of(whole, SOURCE, alone=True).url == FLAT["url"]


def test_an_episode_of_a_feed_is_known_by_its_address_and_not_by_its_guid_or_file_name() -> None:
    address = "https://cdn.example.org/show/episode-1.mp3"
    entry = {
        "_type": "url_transparent",
        "url": smuggle_url(address, {"force_videoid": "guid-1"}),
        "title": "One",
        "duration": 61,
        "timestamp": 1735732800,
    }
    found = candidate_of(entry, SOURCE, alone=False)
    assert (found.id, found.url, found.published_at) == (id_of_url(address), address, "2025-01-01T12:00:00Z")


def test_a_media_file_alone_is_known_by_the_address_that_was_written_and_not_where_it_led() -> None:
    source = PlannedSource(url="https://example.org/talk.mp4")
    info = {
        "extractor_key": "Generic",
        "id": "talk",
        "webpage_url": "https://edge7.example.org/talk.mp4?t=1",
        "url": "https://edge7.example.org/talk.mp4?t=1",
    }
    found = candidate_of(info, source, alone=True)
    assert (found.id, found.url) == (id_of_url(source.url), source.url)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"release_timestamp": 1735732800, "timestamp": 1}, "2025-01-01T12:00:00Z"),
        ({"timestamp": 1735732800.9}, "2025-01-01T12:00:00Z"),
        ({"upload_date": "20250131"}, "2025-01-31T00:00:00Z"),
        ({"timestamp": 1e20, "upload_date": "20250131"}, "2025-01-31T00:00:00Z"),
        ({"upload_date": "2025"}, None),
        ({}, None),
    ],
)
def test_dates_are_read_from_the_best_field_there_is(fields: dict[str, Any], expected: str | None) -> None:
    assert candidate_of({**FLAT, **fields}, SOURCE, alone=False).published_at == expected


@pytest.mark.parametrize(
    ("status", "liveness"),
    [
        ("is_upcoming", Liveness.UPCOMING),
        ("is_live", Liveness.LIVE),
        ("post_live", Liveness.LIVE),
        ("was_live", Liveness.WAS_LIVE),
        ("not_live", Liveness.NEVER),
    ],
)
def test_live_states_are_translated(status: str, liveness: Liveness) -> None:
    assert candidate_of({**FLAT, "live_status": status}, SOURCE, alone=False).liveness is liveness


@pytest.mark.parametrize(
    ("availability", "outcome"),
    [
        ("private", Reason.PRIVATE),
        ("subscriber_only", Reason.MEMBERS_ONLY),
        ("needs_auth", Reason.AGE_GATED),
        ("unlisted", None),
        ("public", None),
        (None, None),
    ],
)
def test_what_cannot_be_had_says_so_and_unlisted_can_be_had(
    availability: str | None, outcome: Reason | None
) -> None:
    info = {**FLAT, "availability": availability}
    assert completed(candidate_of(info, SOURCE, alone=False), info).outcome is outcome


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (61, 61),
        (61.6, 62),
        (0.2, 1),
        (0, None),
        (-5, None),
        (float("nan"), None),
        (1e12, None),
        ("61", None),
        (None, None),
    ],
)
def test_lengths_are_whole_seconds_or_unknown(duration: object, seconds: int | None) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize(
    ("told", "language"),
    [
        ({"language": "en-US"}, "en"),
        ({"language": "zh_Hans"}, "zh"),
        ({"formats": [{"acodec": "opus", "language": "de"}, {"acodec": "none", "language": "en"}]}, "de"),
        ({"formats": [{"language": "de"}, {"language": "en"}]}, None),
        (
            {
                "formats": [
                    {"language": "de", "language_preference": -1},
                    {"language": "en", "language_preference": 10},
                ]
            },
            "en",
        ),
        ({"language": "original"}, None),
        ({"language": "eng"}, "en"),
        ({"language": "iw-IL"}, "he"),
        *(({"language": unknown}, None) for unknown in ("und", "mul", "zxx", "mis", "qaa")),
        ({"language": "und", "formats": [{"language": "ger"}]}, "de"),
        ({"formats": [{"language": "deu"}, {"language": "ger"}, {"language": "de-AT"}]}, "de"),
        ({"formats": [{"language": "und"}, {"language": "en"}]}, None),
        ({}, None),
    ],
)
def test_the_language_is_the_originals_or_unknown(told: dict[str, Any], language: str | None) -> None:
    assert candidate_of({**FLAT, **told}, SOURCE, alone=False).language == language


def test_a_short_is_known_by_its_page_and_by_the_address_in_a_list() -> None:
    short = {**FLAT, "url": "https://www.youtube.com/shorts/CNxH0rHS320"}
    assert candidate_of(short, SOURCE, alone=False).short
    assert candidate_of({**FLAT, "media_type": "short"}, SOURCE, alone=False).short
    assert not candidate_of(FLAT, SOURCE, alone=False).short
