"""The log: one JSON object per line on standard error, with the same fields as a worker's, so that one query finds both.

Called once by `__main__`. Our own records bring `action=` and what it is about as `extra`; `about` adds the batch and its trace to every
record of a look, so that the core need not know what it is working for.
"""

import contextlib
import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from typing_extensions import override

OURS: Final = "ingest_operator"

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
"""What every record has; the rest is `extra`."""

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=MappingProxyType({}))


@contextlib.contextmanager
def about(batch: str, trace_id: str) -> Iterator[None]:
    """Every record of this task, and of those that it starts, is about a batch (`namespace/name`)."""
    token = _subject.set({"batch": batch, "traceId": trace_id})
    try:
        yield
    finally:
        _subject.reset(token)


class JsonLines(logging.Formatter):
    """Records as JSON lines."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in {**_subject.get(), **_extras(record)}.items():
            line.setdefault(name, _plain(value))
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _extras(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a record brings along. Of other libraries' records only the object that kopf names: what else they attach is for themselves."""
    if record.name.partition(".")[0] == OURS:
        return {name: value for name, value in vars(record).items() if name not in _STANDARD}
    reference = getattr(record, "k8s_ref", None)
    if not isinstance(reference, Mapping):
        return {}
    place = "/".join(str(reference[part]) for part in ("namespace", "name") if reference.get(part))
    return {"object": f"{reference.get('kind')} {place}"}


def _plain(value: object) -> object:
    """What JSON can say, as it is; anything else, infinity included, as text."""
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)):
        return value
    return str(value)


def start() -> None:
    """Log like this from now on: our own news, and other libraries' warnings. Kopf tells of every handler, aiohttp of every request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
