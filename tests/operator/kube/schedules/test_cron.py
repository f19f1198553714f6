"""When something is due: the page's table of changing clocks,
and what holds of every schedule in every zone."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_operator.kube.schedules.cron import (
    MAX_COUNTED_TIMES,
    InvalidTimetableError,
    Timetable,
    timetable,
    zones,
)
from tests.support.schedules import DAY, HOUR, at
from tests.support.thoroughness import examples

PAGE = (Path(__file__).parents[4] / "docs/schedules.md").read_text(encoding="utf-8")
TABLE = re.findall(
    r"^\| `([^`]+ [^`]+)` \| ([\w/]+) \| (\d{4}-\d\d-\d\d)([^|]*) \| ([^|]+) \|$", PAGE, re.MULTILINE
)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Casablanca",
    "Australia/Sydney",
    "Asia/Kathmandu",
    "Etc/UTC",
)
SCHEDULES = (
    "30 2 * * *",
    "0 0 * * *",
    "0,30 2 * * *",
    "*/15 2 * * *",
    "30 */2 * * *",
    "7 * * * *",
    "30 1-3 * * MON-FRI",
    "59 23 L * *",
)
CHANGES = [
    at(f"2026-{day} 00:00")
    for day in ("03-29", "10-25", "03-08", "11-01", "02-15", "03-22", "10-04", "04-05")
]


def every(table: Timetable, since: float, until: float) -> list[float]:
    found = []
    while (since := table.after(since)) <= until:
        found.append(since)
    return found


def on_the_day(table: Timetable, day: date) -> list[float]:
    """The times that fall on a day of the zone."""
    starts = [
        datetime.combine(each, datetime.min.time(), tzinfo=table.zone).timestamp()
        for each in (day, day + timedelta(days=1))
    ]
    return every(table, starts[0] - 1, starts[1] - 1)


def in_words(times: list[float], day: str) -> str:
    """As the page tells them."""
    if len(times) > 5:
        assert {later - earlier for earlier, later in pairwise(times)} == {HOUR}
        return f"every hour, {len(times)} times"
    texts = [datetime.fromtimestamp(each, tz=UTC).strftime("%Y-%m-%d %H:%M") for each in times]
    return (
        ", ".join(
            text.removeprefix(f"{day} ") if text.startswith(day) else f"{text[-5:]} the day before"
            for text in texts
        )
        or "never"
    )


def test_the_table_is_there() -> None:
    assert (
        len(TABLE)
        == PAGE.count("Europe/Berlin |") + PAGE.count("America/New_York |") + PAGE.count("Etc/UTC |")
        > 10
    )


@pytest.mark.parametrize(
    ("schedule", "zone", "day", "change", "told"), TABLE, ids=[f"{row[0]} {row[1]} {row[2]}" for row in TABLE]
)
def test_clocks_change_as_the_page_says(schedule: str, zone: str, day: str, change: str, told: str) -> None:
    assert in_words(on_the_day(timetable(schedule, zone), date.fromisoformat(day)), day) == told
    if change:
        start, end, what = re.fullmatch(r", (\d\d:\d\d) to (\d\d:\d\d) (skipped|repeated)", change).groups()
        inside = datetime.fromisoformat(f"{day} {start}").replace(minute=30, tzinfo=ZoneInfo(zone))
        offsets = [inside.replace(fold=fold).utcoffset() for fold in (0, 1)]
        assert end == f"{int(start[:2]) + 1:02}:00"
        assert (offsets[1] > offsets[0]) == (what == "skipped")
        assert offsets[0] != offsets[1]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("minute", ["30 1", "0 2", "30 2", "59 2", "0 3"])
def test_a_daily_time_comes_exactly_once_on_every_day_of_ten_years(zone: str, minute: str) -> None:
    times = every(timetable(f"{minute} * * *", zone), at("2026-01-01 12:00"), at("2036-01-01 12:00"))
    days = [datetime.fromtimestamp(each, tz=ZoneInfo(zone)).date() for each in times]
    assert days == [date(2026, 1, 2) + timedelta(days=number) for number in range(len(days))]
    assert len(days) == 3652


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_an_hourly_time_comes_in_every_real_hour_of_a_year(zone: str) -> None:
    times = every(timetable("30 * * * *", zone), at("2026-01-01 00:00"), at("2027-01-01 00:00"))
    assert {later - earlier for earlier, later in pairwise(times)} == {HOUR}


@examples(150)
@given(
    schedule=st.sampled_from(SCHEDULES),
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(CHANGES),
    minutes=st.floats(min_value=-36 * 60, max_value=60 * 60),
)
def test_the_next_time_is_the_same_from_wherever_one_asks(
    schedule: str, zone: str, change: float, minutes: float
) -> None:
    table, moment = timetable(schedule, zone), change + 60 * minutes
    first = table.after(moment)
    assert first > moment
    assert first == next(each for each in every(table, change - 40 * DAY, change + 40 * DAY) if each > moment)


@given(
    schedule=st.sampled_from(SCHEDULES),
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(CHANGES),
    days=st.floats(0, 5),
)
def test_what_has_passed_is_counted_with_its_end_and_without_its_beginning(
    schedule: str, zone: str, change: float, days: float
) -> None:
    table = timetable(schedule, zone)
    since = table.after(change - 2 * DAY)
    times = every(table, since, since + days * DAY)
    passed = table.passed(since, since + days * DAY)
    assert (passed.count, passed.latest) == (len(times), times[-1] if times else None)
    if times:
        assert table.passed(since, times[-1]).latest == times[-1]


@pytest.mark.parametrize(
    ("schedule", "latest"),
    [
        ("* * * * *", "2027-06-01 12:00"),
        ("*/7 3 * * *", "2027-06-01 03:56"),
        ("* * * 8 *", "2026-08-31 23:59"),
    ],
)
def test_a_year_of_minutes_is_counted_to_an_end_and_its_latest_is_found(schedule: str, latest: str) -> None:
    passed = timetable(schedule, "Etc/UTC").passed(at("2020-01-01 00:00"), at("2027-06-01 12:00"))
    assert (passed.count, passed.latest) == (MAX_COUNTED_TIMES, at(latest))


def test_two_times_of_a_skipped_hour_that_come_to_one_moment_are_one() -> None:
    passed = timetable("0,30 2 * * *", "Europe/Berlin").passed(at("2026-03-29 00:00"), at("2026-03-29 12:00"))
    assert (passed.count, passed.latest) == (1, at("2026-03-29 01:00"))


def test_in_a_repeated_hour_the_next_time_is_not_one_of_its_first_round() -> None:
    assert timetable("30 2 * * *", "Europe/Berlin").after(at("2026-10-25 01:10")) == at("2026-10-26 01:30")


def test_nothing_has_passed_when_the_clock_has_gone_back() -> None:
    passed = timetable("* * * * *", "Etc/UTC").passed(at("2026-06-01 12:00"), at("2026-06-01 11:00"))
    assert (passed.count, passed.latest) == (0, None)


@pytest.mark.parametrize(
    "schedule",
    [
        "61 * * * *",
        "0 24 * * *",
        "0 0 30 2 *",
        "0 0 */30 * MON#3",
        "a b c d e",
        "0 0 * * FRI-SUN",
        "*/0 * * * *",
    ],
)
def test_a_schedule_that_means_nothing_is_reported_with_what_is_wrong(schedule: str) -> None:
    with pytest.raises(
        InvalidTimetableError, match=re.escape(f"spec.schedule {schedule!r}: ") + ".+; the five fields are"
    ) as error:
        timetable(schedule, "Etc/UTC")
    assert error.value.reason == "InvalidSchedule"


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berlim", "'Europe/Berlin'"),
        ("Europe", ""),
        ("localtime", ""),
        ("posixrules", ""),
        ("right/Europe/Berlin", ""),
        ("CEST-2", ""),
    ],
)
def test_a_zone_that_is_none_everywhere_is_reported(zone: str, hint: str) -> None:
    with pytest.raises(
        InvalidTimetableError, match=f"spec.timeZone {zone!r} is not in the IANA database.*{hint}"
    ) as error:
        timetable("0 0 * * *", zone)
    assert error.value.reason == "InvalidTimeZone"


def test_every_zone_can_be_used() -> None:
    assert len(zones()) > 500
    assert all(timetable("30 2 * * *", zone).after(0.0) > 0.0 for zone in zones())


@examples(500)
@given(
    schedule=st.from_regex(r"[0-9A-Za-z*/,#-]{1,6}( [0-9A-Z*/,#-]{1,4}){4}", fullmatch=True),
    zone=st.text(max_size=20),
)
def test_whatever_is_written_is_a_timetable_or_reported(schedule: str, zone: str) -> None:
    for where in ("Europe/Berlin", zone):
        with suppress(InvalidTimetableError):
            assert timetable(schedule, where).after(at("2026-03-29 00:59")) > at("2026-03-29 00:59")
