"""The decoder's memory does not grow with the recording."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from ingest_worker.audio.limits import limits_for
from ingest_worker.domain import SAMPLE_RATE
from testkit.media.tones import make

OBSERVER = """
import json, os, resource, subprocess, sys
order = json.dumps({**json.load(sys.stdin), "parent": os.getpid()})
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, input=order.encode())
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Stands between: a process's `ru_maxrss` begins with the memory of the one it was forked from, and a test
process is large."""


def peak(path: Path, into: Path) -> int:
    """KiB of the child's resident memory at its highest."""
    request = {
        "do": "decode",
        "source": str(path),
        "target": str(into),
        "rate": SAMPLE_RATE,
        "most": 7200 * SAMPLE_RATE,
    }
    child = [sys.executable, "-I", "-m", "ingest_worker.audio.child"]
    order = json.dumps({**request, "limits": asdict(limits_for(7200, SAMPLE_RATE))})
    return int(subprocess.check_output([sys.executable, "-I", "-c", OBSERVER, *child], input=order.encode()))


@pytest.mark.slow
def test_twenty_minutes_take_as_much_memory_as_one(tmp_path: Path) -> None:
    short = make(tmp_path / "short.mp4", "flac", seconds=60, rate=SAMPLE_RATE, picture="mpeg4")
    long = make(tmp_path / "long.mp4", "flac", seconds=1200, rate=SAMPLE_RATE, picture="mpeg4")
    one, twenty = peak(short, tmp_path / "one.pcm"), peak(long, tmp_path / "twenty.pcm")
    print(f"peak resident memory: {one / 1024:.1f} MiB for 1 min, {twenty / 1024:.1f} MiB for 20 min")
    assert (tmp_path / "twenty.pcm").stat().st_size > 19 * (tmp_path / "one.pcm").stat().st_size
    assert twenty < one + 8 * 1024
