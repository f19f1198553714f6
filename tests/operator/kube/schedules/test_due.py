"""Which batch is due: at most one, never twice, never for a time that nobody was promised; and every other
time is counted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.conditions import ConditionType
from ingest_contract.schedule import IngestScheduleStatus
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.schedules.due import DueResult, Timing, due_result
from ingest_operator.kube.schedules.owned_batches import children_of
from ingest_operator.kube.schedules.reconcile import read
from tests.support.schedules import DAY, HOUR, MADE, a_child, a_schedule, at
from tests.support.thoroughness import examples

DONE, FAILED = ConditionType.COMPLETE, ConditionType.FAILED
FIRST = at("2026-01-11 02:30")
"""The first night of the schedules of tests."""


def wanted(**spec: Any) -> Timing:
    found = read(a_schedule(**spec)).wanted
    assert found is not None
    return found


def settled(until: float, timetable: str = "30 2 * * * Etc/UTC") -> IngestScheduleStatus:
    return IngestScheduleStatus(observed_generation=1, settled_until=to_rfc3339(until), timetable=timetable)


def surveyed(
    now: float, *batches: Object, previous: IngestScheduleStatus | None = None, **spec: Any
) -> DueResult:
    return due_result(wanted(**spec), previous, children_of(a_schedule(), batches), now)


@pytest.mark.parametrize(
    ("now", "start", "following"),
    [
        (MADE, None, FIRST),
        (FIRST - 0.001, None, FIRST),
        (FIRST, FIRST, FIRST + DAY),
        (FIRST + HOUR, FIRST, FIRST + DAY),
    ],
    ids=["when it is made", "just before", "on time", "an hour late"],
)
def test_a_batch_is_due_from_its_time_on(now: float, start: float | None, following: float) -> None:
    found = surveyed(now)
    assert (found.start, found.next, found.missed) == (start, following, 0)


def test_nothing_is_due_for_a_time_before_the_schedule_was_made() -> None:
    assert surveyed(MADE, schedule="0 12 * * *").start is None
    assert surveyed(MADE + 60, schedule="1 12 * * *").start == MADE + 60


def test_a_time_that_has_its_batch_is_not_due_again_whatever_the_status_says() -> None:
    found = surveyed(FIRST + HOUR, a_child(FIRST, DONE))
    assert (found.start, found.settled, found.missed) == (None, FIRST, 0)


def test_a_time_that_is_settled_is_not_due_again_though_its_batch_is_gone() -> None:
    assert surveyed(FIRST + HOUR, previous=settled(FIRST)).start is None


@pytest.mark.parametrize(("nights", "missed"), [(1, 0), (2, 1), (7, 6)])
def test_after_an_absence_only_the_latest_time_is_caught_up_and_the_others_are_missed(
    nights: int, missed: int
) -> None:
    latest = FIRST + (nights - 1) * DAY
    found = surveyed(latest + HOUR, previous=settled(MADE))
    assert (found.start, found.missed) == (latest, missed)
    after = surveyed(latest + HOUR, a_child(latest), previous=settled(MADE))
    assert (after.start, after.missed, after.settled) == (None, missed, latest)


@pytest.mark.parametrize(
    ("late", "start", "missed"),
    [(599.0, FIRST + DAY, 1), (600.0, FIRST + DAY, 1), (600.5, None, 2)],
    ids=["before", "on", "after"],
)
def test_a_time_is_caught_up_until_its_deadline_and_is_missed_then(
    late: float, start: float | None, missed: int
) -> None:
    found = surveyed(FIRST + DAY + late, startingDeadlineSeconds=600)
    assert (found.start, found.missed) == (start, missed)
    assert found.settled == (FIRST + DAY if start is None else FIRST + DAY - 1)


def test_what_is_missed_counts_once() -> None:
    first = surveyed(
        FIRST + 3 * DAY + HOUR, a_child(FIRST), concurrencyPolicy="Forbid", previous=settled(FIRST)
    )
    assert (first.start, first.missed) == (None, 2)
    second = surveyed(FIRST + 3 * DAY + 2 * HOUR, a_child(FIRST), previous=settled(first.settled))
    assert (second.missed, second.settled) == (0, first.settled)


@pytest.mark.parametrize(
    ("policy", "ends", "start"),
    [
        ("Forbid", (), None),
        ("Forbid", (DONE,), FIRST + DAY),
        ("Forbid", (FAILED,), FIRST + DAY),
        ("Forbid", (DONE, FAILED), FIRST + DAY),
        ("Allow", (), FIRST + DAY),
        ("Replace", (), FIRST + DAY),
    ],
)
def test_an_earlier_batch_is_in_the_way_only_while_it_is_not_finished_and_must_not_be_alone(
    policy: str, ends: tuple[ConditionType, ...], start: float | None
) -> None:
    found = surveyed(FIRST + DAY, a_child(FIRST, *ends), previous=settled(FIRST), concurrencyPolicy=policy)
    assert (found.start, found.missed, found.settled) == (start, 0, FIRST)


def test_a_batch_that_is_being_deleted_is_in_the_way_until_it_is_gone() -> None:
    leaving = a_child(FIRST, deletionTimestamp=to_rfc3339(FIRST + DAY))
    assert surveyed(FIRST + DAY, leaving, previous=settled(FIRST)).start is None
    assert surveyed(FIRST + DAY, previous=settled(FIRST)).start == FIRST + DAY


@pytest.mark.parametrize("year", [2050, 9999])
def test_a_batch_that_bears_a_time_to_come_settles_nothing(year: int) -> None:
    promised = a_child(at(f"{year}-12-31 22:59"), DONE)
    found = surveyed(FIRST + HOUR, promised)
    assert (found.start, found.settled, found.missed, found.next) == (FIRST, MADE, 0, FIRST + DAY)


def test_a_status_that_settles_every_time_there_will_be_has_no_next_one() -> None:
    assert (
        surveyed(
            FIRST,
            previous=settled(at("9999-12-31 23:59"), "30 2 * * * Pacific/Apia"),
            timeZone="Pacific/Apia",
        ).next
        is None
    )


def test_what_waited_starts_when_the_way_is_free_and_is_missed_when_that_was_too_late() -> None:
    finished = a_child(FIRST, DONE)
    assert (
        surveyed(FIRST + DAY + HOUR, finished, previous=settled(FIRST), startingDeadlineSeconds=7200).start
        == FIRST + DAY
    )
    late = surveyed(FIRST + DAY + 3 * HOUR, finished, previous=settled(FIRST), startingDeadlineSeconds=7200)
    assert (late.start, late.missed, late.settled) == (None, 1, FIRST + DAY)


def test_a_suspended_schedule_starts_nothing_has_no_next_time_and_stands_still() -> None:
    reconciles = {
        surveyed(FIRST + days * DAY + HOUR, previous=settled(FIRST), suspend=True) for days in range(5)
    }
    assert reconciles == {
        DueResult(start=None, settled=FIRST, missed=0, next=None, timetable="30 2 * * * Etc/UTC")
    }


def test_a_schedule_that_was_suspended_catches_up_one_time() -> None:
    found = surveyed(FIRST + 5 * DAY + HOUR, previous=settled(FIRST))
    assert (found.start, found.missed) == (FIRST + 5 * DAY, 4)


@pytest.mark.parametrize("change", [{"schedule": "0 3 * * *"}, {"timeZone": "Europe/Berlin"}])
def test_with_another_timetable_its_times_of_the_past_are_not_due_and_those_of_the_one_before_are_missed(
    change: dict[str, Any],
) -> None:
    now = FIRST + 3 * DAY + 2 * HOUR
    found = surveyed(now, previous=settled(FIRST), **change)
    assert (found.start, found.missed, found.settled) == (None, 3, now)
    assert found.next is not None
    assert now < found.next < now + DAY


@pytest.mark.parametrize("moment", ["2026-10-25 00:45", "2026-10-25 01:15"], ids=["first", "repeated"])
def test_an_edit_of_the_zone_in_the_hour_that_comes_twice_misses_what_had_come_and_repeats_nothing(
    moment: str,
) -> None:
    berlin, now = {"schedule": "30 2 * * *", "timeZone": "Europe/Berlin"}, at(moment)
    before = settled(at("2026-10-24 00:30"), "30 2 * * * Europe/Berlin")
    had_come = at("2026-10-25 00:30")  # the first 2:30 of that night
    assert surveyed(now, previous=before, **berlin).start == had_come
    for zone, following in (("Europe/Lisbon", "2026-10-25 02:30"), ("Europe/Paris", "2026-10-26 01:30")):
        found = surveyed(now, previous=before, **berlin | {"timeZone": zone})
        assert (found.start, found.missed, found.settled, found.next) == (None, 1, now, at(following))
        started = surveyed(now, a_child(had_come), previous=before, **berlin | {"timeZone": zone})
        assert (started.start, started.missed, started.next) == (None, 0, at(following))


def test_other_blanks_are_no_other_timetable() -> None:
    assert surveyed(FIRST + DAY, previous=settled(FIRST), schedule="30  2 * *  *").start == FIRST + DAY


def test_a_fixed_schedule_begins_when_it_is_fixed() -> None:
    invalid_until_now = IngestScheduleStatus(observed_generation=1)
    found = surveyed(FIRST + 3 * DAY + HOUR, previous=invalid_until_now)
    assert (found.start, found.missed, found.next) == (None, 0, FIRST + 4 * DAY)


def test_nothing_is_done_twice_and_nothing_counted_when_the_clock_goes_back() -> None:
    found = surveyed(FIRST + HOUR, a_child(FIRST + 2 * DAY, DONE), previous=settled(FIRST + 2 * DAY))
    assert (found.start, found.missed, found.settled, found.next) == (
        None,
        0,
        FIRST + 2 * DAY,
        FIRST + 3 * DAY,
    )


moves = st.lists(
    st.tuples(
        st.floats(min_value=-3 * HOUR, max_value=80 * HOUR),
        st.sampled_from(["Forbid", "Allow"]),
        st.booleans(),
        st.sampled_from([None, 600, 7200]),
        st.booleans(),
    ),
    max_size=12,
)


@examples(200)
@given(moves)
def test_every_time_is_settled_once_whatever_happens(
    moves: list[tuple[float, str, bool, int | None, bool]],
) -> None:
    now, previous, batches, missed, started = MADE, settled(MADE), list[Object](), 0, list[float]()
    for step, policy, suspend, deadline, finish in moves:
        now += step
        batches = [a_child(due, DONE) for due in started] if finish else batches
        more = {"startingDeadlineSeconds": deadline} if deadline else {}
        spec = {"concurrencyPolicy": policy, "suspend": suspend, "schedule": "30 */6 * * *"} | more
        before = settled(as_seconds_of(previous), "30 */6 * * * Etc/UTC")
        found = surveyed(now, *batches, previous=before, **spec)
        if found.start is not None:
            assert found.start <= now
            assert not started or found.start > started[-1]
            started.append(found.start)
            batches.append(a_child(found.start))
            found = surveyed(now, *batches, previous=before, **spec)
        assert found.settled >= as_seconds_of(before)
        assert found.start is None
        missed += found.missed
        previous = settled(found.settled)
        table = wanted(**spec).timetable
        assert table.passed(MADE, found.settled).count == len(started) + missed


def as_seconds_of(status: IngestScheduleStatus) -> float:
    assert status.settled_until is not None
    return at(status.settled_until.removesuffix("Z").replace("T", " "))
