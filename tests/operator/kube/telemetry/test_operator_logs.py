"""One JSON object per line, whatever is logged and whoever logs it; in a process of its own, because logging
belongs to the process."""

import asyncio
import json
import logging
import re
import subprocess
import sys
from math import inf
from typing import Any

import pytest

from ingest_operator.kube.telemetry.logs import about, formatter
from ingest_worker import logs as worker_logs


def line(
    message: str = "hello",
    *,
    logger: str = "ingest_operator.reconcile",
    error: BaseException | None = None,
    **extra: Any,
) -> Any:
    """What a record becomes."""
    told = (type(error), error, error.__traceback__) if error else None
    record = logging.getLogger(logger).makeRecord(
        logger, logging.INFO, __file__, 1, message, (), told, extra=extra
    )
    text = formatter().format(record)
    assert "\n" not in text
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_line_has_the_fields_of_its_record_and_what_it_brings_along() -> None:
    found = line("Start(3, 1)", action="start", index=3, run=1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "info",
        "logger": "ingest_operator.reconcile",
        "message": "Start(3, 1)",
        "action": "start",
        "index": 3,
        "run": 1,
    }


def test_a_workers_fields_have_the_same_names_here() -> None:
    error = ValueError("two\nlines")
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "hello", (), (ValueError, error, None))
    theirs = json.loads(worker_logs.formatter("0" * 32).format(record))
    with about("default/talks", "0" * 32):
        ours = json.loads(formatter().format(record))
    assert theirs.items() <= ours.items()
    assert ours.keys() - theirs.keys() == {"batch"}


def test_every_record_of_a_reconcile_names_its_batch_and_no_other_record_does() -> None:
    async def look(name: str) -> list[Any]:
        with about(f"default/{name}", name * 32):
            await asyncio.sleep(0)
            inner = await asyncio.gather(
                asyncio.to_thread(line), asyncio.create_task(asyncio.to_thread(line, index=1))
            )
        return [*inner, line()]

    async def looks() -> list[list[Any]]:
        return await asyncio.gather(look("a"), look("b"))

    for name, (first, second, outside) in zip("ab", asyncio.run(looks()), strict=True):
        assert (first["batch"], first["traceId"]) == (f"default/{name}", name * 32)
        assert (second["batch"], second["index"]) == (f"default/{name}", 1)
        assert "batch" not in outside


def test_what_json_cannot_say_is_said_in_text() -> None:
    found = line(until=inf, what={"a": 1}, share=0.5, none=None, on=True)
    assert (found["until"], found["what"], found["share"], found["none"], found["on"]) == (
        "inf",
        "{'a': 1}",
        0.5,
        None,
        True,
    )


def test_nothing_that_is_brought_along_takes_the_place_of_a_records_own_fields() -> None:
    found = line(level="loud", time="now")
    assert found["level"] == "info"
    assert found["time"] != "now"


def test_a_password_in_an_address_is_in_no_log_and_nothing_that_a_terminal_obeys_is() -> None:
    error = OSError("postgres://ann:geheim@db.example.org/x refused\x9b2J")
    found = line(
        "asking https://ann:geheim@example.org\n\x1b[31m",
        error=error,
        where="https://example.org/a?token=geheim",
        why=error,
    )
    assert "geheim" not in json.dumps(found)
    assert found["message"] == "asking https://example.org [31m"


def test_of_kopfs_records_only_the_object_is_kept() -> None:
    found = line(
        logger="kopf.objects",
        settings=object(),
        k8s_skip=True,
        k8s_ref={"kind": "Job", "namespace": "default", "name": "a"},
    )
    assert found["object"] == "Job default/a"
    assert found.keys() == {"time", "level", "logger", "message", "object"}


PROGRAM = """
import logging, sys, warnings
from ingest_operator.kube.telemetry import logs
logs.start()
logging.getLogger("ingest_operator.kube.workqueue").info("ours", extra={"action": "reconcile"})
logging.getLogger("ingest_operator.kube.workqueue").debug("too much")
for name in ("kopf.objects", "kopf.activities", "aiohttp.access", "asyncio", "kubernetes"):
    logging.getLogger(name).info("noise")
logging.getLogger("kopf.objects").warning("two\\nlines \\udc80")
warnings.warn("soon gone")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("ingest_operator.x").exception("failed", extra={"action": "reconcile"})
"""


def test_our_news_and_the_warnings_of_others_go_to_standard_error_as_json_and_nothing_else_does() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert done.stdout == b""
    lines = [json.loads(text) for text in done.stderr.decode().splitlines()]
    assert [(each["logger"], each["level"]) for each in lines] == [
        ("ingest_operator.kube.workqueue", "info"),
        ("kopf.objects", "warning"),
        ("py.warnings", "warning"),
        ("ingest_operator.x", "error"),
    ]
    assert "ZeroDivisionError" in lines[-1]["traceback"]
