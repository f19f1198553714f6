"""What code can still do that has taken over the decoder: each thing tried, in the real child, behind the
real walls."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_worker.audio import process
from ingest_worker.audio.limits import limits_for
from ingest_worker.domain import SAMPLE_RATE
from ingest_worker.errors import StageError
from ingest_worker.sandbox import seccomp
from ingest_worker.sandbox.walls import Wall, walls_lacking
from testkit.media.tones import make
from tests.worker.sandbox.attacks import ATTACKS, in_place_of

DONE = {"read the media", "write the audio", "take memory", "ask for the time"}
"""All that is left."""

KILLED = {
    "connect over TCP",
    "send over UDP",
    "open a local socket",
    "run a program",
    "kill its parent",
    "trace its parent",
    "read its parent's memory by a call",
    "make a namespace",
    "queue work in the kernel",
    "kill everybody",
    "open an abstract socket",
    "ask the kernel by netlink",
    "run a program from memory",
    "watch faults of memory",
    "hold its parent",
}
"""No decoder does these by mistake: the process is killed, and that is told."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these walls are Linux's")


def tried(attack: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **how: object) -> StageError:
    """How an attack ends, told as the worker is told."""
    source = make(folder / "a.wav", "pcm_s16le", seconds=1)
    monkeypatch.setattr(sys, "executable", str(in_place_of(sys.executable, folder, attack, **how)))  # type: ignore[arg-type]  # options
    request = {
        "do": "decode",
        "source": str(source),
        "target": str(folder / "audio.pcm"),
        "rate": SAMPLE_RATE,
        "most": SAMPLE_RATE,
    }
    with (
        closing(process.run(request, limits_for(60, SAMPLE_RATE))) as lines,
        pytest.raises(StageError) as caught,
    ):
        list(lines)
    return caught.value


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_decoder_can_read_its_media_and_write_its_audio_and_nothing_else(
    attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = tried(attack, tmp_path, monkeypatch)
    assert end.reason is (Reason.NO_AUDIO_TRACK if attack in DONE else Reason.UNDECODABLE)
    if attack not in DONE:
        assert ("SIGSYS" if attack in KILLED else "refused: ") in str(end)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.wav", "attack.py", "audio.pcm", "python"]


@pytest.mark.parametrize(
    "attack", ["open a file", "list processes", "start a thread", "open a local socket", "kill its parent"]
)
def test_without_walls_the_same_attempts_would_succeed(
    attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(tried(attack, tmp_path, monkeypatch, walls=False)) == "it was done"


def test_this_kernel_lacks_no_wall() -> None:
    assert walls_lacking() == ()


EVERY_CALL = """
import ctypes, json, os
from ingest_worker.sandbox.walls import raise_walls
library, done = ctypes.CDLL(None, use_errno=True), []
for number in range(FIRST, LAST):
    child = os.fork()
    if not child:
        raise_walls()
        ctypes.set_errno(0)
        library.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6)
        os._exit(ctypes.get_errno())
    status = os.waitpid(child, 0)[1]
    if os.waitstatus_to_exitcode(status) not in (-31, 1):
        done.append(number)
print(json.dumps(done))
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the two exceptions have other numbers elsewhere")
def test_of_all_system_calls_of_this_kernel_only_those_of_the_list_are_carried_out() -> None:
    """335 and 336 are the kernel's own (`uretprobe`, `uprobe`, since 6.11): it lets them pass every filter,
    and carries them out only from its own probes' code."""
    code = EVERY_CALL.replace("FIRST", "0").replace("LAST", "480")
    said = subprocess.run(
        [sys.executable, "-I", "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=True
    ).stdout
    listed = {numbers[0] for numbers in (*seccomp.ALLOWED.values(), *seccomp._GUARDED.values())}
    assert set(json.loads(said)) - {335, 336} <= listed


ORDINARY = """
import json, os, sys
from ingest_worker.audio import child
"".encode("utf-16-le")  # Python's own folder may be closed to others
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(child.main())
"""


@pytest.mark.skipif(
    os.geteuid() != 0,
    reason="only root can become somebody else; an ordinary user shows it in every other test",
)
def test_an_ordinary_user_without_capabilities_decodes_behind_all_walls() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, target = folder / "a.mp3", folder / "audio.pcm"
        make(source, "libmp3lame", seconds=2)
        folder.chmod(0o755)
        target.touch()
        os.chown(target, 65534, 65534)
        command = [sys.executable, "-I", "-c", ORDINARY]
        said = subprocess.run(
            command, input=_order(source, target), capture_output=True, check=True, text=True
        ).stdout
    assert '"samples": 32000' in said
    assert "lacking" not in said


def _order(source: Path, target: Path) -> str:
    request = {
        "do": "decode",
        "source": str(source),
        "target": str(target),
        "rate": SAMPLE_RATE,
        "most": 60 * SAMPLE_RATE,
    }
    return json.dumps({**request, "limits": asdict(limits_for(60, SAMPLE_RATE)), "parent": os.getpid()})


def test_a_wall_that_the_kernel_lacks_is_reported_once_and_decoding_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = make(tmp_path / "a.wav", "pcm_s16le", seconds=1)
    code = (
        "from ingest_worker.sandbox import seccomp, walls; seccomp.MACHINES = {}; "
        "from ingest_worker.audio import child; child.main()"
    )
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c '{code}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    process._warn.cache_clear()
    for number in range(2):
        request = {
            "do": "decode",
            "source": str(source),
            "target": str(tmp_path / f"{number}.pcm"),
            "rate": 16_000,
            "most": 60_000,
        }
        with closing(process.run(request, limits_for(60, SAMPLE_RATE))) as lines:
            assert "done" in list(lines)[-1]
    assert [(record.__dict__["action"], record.__dict__["lacking"]) for record in caplog.records] == [
        ("lack-walls", Wall.SECCOMP)
    ]
