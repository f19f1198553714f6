"""The log: one JSON object per line on standard error, each with the batch's trace and, where something is done, its `action`.

Called once by `__main__`. A message of the form `action=fetch bytes=12 ...` becomes fields. Must keep standard output free: a plan is
printed there.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from typing_extensions import override

from ingest_contract.text import escaped, redacted, said

_FIELD: Final = re.compile(r"([a-z_]+)=(\"[^\"]*\"|\S+)(?:\s+|$)")


class JsonLines(logging.Formatter):
    """Records as JSON lines."""

    def __init__(self, trace_id: str) -> None:
        super().__init__()
        self._trace_id = trace_id

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "traceId": self._trace_id,
            "logger": record.name,
        }
        line |= fields_of(said(record.getMessage()))
        if record.exc_info:
            line["traceback"] = redacted("".join(traceback.format_exception(*record.exc_info)))
        return escaped(json.dumps(line, ensure_ascii=False, default=str))


def fields_of(message: str) -> dict[str, str]:
    """`action=x a=1 b="two words"` as fields; what does not read so from its beginning is a message."""
    if not message.startswith("action="):
        return {"message": message}
    fields: dict[str, str] = {}
    at = 0
    while match := _FIELD.match(message, at):
        name, value = match.groups()
        fields[name] = value.strip('"')
        at = match.end()
    if at < len(message):
        last = next(reversed(fields))
        fields[last] += " " + message[at:].strip()  # a sentence at the end belongs to the last field
    return fields


def start(trace_id: str) -> None:
    """Log like this from now on: our own news, and other libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(trace_id))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ingest_worker").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
