"""Resource limits of the decoding child, from the longest recording that a profile allows. Pure."""

from typing import Final

from ingest_worker.sandbox.limits import Limits

SAMPLE_BYTES: Final = 2
"""Signed 16-bit."""

ADDRESS_SPACE_BYTES: Final = 1 << 30
"""Bytes of address space. Decoding takes about 150 MiB of it at any length
(`tests/worker/audio/test_memory.py`); the rest is room for large headers: the index of a 12-hour mp4 takes
about 40 MB."""

_CPU_FLOOR_SECONDS: Final = 60
"""Seconds for start-up, headers and slow machines."""

_CPU_DIVISOR: Final = 10
"""Decoding may take a tenth of the longest recording's length; a core shared with three other processes
decoded an hour of AAC 227 to 285 times faster than real time, so this ends only what would never end."""


def limits_for(max_duration_seconds: int, rate: int) -> Limits:
    """Limits for the longest recording that a profile allows, as PCM at `rate` samples per second."""
    room = (max_duration_seconds + 1) * rate * SAMPLE_BYTES + 65_536
    return Limits(
        _CPU_FLOOR_SECONDS + max_duration_seconds // _CPU_DIVISOR, room, ADDRESS_SPACE_BYTES, processes=0
    )
