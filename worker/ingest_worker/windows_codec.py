"""Encodes `VoiceWindows` as bytes and decodes them exactly. Pure. Called by `codec`, which compresses them.

Of slots in which nobody is active nothing is kept: in ten seconds of a talk mostly one of three speaks.
"""

from typing import Any

import numpy as np

from ingest_worker.voice_windows import VoiceWindows


def head_of(windows: VoiceWindows) -> dict[str, Any]:
    """What a reader needs besides the bytes, as JSON values."""
    return {
        "shape": windows.active.shape,
        "dimension": windows.vectors.shape[2],
        "times": [windows.step, windows.frame, windows.offset],
    }


def bytes_of(windows: VoiceWindows) -> bytes:
    """Speakers (int16), which slots are active (a bit each), those slots' frames (a bit each), and their
    vectors (int8)."""
    used = windows.active.any(1)
    frames = windows.active.transpose(0, 2, 1)[used]
    return b"".join(
        (
            windows.speakers.astype("<i2").tobytes(),
            np.packbits(used).tobytes(),
            np.packbits(frames, axis=1).tobytes(),
            windows.vectors[used].tobytes(),
        )
    )


def windows_of(head: dict[str, Any], content: bytes) -> VoiceWindows:
    """The inverse of `head_of` and `bytes_of`."""
    count, frames, slots = head["shape"]
    dimension = head["dimension"]
    taken = 0

    def part(size: int, kind: str) -> Any:
        nonlocal taken
        array = np.frombuffer(content, kind, count=size, offset=taken)
        taken += array.nbytes
        return array

    speakers = part(count * slots, "<i2").astype(np.int16).reshape(count, slots)
    bits = np.unpackbits(part(-(-count * slots // 8), "u1"), count=count * slots)
    used = bits.astype(bool).reshape(count, slots)
    size = int(used.sum())
    packed = part(size * -(-frames // 8), "u1").reshape(size, -(-frames // 8))
    active = np.zeros((count, slots, frames), bool)
    active[used] = np.unpackbits(packed, axis=1, count=frames).astype(bool)
    vectors = np.zeros((count, slots, dimension), np.int8)
    vectors[used] = part(size * dimension, "i1").reshape(size, dimension)
    return VoiceWindows(active.transpose(0, 2, 1), vectors, speakers, *head["times"])
