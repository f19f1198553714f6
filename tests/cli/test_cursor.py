"""Whatever moves on a terminal hides its cursor, and whoever ends the command has it again."""

import json
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.status_store import marked_alive
from tests.cli.test_causes import OF_STATES
from tests.support.terminal import HIDDEN, Terminal, on_a_terminal

pytestmark = pytest.mark.slow

OWN_SIGNALS = """
import signal
# what runs in the background has them ignored, and so would this
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
"""
STEP = """
import threading
from ingestctl import __main__ as entry, progress
progress.LATE_SECONDS = 0.001

def app(prog_name):
    with progress.going("reading"):
        threading.Event().wait()

entry._app = lambda _: app
entry.main()
"""
BARS = """
import threading
from pathlib import Path
from ingest_worker.models import load_set
from ingestctl import __main__ as entry, models
from ingestctl.consoles import people

def app(prog_name):
    models.fetch = lambda *_: threading.Event().wait()
    models.fetch_with_bars(load_set("default"), Path(), people())

entry._app = lambda _: app
entry.main()
"""
WATCH = """
import sys
sys.argv = ["ingestctl", "watch", "talks"]
from ingestctl.__main__ import main
main()
"""
LEFT_AT_ONCE = """
from ingestctl import ending
from ingestctl.consoles import people
from ingestctl.screen import TerminalWatcher
with TerminalWatcher(people()):
    ending.leave()
"""
STOPPING = """
import asyncio, os, signal
from ingestctl.consoles import people
from ingestctl.ending import interrupted_by_sigterm
from ingestctl.run import stopping_on_signals
from ingestctl.screen import TerminalWatcher

async def story(watcher):
    stop = asyncio.Event()
    with stopping_on_signals(stop, watcher):
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

try:
    with interrupted_by_sigterm(), TerminalWatcher(people()) as watcher:
        asyncio.run(story(watcher))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
except KeyboardInterrupt:
    raise SystemExit(130)
"""

IGNORED = """
import os
from ingestctl.ending import interrupted_by_sigterm
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with interrupted_by_sigterm():
    os.kill(os.getpid(), signal.SIGTERM)
print("went on")
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BatchFolder:
    """A home with a batch that goes on."""
    monkeypatch.setenv("INGEST_HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    folder = BatchFolder.of(tmp_path, "default", "talks")
    folder.path.mkdir(parents=True)
    text = json.loads(OF_STATES["Running"].model_dump_json(exclude_none=True))
    text["metadata"] |= {"namespace": "default", "name": "talks"}
    folder.status.write_text(json.dumps(text))
    return folder


def started(script: str) -> AbstractContextManager[Terminal]:
    return on_a_terminal([sys.executable, "-c", OWN_SIGNALS + script])


def ended(terminal: Terminal, how: signal.Signals) -> int:
    terminal.until(HIDDEN)
    terminal.process.send_signal(how)
    return terminal.to_its_end()


@pytest.mark.parametrize("script", [STEP, BARS], ids=["a step", "bars of downloads"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_ended_by_a_signal_leaves_the_cursor(script: str, how: signal.Signals) -> None:
    with started(script) as terminal:
        code = ended(terminal, how)
        assert terminal.has_cursor
    assert code == 130, terminal.said
    assert b"Traceback" not in terminal.said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_that_is_ended_by_a_signal_leaves_the_cursor(home: BatchFolder, how: signal.Signals) -> None:
    with marked_alive(home, "somebody"), started(WATCH) as terminal:
        code = ended(terminal, how)
        assert terminal.has_cursor
    assert code == 130, terminal.said
    assert b"Traceback" not in terminal.said


@pytest.mark.parametrize("script", [LEFT_AT_ONCE, STOPPING], ids=["left at once", "behind its runs"])
def test_a_run_that_is_left_leaves_the_cursor(script: str) -> None:
    with started(script) as terminal:
        code = terminal.to_its_end()
        assert terminal.has_cursor
    assert code == 130, terminal.said


def test_whoever_has_sigterm_ignored_is_left_alone() -> None:
    with started(IGNORED) as terminal:
        assert terminal.to_its_end() == 0
    assert b"went on" in terminal.said
