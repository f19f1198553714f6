"""The child that decodes: its limits, its ends, and what it cannot read or write."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_worker.audio import flac, process
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.audio.limits import limits_for
from ingest_worker.domain import SAMPLE_RATE, Media
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from testkit.media.tones import make
from tests.worker.audio.decoding import refused


def nine_hours(folder: Path) -> Path:
    """A WAV file of silence that takes no room on the disk."""
    path = make(folder / "a.wav", "pcm_s16le")
    header = path.read_bytes()[:78]  # RIFF, fmt and LIST chunks
    path.write_bytes(header[:4] + b"\xff" * 4 + header[8:74] + b"\xff" * 4)
    os.truncate(path, 3_000_000_000)
    return path


def test_decoding_that_takes_too_much_cpu_is_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PATIENCE_FACTOR", 100)  # a busy machine gives it no quarter of a core
    path = nine_hours(tmp_path)
    decoder = LimitedDecoder(FetchProfile(), Limits(cpu_seconds=1, file_bytes=1 << 30))
    media = Media(path, "a", None)
    with pytest.raises(StageError, match=r"more than 1 s of CPU, .*SIGXCPU") as caught:
        decoder.decode(media, tmp_path / "scratch", lambda _: None)
    assert caught.value.reason is Reason.UNDECODABLE


def test_decoding_that_only_waits_is_tried_again_and_not_called_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PATIENCE_FACTOR", 0)
    error = refused(make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch")
    assert error.reason is Reason.DOWNLOAD_FAILED
    assert "disk" in str(error)


def test_decoding_that_takes_too_much_memory_is_undecodable(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "aac")
    decoder = LimitedDecoder(
        FetchProfile(), Limits(cpu_seconds=10, file_bytes=1 << 20, address_space=1 << 26)
    )
    with pytest.raises(StageError) as caught:
        decoder.decode(Media(path, "a", None), tmp_path / "scratch", lambda _: None)
    assert caught.value.reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (signal.SIGXCPU, Reason.UNDECODABLE),
        (signal.SIGSEGV, Reason.UNDECODABLE),
        (signal.SIGABRT, Reason.UNDECODABLE),
        (signal.SIGKILL, Reason.HOST_OUT_OF_MEMORY),
        (signal.SIGTERM, Reason.INTERRUPTED),
    ],
)
def test_each_way_in_which_a_child_can_be_ended_has_its_reason(
    ending: signal.Signals, reason: Reason
) -> None:
    assert process._ended(-ending, limits_for(600, SAMPLE_RATE)).reason is reason


def test_whatever_leaves_the_decoder_is_undecodable_with_its_words(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3", "libmp3lame")
    request = {
        "do": "decode",
        "source": str(path),
        "target": str(tmp_path / "a.pcm"),
        "rate": -5,
        "most": 100_000,
        "expected": None,
    }
    with pytest.raises(StageError, match="Numerical result out of range") as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.UNDECODABLE


def test_a_child_without_a_last_word_is_unknown() -> None:
    assert process._ended(0, limits_for(600, SAMPLE_RATE)).reason is Reason.UNKNOWN


def test_the_child_knows_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_DSN", "postgresql://secret")
    request = {"do": "decode", "source": str(nine_hours(tmp_path)), "target": str(tmp_path / "audio.pcm")}
    request |= {"rate": SAMPLE_RATE, "most": 36_000 * SAMPLE_RATE}
    lines = process.run(request, limits_for(36_000, SAMPLE_RATE))
    assert "announced" in next(lines)
    (child,) = (each for each in psutil.Process().children() if "ingest_worker.audio.child" in each.cmdline())
    proc = Path(f"/proc/{child.pid}")
    known = {each.partition(b"=")[0] for each in proc.joinpath("environ").read_bytes().split(b"\0") if each}
    assert known == {b"MKL_NUM_THREADS", b"OMP_NUM_THREADS", b"OPENBLAS_NUM_THREADS"}
    assert os.getsid(child.pid) == child.pid
    limits = proc.joinpath("limits").read_text()
    assert re.search(r"Max core file size +0 +0", limits)
    assert re.search(r"Max processes +0 +0", limits)
    lines.close()
    assert not proc.exists()


def test_a_disk_that_fails_while_it_is_read_is_tried_again_and_not_called_undecodable(tmp_path: Path) -> None:
    """A process's own memory is a regular file whose first page cannot be read: EIO, as from a disk."""
    request = {"do": "decode", "source": "/proc/self/mem", "target": str(tmp_path / "audio.pcm")}
    request |= {"rate": SAMPLE_RATE, "most": SAMPLE_RATE}
    with pytest.raises(StageError, match="mem cannot be read: Input/output error") as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.DOWNLOAD_FAILED


@pytest.mark.parametrize(
    ("target", "words"), [("/proc/self/mem", "mem: Input/output error"), ("/tmp", "tmp: Is a directory")]
)
@pytest.mark.parametrize("do", ["decode", "pack", "unpack"])
def test_scratch_that_cannot_be_written_is_not_called_undecodable_media(
    do: str, target: str, words: str, tmp_path: Path
) -> None:
    """What is undecodable is given up, and of a cache removed; a process's own memory is a file that takes
    nothing at its beginning."""
    sources = {"decode": make(tmp_path / "a.mp3", "libmp3lame"), "pack": tmp_path / "a.pcm"}
    sources["pack"].write_bytes(b"\1\0" * 100_000)
    if do == "unpack":
        sources[do] = tmp_path / "a.flac"
        flac.pack(sources["pack"], 100_000, sources[do], lambda _: None)
    request = {"do": do, "source": str(sources[do]), "target": target}
    request |= {"rate": SAMPLE_RATE, "most": 100_000 * SAMPLE_RATE}
    with pytest.raises(StageError, match=words) as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.SCRATCH_FULL


@pytest.mark.parametrize("do", ["pack", "unpack"])
def test_a_copy_of_our_own_that_cannot_be_read_is_the_disks_fault(do: str, tmp_path: Path) -> None:
    request = {"do": do, "source": "/proc/self/mem", "target": str(tmp_path / "out")}
    request |= {"rate": SAMPLE_RATE, "most": SAMPLE_RATE}
    with pytest.raises(StageError, match="mem: Input/output error") as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.SCRATCH_FULL


PARENT = """
import sys
from pathlib import Path
from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import Media
LimitedDecoder(FetchProfile()).decode(
    Media(Path(sys.argv[1]), "a", 31250.0), Path(sys.argv[2]), lambda share: print(share, flush=True)
)
"""


@pytest.mark.slow
def test_a_child_whose_worker_was_killed_ends_by_itself(tmp_path: Path) -> None:
    path, scratch = nine_hours(tmp_path), tmp_path / "scratch"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path), str(scratch)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    child.wait(timeout=30)
    assert (scratch / "audio.pcm.part").stat().st_size < 900_000_000
    assert not (scratch / "audio.pcm").exists()
