"""Voice activity: how likely somebody speaks, every 32 ms, by the Silero network that ships with
faster-whisper.

Called by the Whisper adapter. faster-whisper's own entry takes the whole recording as one float array (0.23
GB an hour) and copies it twice; here the network runs over blocks of the memory-mapped file and carries its
state from one to the next, so RAM does not grow with length. Must not decide what counts as speech: `chunks`
does.
"""

from typing import Any, Final

import numpy as np

from ingest_worker.domain import FloatArray
from ingest_worker.engines.chunks import FRAME_SAMPLES, SILENCE_PROBABILITY
from ingest_worker.engines.gain import Waveform
from ingest_worker.ports import Report

CONTEXT_SAMPLES: Final = 64
"""Samples before each frame that the network also sees (silero-vad v5 and v6)."""

BLOCK_FRAMES: Final = 64
"""Frames per call: two seconds. Longer blocks are not faster; the network walks frame by frame. After a block
in which nobody can be speaking the network starts afresh: its state sinks into long silence, so that a voice
that had 0.9 after one second of zeros has 0.65 after eight and 0.4 after thirty-one, which is no speech."""


def speech_probabilities(
    sound: Waveform, report: Report, begin: int = 0, end: int | None = None
) -> FloatArray:
    """(frames,) probability of speech in each 32-ms frame between two; the last frame of the recording is
    padded with silence."""
    session = _session()
    h, c = np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32)
    end = -(-sound.samples // FRAME_SAMPLES) if end is None else end
    probabilities = np.zeros(end - begin, np.float32)
    for first in range(begin, end, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, end)
        output, h, c = session.run(None, {"input": _block(sound, first, last), "h": h, "c": c})
        probabilities[first - begin : last - begin] = output.reshape(-1)
        if output.max() < SILENCE_PROBABILITY:
            h, c = np.zeros_like(h), np.zeros_like(c)
        report((last - begin) / (end - begin))
    return probabilities


def _block(sound: Waveform, first: int, last: int) -> FloatArray:
    """(frames, context + frame) float32 in -1..1: each frame after the samples that precede it."""
    begin, end = first * FRAME_SAMPLES - CONTEXT_SAMPLES, last * FRAME_SAMPLES
    block, missing = sound.between(begin, end), max(0, -begin)
    padded = np.pad(block, (missing, end - begin - missing - block.size))
    return np.lib.stride_tricks.sliding_window_view(padded, CONTEXT_SAMPLES + FRAME_SAMPLES)[
        ::FRAME_SAMPLES
    ].copy()


def _session() -> Any:
    """The onnxruntime session, on one CPU thread."""
    from faster_whisper.vad import get_vad_model

    return get_vad_model().session
