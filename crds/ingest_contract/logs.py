"""The log of operator and worker: one JSON object per line on standard error, in one form, so that one query
finds both.

Each composition root calls `start` once. Our own records carry their fields as `extra`, first of all
`action`; the extras of other libraries are left out. Texts are made safe here and nowhere else: one line, no
address with a password, nothing that a terminal obeys.
"""

import json
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

from typing_extensions import override

from ingest_contract.text import escaped, redacted, said

Fields = Mapping[str, Any]

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
"""Fields that every record has; the rest is `extra`."""


class JsonLines(logging.Formatter):
    """Records as JSON lines."""

    def __init__(
        self,
        ours: str,
        subject: Callable[[], Fields] = dict,
        of_others: Callable[[logging.LogRecord], Fields] = lambda _: {},
    ) -> None:
        """Make a formatter.

        Args:
            ours: The package whose records' extras are shown.
            subject: What every record is about, evaluated when it is written.
            of_others: What is shown of another library's record.
        """
        super().__init__()
        self._ours, self._subject, self._of_others = ours, subject, of_others

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": said(record.getMessage()),
        }
        for name, value in {**self._subject(), **self._extras(record)}.items():
            line.setdefault(name, _plain(value))
        if record.exc_info:
            line["traceback"] = redacted("".join(traceback.format_exception(*record.exc_info)))
        return escaped(json.dumps(line, ensure_ascii=False))

    def _extras(self, record: logging.LogRecord) -> Fields:
        if record.name.partition(".")[0] != self._ours:
            return self._of_others(record)
        return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def start(formatter: JsonLines, ours: str) -> None:
    """Log in this form from now on: our own records, and other libraries' warnings. Standard output stays
    free, because a plan is printed there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(ours).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def _time_of(record: logging.LogRecord) -> str:
    """`2026-01-31T12:00:00.000Z`: always as long, so that lines stand below each other."""
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> object:
    """Numbers and other JSON values unchanged; anything else, infinity included, as text."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    return said(str(value))
