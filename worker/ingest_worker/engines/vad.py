"""Voice activity: how likely somebody speaks, every 32 ms, by the Silero network that ships with
faster-whisper.

Called by the Whisper adapter. faster-whisper's own entry takes the whole recording as one float array (0.23
GB an hour) and copies it twice; here the network runs over blocks of the memory-mapped file and carries its
state from one to the next, so RAM does not grow with length. Must not decide what counts as speech: `chunks`
does.
"""

from typing import Any, Final

import numpy as np

from ingest_worker.domain import Audio, FloatArray
from ingest_worker.engines.chunks import FRAME_SAMPLES
from ingest_worker.ports import Report

CONTEXT_SAMPLES: Final = 64
"""Samples before each frame that the network also sees (silero-vad v5 and v6)."""

BLOCK_FRAMES: Final = 1024
"""Frames per call: half a minute. Longer blocks are not faster; the network walks frame by frame."""

LOUD_SHARE: Final = 0.99
"""Share of frames that are quieter than a recording's level: clicks do not count."""

FAINT_AMPLITUDE: Final = 0.005
"""Root mean square of such a frame, relative to full scale, below which the input is amplified. The network
finds all of a voice at 0.002, three quarters at 0.0007 and none at 0.0002 (the telephone call of
`bench.hearing` at -30, -40 and -50 dB), and Whisper hears them all the same."""

LEVEL_AMPLITUDE: Final = 0.05
"""The level to which a faint recording is amplified: that of the same call as it was recorded. White noise
stays noise at any level."""

LOUDEST_SHARE: Final = 0.999
"""Share of frames that are quieter than the loudest ones that count: of three hours the loudest eleven
seconds do not, and of a call of half a minute one frame."""

HEADROOM_FACTOR: Final = 4.0
"""How far above `LEVEL_AMPLITUDE` these may be lifted: in hours of quiet with a minute of ordinary speech,
the speech must not be driven out of the range that the network knows."""


def speech_probabilities(audio: Audio, report: Report) -> FloatArray:
    """(frames,) probability of speech in each 32-ms frame; the last frame is padded with silence."""
    session = _session()
    h, c = np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32)
    frames = -(-audio.samples // FRAME_SAMPLES)
    probabilities = np.zeros(frames, np.float32)
    pcm = audio.pcm()
    gain = gain_of(pcm)
    for first in range(0, frames, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, frames)
        sound = np.clip(_block(pcm, first, last) * gain, -1, 1)
        output, h, c = session.run(None, {"input": sound, "h": h, "c": c})
        probabilities[first:last] = output.reshape(-1)
        report(last / frames)
    return probabilities


def gain_of(pcm: np.ndarray[Any, np.dtype[np.int16]]) -> np.float32:
    """The gain of the network's input; 1 except for faint recordings, and 1 for those without any sound."""
    frames = pcm[: pcm.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    blocks = (
        frames[first : first + BLOCK_FRAMES].astype(np.float32)
        for first in range(0, len(frames), BLOCK_FRAMES)
    )
    levels = (
        np.sqrt(np.concatenate([np.zeros(0, np.float32), *((block**2).mean(axis=1) for block in blocks)]))
        / 32_768
    )
    if not levels.size:
        return np.float32(1)
    loud, loudest = (float(each) for each in np.quantile(levels, (LOUD_SHARE, LOUDEST_SHARE)))
    if not 0 < loud < FAINT_AMPLITUDE:
        return np.float32(1)
    return np.float32(min(LEVEL_AMPLITUDE / loud, max(1.0, HEADROOM_FACTOR * LEVEL_AMPLITUDE / loudest)))


def _block(pcm: np.ndarray[Any, np.dtype[np.int16]], first: int, last: int) -> FloatArray:
    """(frames, context + frame) float32 in -1..1: each frame after the samples that precede it."""
    begin, end = first * FRAME_SAMPLES - CONTEXT_SAMPLES, last * FRAME_SAMPLES
    sound = pcm[max(0, begin) : end].astype(np.float32) / np.float32(32_768)
    missing = max(0, -begin)
    padded = np.pad(sound, (missing, end - begin - missing - sound.size))
    return np.lib.stride_tricks.sliding_window_view(padded, CONTEXT_SAMPLES + FRAME_SAMPLES)[
        ::FRAME_SAMPLES
    ].copy()


def _session() -> Any:
    """The onnxruntime session, on one CPU thread."""
    from faster_whisper.vad import get_vad_model

    return get_vad_model().session
