"""What a Receipt says of memory is what was resident, and not what a parent had."""

import subprocess
import sys
from pathlib import Path

import pytest

HELD_MIB = 400
HOLDS_AND_STARTS = f"""
from dataclasses import asdict
from ingest_worker import resident
from ingest_worker.audio.limits import limits_for
from ingest_worker.sandbox.process import Child

held = bytearray(b"x") * ({HELD_MIB} << 20)
child = Child("ingest_worker.audio.child", {{}})
request = {{"do": "probe", "sources": [], "limits": asdict(limits_for(60, 16_000))}}
list(child.ask(request, seconds=60, last=True))
child.close()
print(resident.peak_kib() >> 10, resident.peak_mib())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc")
def test_a_child_is_counted_with_its_own_memory_and_not_with_its_parents() -> None:
    said = subprocess.check_output([sys.executable, "-c", HOLDS_AND_STARTS], text=True)
    own, both = (int(each) for each in said.split())
    assert own >= HELD_MIB
    assert 10 < both - own < HELD_MIB / 2
