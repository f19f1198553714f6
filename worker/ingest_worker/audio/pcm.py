"""Decoding proper: frames of one audio track in, mono PCM out, in constant memory.

Imports PyAV; runs in the limited child and nowhere else.
"""

from collections.abc import Callable
from typing import Any, BinaryIO, Final

import av
import numpy as np
from av.audio.frame import AudioFrame

from ingest_contract.failures import Reason
from ingest_worker.audio.levels import LOUDEST_AMPLITUDE, Levels
from ingest_worker.audio.limits import SAMPLE_BYTES
from ingest_worker.audio.mixing import BLOCK_SECONDS, Mixer, weights
from ingest_worker.domain import FloatArray
from ingest_worker.errors import StageError

_FULL_SCALE: Final = {"u8": 128.0, "s16": 32_768.0, "s32": 2_147_483_648.0, "flt": 1.0, "dbl": 1.0}
"""Full scale of each sample format that numpy has; unsigned formats are centred on it."""

_SIXTEEN_BITS: Final = frozenset({"u8", "s16"})
"""Formats that have no more. Lossy codecs decode to floats, whatever they were made of."""

Report = Callable[[int], None]
"""Called with the number of samples written so far."""


class PcmWriter:
    """Frames in, mono PCM out, block by block: channels are mixed, and the level is measured."""

    def __init__(self, sink: BinaryIO, rate: int, most: int, report: Report, gain: float = 1.0) -> None:
        """`rate` is in samples per second, `most` in samples;
        `gain` is what every sample is multiplied by."""
        self.samples = 0
        self.levels = Levels()
        self.gain = gain
        self._sink, self._rate, self._most, self._report = sink, rate, most, report
        self._form: tuple[str, int] | None = None
        """Layout and rate of the buffered frames."""
        self._mixer: Any = None
        self._resampler: Any = None
        self._held: list[FloatArray] = []
        self._held_samples = 0
        self._heard_seconds = 0.0

    def add(self, frame: AudioFrame) -> None:
        """Write one frame."""
        form = (frame.layout.name, frame.sample_rate)
        if form != self._form:  # HE-AAC and concatenated streams change their format in the middle
            self.flush()
            self._form = form
            self._mixer = Mixer(
                weights([channel.name for channel in frame.layout.channels]), frame.sample_rate
            )
        self.levels.is_deep |= frame.format.packed.name not in _SIXTEEN_BITS
        self._held.append(samples_of(frame))
        self._held_samples += frame.samples
        if self._held_samples >= BLOCK_SECONDS * frame.sample_rate:
            self._mix()

    def skip(self, seconds: float) -> None:
        """Write silence."""
        self.flush()
        samples = round(seconds * self._rate)
        self._sink.seek(samples * SAMPLE_BYTES, 1)  # a hole in the file reads as zeros and takes no room
        self._count(samples)

    def flush(self) -> None:
        """Write what is buffered here and in the resampler."""
        self._mix()
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None

    def finish(self) -> None:
        """Write the rest. Silence at the end takes no room, but it counts.

        Of a few milliseconds the resampler makes nothing, because its filter is longer; of a track without
        any sample there is nothing. Both are as much silence, one sample at least: too short for anybody to
        have spoken.
        """
        self.flush()
        if not self.samples:
            self.skip(max(1 / self._rate, self._heard_seconds))
        self._sink.truncate(self.samples * SAMPLE_BYTES)

    def _mix(self) -> None:
        if not self._held or self._form is None:
            return
        block, rate = np.concatenate(self._held, axis=1), self._form[1]
        self._held.clear()
        self._held_samples = 0
        loudest = np.abs(block).max(axis=0)
        if not loudest.max() <= LOUDEST_AMPLITUDE:  # also where it is NaN, which becomes silence
            np.clip(
                np.nan_to_num(block, copy=False, nan=0.0), -LOUDEST_AMPLITUDE, LOUDEST_AMPLITUDE, out=block
            )
            loudest = np.abs(block).max(axis=0)
        mixed = self._mixer.mix(block)
        self.levels.heard(mixed, loudest, rate)
        self._heard_seconds += len(mixed) / rate
        frame = av.AudioFrame.from_ndarray((mixed * np.float32(self.gain))[None], format="flt", layout="mono")
        frame.sample_rate = rate
        if self._resampler is None:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate)
        self._write(self._resampler.resample(frame))

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._sink.write(memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES])
            self._count(frame.samples)

    def _count(self, samples: int) -> None:
        self.samples += samples
        if self.samples > self._most:
            raise StageError(
                Reason.TOO_LONG,
                f"the audio is longer than the {self._most // self._rate} s that the profile allows",
            )
        self._report(self.samples)


def samples_of(frame: AudioFrame) -> FloatArray:
    """(channels, samples) of a frame, 1 at full scale."""
    kind = frame.format.packed.name
    if kind not in _FULL_SCALE:  # 64-bit integers
        frame = av.AudioResampler(format="dblp").resample(frame)[0]
        kind = "dbl"
    content = frame.to_ndarray()
    shaped = content if frame.format.is_planar else content.reshape(frame.samples, -1).T
    if kind == "u8":
        shaped = shaped.astype(np.int16) - 128
    found: FloatArray = shaped.astype(np.float32, copy=False)
    return found if kind in ("flt", "dbl") else found * np.float32(1 / _FULL_SCALE[kind])
