"""Files made of tones at known times, and what the decoder makes of them, in this process."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ingest_contract.failures import Reason
from ingest_worker.audio.listen import Listener, Order
from ingest_worker.domain import SAMPLE_RATE
from ingest_worker.errors import StageError

RATE = 48_000
Sound = NDArray[np.float32]
Parts = Sequence[tuple[float, Sound]]
"""(start in seconds, samples) of each stretch of a track."""


@dataclass(frozen=True)
class Heard:
    """What came out of a file."""

    pcm: NDArray[np.int16]
    told: dict[str, Any]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_RATE

    @property
    def sounding(self) -> list[tuple[float, float]]:
        """(start, end) of everything that is not silence, to a twentieth of a second."""
        step = SAMPLE_RATE // 20
        loud = np.array(
            [
                np.abs(self.pcm[start : start + step].astype(int)).max() > 300
                for start in range(0, len(self.pcm), step)
            ]
        )
        edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]]))) / 20
        return list(pairwise(edges))[::2]

    def pitch(self, start: float, end: float) -> float:
        """The loudest frequency between two times, in Hz."""
        part = self.pcm[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        return float(np.argmax(np.abs(np.fft.rfft(part)))) / (len(part) / SAMPLE_RATE)

    def level(self, start: float, end: float) -> float:
        """Root mean square between two times, 1 at full scale."""
        part = self.pcm[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(float)
        return float(np.sqrt(np.mean(part**2))) / 32_768


def heard(path: Path, *, expected: float | None = None) -> Heard:
    """What the decoder makes of a file."""
    target = path.with_name(f"{path.name}.pcm")
    with path.open("rb") as file, target.open("wb") as sink:
        told = Listener(
            file, Order(path.name, SAMPLE_RATE, 43_200 * SAMPLE_RATE, expected), lambda _: None
        ).listen(sink, lambda _: None)
    return Heard(np.fromfile(target, "<i2"), told)


def refused(path: Path, *, expected: float | None = None) -> Reason:
    """Why the decoder refuses a file."""
    try:
        heard(path, expected=expected)
    except StageError as error:
        return error.reason
    raise AssertionError(path)


def tone(seconds: float, hertz: float = 440, *, rate: int = RATE, peak: float = 0.25) -> Sound:
    return (peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> Sound:
    return np.zeros(round(seconds * rate), np.float32)


def mux(
    path: Path, *tracks: Parts, codec: str = "aac", picture: tuple[float, float] | None = None, **how: Any
) -> Path:
    """A file of audio tracks whose parts lie where they say, and a picture between two times. `how` goes to
    `av.open` and the streams."""
    layout = how.pop("layout", "mono")
    with av.open(str(path), "w", **how) as container:
        streams = [container.add_stream(codec, rate=RATE, layout=layout) for _ in tracks]
        film = "libvpx" if path.suffix == ".webm" else "mpeg4"
        video = (
            None
            if picture is None
            else container.add_stream(film, rate=5, width=64, height=64, pix_fmt="yuv420p")
        )
        packets: list[Any] = []
        for stream, parts in zip(streams, tracks, strict=True):
            packets += [packet for start, samples in parts for packet in _encoded(stream, start, samples)]
            packets += stream.encode(None)
        if video is not None and picture is not None:
            packets += [
                packet
                for number in range(round(picture[0] * 5), round(picture[1] * 5))
                for packet in _drawn(video, number)
            ]
            packets += video.encode(None)
        for packet in sorted(
            (each for each in packets if each.dts is not None), key=lambda each: each.dts * each.time_base
        ):
            container.mux(packet)
    return path


def _encoded(stream: Any, start: float, samples: Sound) -> list[Any]:
    shaped = np.repeat(np.atleast_2d(samples), stream.layout.nb_channels, axis=0)
    found: list[Any] = []
    for place in range(0, shaped.shape[1], 4800):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(shaped[:, place : place + 4800]), "fltp", stream.layout.name
        )
        frame.sample_rate, frame.pts = RATE, round(start * RATE) + place
        found += stream.encode(frame)
    return found


def _drawn(video: Any, number: int) -> list[Any]:
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.pts = number
    return list(video.encode(frame))


def wave(path: Path, channels: Sequence[Sound], *, mask: int | None = None, floats: bool = False) -> Path:
    """A WAV file at 16 kHz; `mask` says where the channels stand, None that nobody said."""
    tag, bits = (3, 32) if floats else (1, 16)
    content = np.stack(channels).T
    data = content.astype("<f4").tobytes() if floats else np.round(content * 32_767).astype("<i2").tobytes()
    size = len(channels) * bits // 8
    kind = struct.pack(
        "<HHIIHH", tag if mask is None else 0xFFFE, len(channels), SAMPLE_RATE, SAMPLE_RATE * size, size, bits
    )
    if mask is not None:
        kind += struct.pack("<HHIH", 22, bits, mask, tag) + bytes.fromhex("000000001000800000aa00389b71")
    body = b"WAVEfmt " + struct.pack("<I", len(kind)) + kind + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path
