"""Where a pod's log was left, so that a connection that breaks repeats no line and loses none. Pure.

The API server is asked for whole seconds (`sinceTime`), and its lines have nanoseconds in front: those of the
second that were seen already are left out here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ingestctl.backends.port import LogLine

_Moment = tuple[datetime, str]
"""A time, and its fraction of a second, of which `datetime` keeps only six digits."""


@dataclass(slots=True)
class LogMark:
    """The last line that was seen: its time, and how many lines of that time there were."""

    at: str = ""
    lines: int = 0

    @classmethod
    def read(cls, text: str) -> "LogMark":
        """From a line's mark; "" is before every line."""
        at, _, lines = text.partition(" ")
        return cls(at, int(lines or 0))

    def __str__(self) -> str:
        """As a line's mark."""
        return f"{self.at} {self.lines}" if self.at else ""

    @property
    def since(self) -> str:
        """What to ask for: the second of the last line. "" for everything."""
        return f"{_moment(self.at)[0].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if self.at else ""


class NewLines:
    """The lines behind a mark, out of those that the API server gives."""

    def __init__(self, mark: LogMark) -> None:
        self._left, self._now = mark, LogMark(mark.at)
        self._last = str(mark)

    def of(self, line: str) -> Iterator[LogLine]:
        """The line without its time, unless it was seen before."""
        at, _, text = line.partition(" ")
        try:
            moment = _moment(at)
        except ValueError:  # words of the kubelet, not of the container
            yield LogLine(line, self._last)
            return
        if self._left.at and moment < _moment(self._left.at):
            return
        self._now = LogMark(at, self._now.lines + 1 if at == self._now.at else 1)
        if at != self._left.at or self._now.lines > self._left.lines:
            self._last = str(self._now)
            yield LogLine(text, self._last)


def _moment(text: str) -> _Moment:
    """Raises `ValueError` for what is no time with its zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    fraction = text.partition(".")[2]
    digits = "".join(each for each in fraction if each.isdigit())[:9]
    return found, digits
