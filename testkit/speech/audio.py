"""Sound as arrays: read from any file, brought to 16 kHz mono, written as WAV.

Samples are float32 in -1..1, shape (samples,), 16,000 a second, unless a docstring says otherwise. PyAV
decodes and resamples.
"""

import wave
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples per second of all speech of the test kit: what Whisper and pyannote take."""
Samples = NDArray[np.float32]


def _gathered(frames: Iterable[av.AudioFrame]) -> Samples:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)


def read(path: Path) -> Samples:
    """The first audio track of a file.

    Raises:
        av.FFmpegError: it cannot be decoded.
    """
    with av.open(str(path)) as container:
        return _gathered(container.decode(audio=0))


def resampled(samples: Samples, rate: int) -> Samples:
    """Samples of another rate, brought to `RATE`."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="flt", layout="mono")
    frame.sample_rate = rate
    return _gathered([frame])


def trimmed(samples: Samples, threshold: float = 0.01, margin: float = 0.03) -> Samples:
    """Without silence at the ends: from the first to the last sample above `threshold` of full scale, and
    `margin` seconds more."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    pad = int(margin * RATE)
    return samples[max(0, loud[0] - pad) : loud[-1] + pad] if loud.size else samples[:0]


def write(path: Path, samples: Samples) -> None:
    """A WAV file of 16-bit samples; what is beyond full scale is cut off."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
