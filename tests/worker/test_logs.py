"""What a worker logs: sentences for people and fields for programs,
and no text that has to be taken apart again."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from ingest_worker.logs import formatter

PRODUCT = [
    path
    for folder in ("crds", "operator", "worker", "cli")
    for path in sorted((Path(__file__).parents[2] / folder).rglob("*.py"))
]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def test_a_line_is_json_with_time_level_trace_fields_and_traceback() -> None:
    error = ValueError("two\nlines")
    told = (ValueError, error, error.__traceback__)
    extra = {"action": "fail", "reason": "Unknown", "exit": 70}
    record = logging.getLogger("ingest_worker").makeRecord(
        "ingest_worker.process", logging.ERROR, "", 1, "it failed", (), told, extra=extra
    )
    line = formatter("abc").format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["traceId"], found["message"]) == ("error", "abc", "it failed")
    assert (found["action"], found["reason"], found["exit"]) == ("fail", "Unknown", 70)
    assert "ValueError: two" in found["traceback"]
    assert found["time"].endswith("Z")


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what a file logs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            yield from (
                (node.lineno, each.value)
                for each in node.args[:2]
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )


def test_no_message_of_the_product_holds_fields() -> None:
    found = [(path.name, line, text) for path in PRODUCT for line, text in messages(path)]
    assert len(found) > 20
    assert [each for each in found if re.search(r"\w=(%|\S)", each[2])] == []
