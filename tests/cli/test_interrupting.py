"""Ctrl-C at any time: no traceback, the same exit code, and nothing left running."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from ingest_worker.store import embedded
from ingestctl import ending, place, run
from ingestctl.place import Workplace

IMPORTING = """
import sys

interrupted = sys.argv[1]

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == interrupted:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
from ingestctl.__main__ import main
sys.argv[1:] = ["list"]
main()
"""


class Telling:
    def __init__(self, lines: list[str]) -> None:
        self.said = lines.append

    def showed(self, status: object, items: object) -> None: ...


class LeftError(Exception):
    """In place of the end of the process."""


@pytest.mark.parametrize("module", ["typer", "ingest_worker.sandbox.kernel", "rich.console", "yaml"])
def test_ctrl_c_while_something_is_imported_is_no_traceback(module: str) -> None:
    command = [sys.executable, "-c", IMPORTING, module]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_whoever_is_left_at_once_has_the_embedded_postgres_stopped_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []

    def left(code: int) -> None:
        raise LeftError(code)

    monkeypatch.setattr(ending.os, "_exit", left)
    monkeypatch.setattr(place, "_stopped_by_another", stopped.append)
    monkeypatch.setattr(embedded, "embedded", nullcontext)
    here = Workplace.of(tmp_path, None)
    for dsn, wanted in ((None, [here.home / "postgres"]), ("host=db", [])):
        stopped.clear()
        with Workplace.of(tmp_path, dsn).store(), pytest.raises(LeftError, match="130"):
            ending.leave()
        assert stopped == wanted
    stopped.clear()
    with pytest.raises(LeftError):
        ending.leave()
    assert stopped == []


def test_whoever_leaves_is_gone_even_where_nothing_can_be_started_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def left(code: int) -> None:
        raise LeftError(code)

    def full() -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(ending.os, "_exit", left)
    with ending.when_left(full), pytest.raises(LeftError, match="130"):
        ending.leave()


def test_the_second_ctrl_c_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def interrupted() -> None:
        stop, left = asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(run, "leave", left.set)
        with run.stopping_on_signals(stop, Telling(said)):
            os.kill(os.getpid(), signal.SIGINT)
            await stop.wait()
            assert not left.is_set()
            os.kill(os.getpid(), signal.SIGINT)
            await left.wait()

    asyncio.run(interrupted())
    assert "Ctrl-C again to leave at once" in said[0]
