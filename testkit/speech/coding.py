"""Recordings as telephones, codecs and distance give them back: quieter, and with a codec's errors."""

import io
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from ingest_worker.domain import SAMPLE_RATE

Sound = NDArray[np.int16]
"""(samples,) at 16 kHz."""

CODECS: Final = {
    "pcm": None,
    "mp3": ("mp3", "libmp3lame", 16_000),
    "aac": ("adts", "aac", 16_000),
    "opus": ("ogg", "libopus", 48_000),
    "ac3": ("ac3", "ac3", 48_000),
    "g722": ("wav", "g722", 16_000),
    "mulaw": ("wav", "pcm_mulaw", 8_000),
    "adpcm": ("wav", "adpcm_ima_wav", 16_000),
}
"""Name -> container, encoder and its samples per second."""


def levelled(sound: Sound, decibels: int) -> Sound:
    """The sound, quieter."""
    return np.round(sound * 10 ** (decibels / 20)).astype(np.int16)


def coded(sound: Sound, codec: str) -> Sound:
    """The sound as a codec gives it back."""
    if (how := CODECS[codec]) is None:
        return sound
    container, encoder, rate = how
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(encoder, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(sound[None, :], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(piece))
    file.seek(0)
    with av.open(file) as again:
        back = av.AudioResampler("s16", "mono", SAMPLE_RATE)
        frames = [out for each in again.decode(audio=0) for out in back.resample(each)] + back.resample(None)
    return np.concatenate([each.to_ndarray()[0] for each in frames])
