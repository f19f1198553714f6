"""A child is data from outside: what it says is bounded and judged, and it does not outlive its parent."""

import math
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
from ingest_contract.profile import FetchProfile
from ingest_worker.audio import process
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.audio.limits import limits_for
from ingest_worker.audio.probe import announced_lengths
from ingest_worker.domain import Audio, Media
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


TRUE = {
    "announced": 1.0,
    "tracks": 1,
    "track": 1,
    "passed_over": "",
    "damaged": 0,
    "filled_seconds": 0.0,
    "clock_jumps": 0,
    "open_ended": False,
    "language": None,
    "gain": 1.0,
    "samples": 16_000,
}
WRITES = """
open(order['target'], 'wb').write(bytes(32_000))
nan, inf = float('nan'), float('inf')
say = lambda said: print(json.dumps(said), flush=True)
"""


def audio_of(child: Path, *said: object) -> Audio:
    """What the decoder makes of a child that writes a second of audio and says this."""
    child.write_text(SPEAKS + WRITES)
    with child.open("a") as file:
        file.writelines(f"say({each!r})\n" for each in said)
    media = child.with_name("a.wav")
    media.touch()
    return LimitedDecoder(FetchProfile()).decode(
        Media(media, "a", None), child.with_name("scratch"), lambda _: None
    )


@pytest.mark.parametrize(
    "lie",
    [
        {"samples": "x"}, {"samples": -5}, {"samples": 10**30}, {"samples": math.inf}, {"samples": 15_999},
        {"samples": True}, {"gain": math.nan}, {"gain": 0}, {"gain": "x"}, {"filled_seconds": math.inf},
        {"damaged": -1}, {"tracks": 0}, {"track": None}, {"passed_over": ["x"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_report_that_cannot_be_true_is_undecodable_and_leaves_no_audio(
    lie: dict[str, object], child: Path
) -> None:
    with pytest.raises(StageError, match="no decoder says of its work") as caught:
        audio_of(child, {"done": {**TRUE, **lie}})
    assert caught.value.reason is Reason.UNDECODABLE
    assert list(child.with_name("scratch").iterdir()) == []


@pytest.mark.parametrize("done", [[], {}, None, 7, "x"], ids=str)
def test_a_report_that_is_none_is_undecodable(done: object, child: Path) -> None:
    with pytest.raises(StageError, match="no decoder says of its work"):
        audio_of(child, {"done": done})


@pytest.mark.parametrize(
    "said", ["x", [], {}, math.nan, math.inf, -1, 10**400], ids=lambda said: str(said)[:9]
)
def test_progress_that_cannot_be_true_is_ignored(said: object, child: Path) -> None:
    audio = audio_of(
        child, {"announced": said}, {"announced": 9.0}, {"samples": said}, {"samples": 5}, {"done": TRUE}
    )
    assert audio.samples == TRUE["samples"]


def test_words_of_a_report_are_one_legible_line(child: Path) -> None:
    sound = audio_of(child, {"done": {**TRUE, "passed_over": "\x1b[31m\u202e2 is \ud800" + "x" * 9000}}).sound
    assert sound is not None
    assert sound.passed_over.startswith("[31m2 is \ufffdxxx")
    assert len(sound.passed_over) <= 256


@pytest.mark.parametrize(
    "said",
    [
        [],
        [{"probed": 0, "seconds": 1.0}],
        [{"probing": 5}, {"probing": "x"}],
        [{"probing": 0}, *[{"probing": 0}] * 9, {"probed": 0}],
        [{"probing": 0}, {"probed": 0, "seconds": "x"}],
        [{"probing": 0}, {"probed": 0, "seconds": math.nan}],
        [{"probing": 0}, {"probed": 0, "seconds": -1}],
    ],
    ids=str,
)
def test_lengths_that_cannot_be_true_are_unknown_and_cost_no_other_file(
    said: list[object], child: Path
) -> None:
    says = f"nan = float('nan')\nfor each in {[*said, {'done': {}}]!r}: print(json.dumps(each))\n"
    child.write_text(SPEAKS + says)
    assert announced_lengths([Path("/a.mp3"), Path("/b.mp3")]) == [None, None]


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
    assert caught.value.reason is Reason.DOWNLOAD_FAILED, "it computed nothing: the media are not to blame"
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


def test_a_child_that_crashes_is_reported_by_its_signal_and_what_it_started_goes_too(
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
