"""PCM into FLAC and back, sample for sample: the form in which decoded audio waits in the cache.

Called by `child`; imports PyAV. No level is measured and nothing is resampled: what comes out are the bytes
that went in, or an error. FLAC (RFC 9639) keeps 16-bit samples as they are.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer

from ingest_contract.failures import Reason
from ingest_worker.audio import media
from ingest_worker.audio.limits import SAMPLE_BYTES
from ingest_worker.audio.pcm import Report
from ingest_worker.errors import StageError

_BLOCK_SAMPLES: Final = 1 << 16
"""Samples that are read at once: four seconds."""

_FORMATS: Final = frozenset({"s16", "s16p"})
"""Sample formats of 16-bit FLAC; with one channel both have the same bytes."""


def pack(pcm: BinaryIO, flac: BinaryIO, rate: int, report: Report) -> int:
    """16-bit mono PCM as FLAC. Returns the number of samples. Raises `OSError` of the sink."""
    samples = 0
    with av.open(flac, "w", format="flac") as container:
        stream: Any = container.add_stream("flac", rate=rate, layout="mono")
        stream.format = "s16"
        while block := pcm.read(_BLOCK_SAMPLES * SAMPLE_BYTES):
            frame = AudioFrame.from_ndarray(np.frombuffer(block, "<i2")[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, samples
            container.mux(stream.encode(frame))
            samples += frame.samples
            report(samples)
        container.mux(stream.encode(None))
    return samples


def unpack(flac: BinaryIO, pcm: BinaryIO, rate: int, most: int, report: Report) -> int:
    """The PCM of which `pack` made this FLAC. Returns the number of samples.

    Raises:
        StageError: `UNDECODABLE` for anything that `pack` does not make, and for more than `most` samples.
        OSError: the sink's.
    """
    samples = 0
    with media.opened(flac, "the cached audio") as container:
        for frame in _frames(container, rate):
            pcm.write(memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES])
            samples += frame.samples
            if samples > most:
                raise _foreign(f"more than {most} samples")
            report(samples)
    return samples


def _frames(container: InputContainer, rate: int) -> Iterator[AudioFrame]:
    """Every frame, in order. FFmpeg's errors go on: not one packet may be damaged."""
    tracks = container.streams.audio
    if container.format.name != "flac" or len(tracks) != 1:
        raise _foreign(f"a {container.format.name} with {len(tracks)} audio tracks")
    for frame in container.decode(tracks[0]):
        form = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        if form[0] not in _FORMATS or form[1:] != (1, rate):
            raise _foreign(f"{form[0]}, {form[1]} channels, {form[2]} Hz")
        yield frame


def _foreign(what: str) -> StageError:
    return StageError(Reason.UNDECODABLE, f"the cached audio is not what a fetch leaves: {what}")
