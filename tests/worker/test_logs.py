"""One JSON object per line, whatever is logged."""

import json
import logging

import pytest

from ingest_worker.logs import JsonLines, fields_of

MESSAGES = {
    "action=end exit=0 seconds=1.5": {"action": "end", "exit": "0", "seconds": "1.5"},
    'action=plan why="too little memory" rung=2': {"action": "plan", "why": "too little memory", "rung": "2"},
    "action=keep-later error=Postgres did not answer.": {"action": "keep-later", "error": "Postgres did not answer."},
    "found 3 speakers where 2 were ordered": {"message": "found 3 speakers where 2 were ordered"},
    "x action=end": {"message": "x action=end"},
}


@pytest.mark.parametrize(("message", "fields"), MESSAGES.items(), ids=range(len(MESSAGES)))
def test_a_message_becomes_fields_where_it_is_made_of_them(message: str, fields: dict[str, str]) -> None:
    assert fields_of(message) == fields


def test_a_line_is_json_with_time_level_trace_and_traceback() -> None:
    error = ValueError("two\nlines")
    told = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("ingest_worker", logging.ERROR, __file__, 1, "action=fail reason=%s", ("Unknown",), told)
    line = JsonLines("abc").format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["traceId"], found["action"], found["reason"]) == ("error", "abc", "fail", "Unknown")
    assert "ValueError: two" in found["traceback"]
    assert found["time"].endswith("+00:00")
