"""A child is data from outside: what it says is bounded and judged, and it does not outlive its parent."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from ingest_contract.failures import Reason
from ingest_worker.audio import process
from ingest_worker.audio.limits import limits_for
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sandbox.process import Child, ChildEndedError, ChildGarbledError

SPEAKS = "import json, os, sys, time; order = json.loads(sys.stdin.readline())\n"


def gone(pid: int) -> bool:
    """Whether a process that is nobody's child here is over, or soon is."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(10)
    return not psutil.pid_exists(pid)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where to write what the next child does instead of what it should."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -I {tmp_path}/child.py\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path / "child.py"


def decoded(child: Path, code: str) -> StageError:
    """How decoding ends with a child that does this."""
    child.write_text(SPEAKS + code, encoding="utf-8")
    with (
        closing(process.run({"do": "decode"}, limits_for(60, 16_000))) as lines,
        pytest.raises(StageError) as caught,
    ):
        list(lines)
    return caught.value


@pytest.mark.parametrize(
    "code",
    [
        "print('x' * 5_000_000, flush=True)",
        "while True: os.write(1, b'x' * 65536)",
        "print('no json', flush=True)",
        "print('[' * 500_000, flush=True)",
        "print(7, flush=True)",
        "os.write(1, b'\\xff\\xfe\\n')",
    ],
)
def test_what_no_decoder_says_is_the_medias_fault_and_costs_no_memory(code: str, child: Path) -> None:
    assert decoded(child, code).reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    "reason", ["DatabaseUnavailable", "OrderInvalid", "Interrupted", "BotCheck", "Nonsense", None, ["x"]]
)
def test_a_decoder_cannot_say_what_it_cannot_know(reason: object, child: Path) -> None:
    assert (
        decoded(child, f"print(json.dumps({{'failed': {reason!r}, 'message': 'x' * 100_000}}))").reason
        is Reason.UNDECODABLE
    )


def test_its_words_fit_a_receipt(child: Path) -> None:
    end = decoded(child, "print(json.dumps({'failed': 'Undecodable', 'message': 'x' * 100_000}))")
    assert len(str(end)) < 2000


def test_a_child_that_keeps_silent_is_ended_when_its_time_is_over(child: Path) -> None:
    child.write_text(SPEAKS + "time.sleep(600)", encoding="utf-8")
    begun = time.monotonic()
    with (
        closing(process.run({"do": "decode"}, Limits(cpu_seconds=0, file_bytes=0))) as lines,
        pytest.raises(StageError) as caught,
    ):
        list(lines)
    assert caught.value.reason is Reason.UNDECODABLE
    assert time.monotonic() - begun < 5


def test_whoever_waits_may_stop_waiting_and_the_child_is_gone_with_what_it_started(child: Path) -> None:
    child.write_text(
        SPEAKS + "import subprocess\nprint(json.dumps({'pid': subprocess.Popen(['sleep', '600']).pid}), "
        "flush=True)\ntime.sleep(600)"
    )
    said: list[int] = []

    def impatient() -> None:
        if said:
            raise KeyboardInterrupt

    with closing(Child("any", {})) as running, pytest.raises(KeyboardInterrupt):
        said.extend(each["pid"] for each in running.ask({}, seconds=60, waiting=impatient))
    assert gone(said[0])


def test_a_child_that_crashes_is_told_by_its_signal_and_what_it_started_goes_too(
    child: Path, tmp_path: Path
) -> None:
    code = (
        f"import subprocess\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(subprocess.Popen(['sleep', "
        "'600'], stdout=2).pid))\nos.abort()"
    )
    child.write_text(SPEAKS + code, encoding="utf-8")
    with closing(Child("any", {})) as running, pytest.raises(ChildEndedError) as caught:
        list(running.ask({}, seconds=60))
    assert caught.value.code == -6
    assert gone(int((tmp_path / "pid").read_text()))


def test_it_can_be_asked_again(child: Path) -> None:
    child.write_text(
        "import json, sys\nfor line in sys.stdin: print(json.dumps({'done': json.loads(line)['n']}), "
        "flush=True)"
    )
    with closing(Child("any", {})) as running:
        assert [list(running.ask({"n": n}, seconds=60)) for n in range(3)] == [
            [{"done": n}] for n in range(3)
        ]


def test_garbled_is_garbled_for_every_caller(child: Path) -> None:
    child.write_text(SPEAKS + "print('no')", encoding="utf-8")
    with closing(Child("any", {})) as running, pytest.raises(ChildGarbledError):
        list(running.ask({}, seconds=60))


ORPHAN = """
import json, os, subprocess, sys
child = subprocess.Popen([
    sys.executable, "-I", "-c", "from ingest_worker.sandbox.kernel import die_with; import sys, time\\n"
    "die_with(int(sys.argv[1])); print('up', flush=True); time.sleep(600)", str(os.getpid()),
], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_silent_child_does_not_outlive_its_parent() -> None:
    said = subprocess.run(
        [sys.executable, "-I", "-c", ORPHAN], capture_output=True, text=True, check=False
    ).stdout
    assert gone(int(said))


def test_a_child_whose_parent_is_gone_already_does_nothing() -> None:
    code = "from ingest_worker.sandbox.kernel import die_with; die_with(1234567)"
    assert (
        subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=False).returncode != 0
    )


def test_numbers_of_an_order_are_json(child: Path) -> None:
    child.write_text(SPEAKS + "print(json.dumps({'done': order}))", encoding="utf-8")
    with closing(Child("any", {})) as running:
        assert list(running.ask({"a": 1}, seconds=60)) == [{"done": {"a": 1, "parent": os.getpid()}}]


@pytest.mark.parametrize("module", ["ingest_worker.audio.child", "ingest_worker.sources.child"])
def test_a_child_computes_in_one_thread_however_many_processors_its_machine_has(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []

    def start(*_: object, env: dict[str, str], **__: object) -> None:
        started.append(env)
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(FileNotFoundError):
        Child(module, {"LANG": "C.UTF-8"})
    assert {started[0].get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")} == {"1"}
    assert started[0]["LANG"] == "C.UTF-8"
