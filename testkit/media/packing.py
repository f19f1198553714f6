"""Media files of every kind the product must take, made from the catalogue's recordings by PyAV alone.

`make demo` and the tests of fetching and decoding serve the folder that `folder` gives. Two files are broken
on purpose: `silent.mp4` has nobody in it, `truncated.mp4` declares more than it holds. A file that is missing
needs no making: ask for `missing.mp4`.

    python -m testkit.media.packing
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from testkit import packages
from testkit.cache import key, once, say
from testkit.speech import audio, catalogue, dialogue

VERSION: Final = 2
"""Raise it when the same recordings come out otherwise."""
PICTURE = (160, 90)
"""Width and height in pixels: there must be a picture, not a film."""
FRAMES_PER_SECOND = 2
BLOCK = 1024
"""Samples handed to an encoder at once."""
SILENT_SECONDS = 20
SEGMENT_SECONDS = 6
"""Length of an HLS segment (RFC 8216 recommends about six seconds)."""
KEPT = 0.6
"""Share of `truncated.mp4` that is left. The index stands in front, so the declared duration stays; about 60
% decodes."""
BITEXACT = {"fflags": "+bitexact"}
"""No version strings, no random ids: the same bytes at every run on one kind of CPU. On another the encoders'
floats come out otherwise."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is packed."""

    filename: str
    audio_codec: str
    audio_rate: int
    video_codec: str | None = None
    container: str | None = None
    """PyAV's format name, where the ending does not tell."""
    options: Mapping[str, str] | None = None
    """The container's options."""


FAST_START = {"movflags": "+faststart"}
TALK = Form("talk.mp4", "aac", 48_000, "libx264", options=FAST_START)
CALL = Form("call.webm", "libopus", 48_000, "libvpx")
PODCAST = Form("podcast.mp3", "libmp3lame", 48_000)
MEETING = Form("meeting.ogg", "libopus", 48_000)
SILENT = Form("silent.mp4", "aac", 48_000, "libx264", options=FAST_START)
TRUNCATED = Form("truncated.mp4", "aac", 48_000, "libx264", options=FAST_START)
SOURCES = {
    "talk.mp4": "dialogue",
    "call.webm": "sample",
    "hls": "two_cities",
    "podcast.mp3": "ami-dev00",
    "meeting.ogg": "ami-tst00",
    "truncated.mp4": "two_cities",
}
"""File or folder -> the recording in it."""
HLS_MASTER = """\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-STREAM-INF:BANDWIDTH=160000,RESOLUTION=160x90,CODECS="avc1.42c00a,mp4a.40.2"
media.m3u8
"""


def _picture(number: int) -> av.VideoFrame:
    """A grey field with a bar that moves one step a frame."""
    width, height = PICTURE
    field = np.full(
        (height * 3 // 2, width), 128, np.uint8
    )  # yuv420p: luma, then two quarter planes of colour
    field[:height] = 40
    place = number * 4 % (width - 8)
    field[:height, place : place + 8] = 220
    frame = av.VideoFrame.from_ndarray(field, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
    return frame


def _sound(samples: audio.Samples) -> Iterator[av.AudioFrame]:
    for start in range(0, samples.size, BLOCK):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, start : start + BLOCK]), format="flt", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = audio.RATE, start, Fraction(1, audio.RATE)
        yield frame


def _packets(container: Any, form: Form, samples: audio.Samples) -> Iterator[Any]:
    """Packets of both tracks, interleaved: every picture comes before the sound that it stands over."""
    sound = container.add_stream(form.audio_codec, rate=form.audio_rate, layout="mono", bit_rate=48_000)
    picture = _picture_stream(container, form.video_codec) if form.video_codec else None
    sound.codec_context.flags |= av.codec.context.Flags.bitexact
    resampler = av.AudioResampler(format=sound.codec_context.format, layout="mono", rate=form.audio_rate)
    shown = 0
    for frame in _sound(samples):
        while picture and shown <= frame.pts / audio.RATE * FRAMES_PER_SECOND:
            yield from picture.encode(_picture(shown))
            shown += 1
        for part in resampler.resample(frame):
            yield from sound.encode(part)
    for part in resampler.resample(None):
        yield from sound.encode(part)
    yield from sound.encode(None)
    if picture:
        yield from picture.encode(None)


def _picture_stream(container: Any, codec: str) -> Any:
    stream = container.add_stream(codec, rate=FRAMES_PER_SECOND)
    stream.width, stream.height = PICTURE
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = 1  # more threads, other bytes
    stream.codec_context.gop_size = (
        SEGMENT_SECONDS * FRAMES_PER_SECOND
    )  # a key frame where an HLS segment may begin
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    if codec == "libx264":
        # baseline: no frames that refer to later ones, so no negative time stamps in MPEG-TS. A constant
        # quantizer: nothing that floats decide, so that no byte hangs on them
        stream.options = {"preset": "veryfast", "profile": "baseline", "sc_threshold": "0", "qp": "30"}
    return stream


def packed(path: Path, form: Form, samples: audio.Samples) -> Path:
    """Write `samples` to `path` in this form."""
    options = BITEXACT | dict(form.options or {})
    with av.open(str(path), "w", format=form.container, options=options) as container:
        for packet in _packets(container, form, samples):
            container.mux(packet)
    return path


def hls(folder: Path, samples: audio.Samples) -> None:
    """Write `master.m3u8`, `media.m3u8` and MPEG-TS segments of about six seconds."""
    folder.mkdir()
    options = {
        "hls_time": str(SEGMENT_SECONDS),
        "hls_playlist_type": "vod",
        "hls_segment_filename": str(folder / "segment-%03d.ts"),
        "hls_flags": "independent_segments",
    }
    packed(folder / "media.m3u8", Form("media.m3u8", "aac", 48_000, "libx264", "hls", options), samples)
    (folder / "master.m3u8").write_text(HLS_MASTER)


def truncated(path: Path, samples: audio.Samples) -> None:
    """Write an mp4 whose header tells the full duration and whose end is cut off."""
    content = packed(path, TRUNCATED, samples).read_bytes()
    path.write_bytes(content[: int(len(content) * KEPT)])


def make(folder: Path) -> None:
    """Write every file.

    Raises:
        packages.PackageError: a recording cannot be had.
    """
    known = catalogue.recordings()
    sound = {name: audio.read(known[recording].path) for name, recording in SOURCES.items()}
    say("packing the recordings as mp4, webm, HLS, mp3 and ogg (about 6 s, once)")
    for form in (TALK, CALL, PODCAST, MEETING):
        packed(folder / form.filename, form, sound[form.filename])
    hls(folder / "hls", sound["hls"])
    packed(folder / SILENT.filename, SILENT, np.zeros(SILENT_SECONDS * audio.RATE, np.float32))
    truncated(folder / TRUNCATED.filename, sound[TRUNCATED.filename])


def folder() -> Path:
    """The folder of media files, made on first use.

    `talk.mp4`, `call.webm`, `podcast.mp3`, `meeting.ogg`, `hls/`, `silent.mp4` and `truncated.mp4`.
    """
    pinned = (package.sha256 for package in (packages.PYANNOTE_SOURCE, packages.MOONSHINE))
    return once("media", key(str(VERSION), str(catalogue.VERSION), dialogue.version(), *pinned), make)


def main() -> int:
    """Make the files and print where they are."""
    for path in sorted(folder().rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>9}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
