"""How far a container's tracks reach, by reading all packets and decoding none: for files whose sound seems
to begin late or end early.

Imports PyAV; runs in the limited child and nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import av
from av.container import InputContainer
from av.packet import Packet

from ingest_worker.audio import media

_LONGEST_STEP_SECONDS: Final = 10.0
"""Seconds between two packets of a track beyond which its clock was restarted
(ffmpeg's own `dts_delta_threshold`)."""


def last_end(file: BinaryIO, name: str) -> float:
    """The end of the last packet of any track,
    in seconds of the container's clock. Raises as `media.opened`."""
    with _read_aside(file, name) as container:
        return max((end for _, _, end in _spans(container)), default=0.0)


def longest_other(file: BinaryIO, name: str, index: int) -> float:
    """Seconds that the longest track but this one covers,
    whatever its clock does in between. Raises as `media.opened`."""
    covered: dict[int, float] = {}
    ends: dict[int, float] = {}
    with _read_aside(file, name) as container:
        for track, start, end in _spans(container):
            step = start - ends.get(track, start)
            covered[track] = (
                covered.get(track, 0.0) + (end - start) + (step if 0 < step <= _LONGEST_STEP_SECONDS else 0.0)
            )
            ends[track] = end
    return max((seconds for track, seconds in covered.items() if track != index), default=0.0)


@contextmanager
def _read_aside(file: BinaryIO, name: str) -> Iterator[InputContainer]:
    """The file, opened once more. Another container may be reading it from where it stands: it would go on at
    the end, and end there."""
    here = file.tell()
    try:
        with media.opened(file, name) as container:
            yield container
    finally:
        file.seek(here)


def _spans(container: InputContainer) -> Iterator[tuple[int, float, float]]:
    """(track, start, end) of every packet with a time, in seconds."""
    for packet in _packets(container):
        time = packet.dts if packet.dts is not None else packet.pts
        if time is not None and packet.size:
            start = float(time * packet.time_base)
            yield packet.stream_index, start, start + float((packet.duration or 0) * packet.time_base)


def _packets(container: InputContainer) -> Iterator["Packet[Any]"]:
    """Packets up to where the container breaks off."""
    try:
        yield from container.demux()
    except av.error.FFmpegError:
        return
