"""Cron expressions in a time zone, as moments. Pure.

`cronsim` finds the times; it follows Debian's cron when clocks go forward or back. docs/schedules.md has the
table.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from math import floor
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MAX_COUNTED_TIMES: Final = 10_000
"""Times that are counted at once, at most, a week of minutes: an operator that was down for a year must not
block everything to count half a million."""

_ANY_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""The start of the check whether an expression ever fires; the check covers fifty years."""

_FIELDS: Final = "the five fields are minute, hour, day of month, month and day of week"


class InvalidTimetableError(Exception):
    """The cron expression or the time zone is invalid."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class CalendarEndError(Exception):
    """The year 9999 is the last that a timestamp of the API can have."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The times between two moments."""

    count: int
    """How many, at most `MAX_COUNTED_TIMES`."""
    latest: float | None
    """The last of them."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """When something is due. Moments are epoch seconds."""

    schedule: str
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{' '.join(self.schedule.split())} {self.zone.key}"

    def after(self, moment: float) -> float:
        """The first time after a moment. Raises `CalendarEndError` where the calendar ends before it."""
        try:
            return next(self._times(moment))
        except (OverflowError, ValueError) as error:
            raise CalendarEndError(
                f"{self} has no time after {moment:.0f} that can be written down"
            ) from error

    def passed(self, since: float, until: float) -> Passed:
        """The times after `since`, up to and including `until`."""
        if since >= until:
            return Passed(0, None)
        times = list(islice(self._within(since, until), MAX_COUNTED_TIMES))
        return Passed(
            len(times),
            max(times, default=None) if len(times) < MAX_COUNTED_TIMES else self._latest(since, until),
        )

    def _latest(self, since: float, until: float) -> float | None:
        """The last time between two moments, found without going through all of them."""
        span, found = 3600.0, None
        while found is None and span < 2 * (until - since):
            found = max(self._within(max(since, until - span), until), default=None)
            span *= 2
        return found

    def _within(self, since: float, until: float) -> Iterator[float]:
        for time in self._times(since):
            if time > until:
                return
            yield time

    def _times(self, after: float) -> Iterator[float]:
        """Every time after a moment.

        The library returns a time twice if two times of a skipped hour are the same moment, and a past time
        if it begins in a repeated hour.
        """
        latest = after
        for time in CronSim(self.schedule, datetime.fromtimestamp(floor(after), tz=self.zone)):
            moment = time.timestamp()
            if moment > latest:
                latest = moment
                yield moment


def timetable(schedule: str, zone: str) -> Timetable:
    """A timetable that fires at least once. Raises `InvalidTimetableError`."""
    try:
        ever = next(CronSim(schedule, _ANY_DAY), None)
    except CronSimError as error:
        raise InvalidTimetableError(
            "InvalidSchedule", f"spec.schedule {schedule!r}: {str(error).lower()}; {_FIELDS}"
        ) from error
    if ever is None:
        raise InvalidTimetableError(
            "InvalidSchedule", f"spec.schedule {schedule!r}: no day is ever like that; {_FIELDS}"
        )
    if zone not in zones():
        near = difflib.get_close_matches(zone, zones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidTimetableError(
            "InvalidTimeZone", f"spec.timeZone {zone!r} is not in the IANA database{hint}"
        )
    return Timetable(schedule, ZoneInfo(zone))


@cache
def zones() -> frozenset[str]:
    """Every time zone of the package, not of the machine: `localtime` would be another one on each."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
