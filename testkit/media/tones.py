"""Small real media files, made with PyAV where a test wants them: a tone of 440 Hz, and a grey picture where
there is one."""

from pathlib import Path
from typing import Any, Final

import av
import numpy as np

TONE = 440
"""Hz."""


FORMATS: Final = {
    "film.mp4": {"codec": "aac", "picture": "mpeg4"},
    "book.m4a": {"codec": "alac"},
    "film.mov": {"codec": "pcm_s24le", "picture": "mpeg4"},
    "film.mkv": {"codec": "flac", "picture": "mpeg4"},
    "clip.webm": {"codec": "libopus", "picture": "libvpx"},
    "talk.mp3": {"codec": "libmp3lame", "rate": 44_100},
    "note.flac": {"codec": "flac"},
    "cell.ogg": {"codec": "libopus"},
    "cast.ts": {"codec": "aac", "picture": "mpeg2video"},
    "disc.mpg": {"codec": "mp2"},
    "disc.avi": {"codec": "ac3", "picture": "mpeg4"},
    "clip.flv": {"codec": "libmp3lame", "rate": 44_100},
    "call.wav": {"codec": "pcm_s16le", "rate": 8_000},
    "line.wav": {"codec": "pcm_alaw", "rate": 8_000},
    "long.w64": {"codec": "pcm_s16le"},
    "tape.aiff": {"codec": "pcm_s16be"},
    "line.au": {"codec": "pcm_mulaw", "rate": 8_000},
    "tape.caf": {"codec": "pcm_s16le"},
    "bare.aac": {"codec": "aac"},
    "bare.ac3": {"codec": "ac3"},
    "bare.eac3": {"codec": "eac3"},
}
"""What people record in: file name -> keywords of `make`."""


def make(
    path: Path,
    codec: str,
    *,
    seconds: int = 6,
    rate: int = 48_000,
    picture: str | None = None,
    start: int = 0,
    **options: str,
) -> Path:
    """A file with one audio track of `codec`, and a picture track of codec `picture` that begins `start`
    seconds earlier. `options` are the muxer's."""
    with av.open(str(path), "w", options=options) as container:
        audio = container.add_stream(codec, rate=rate, layout="mono" if codec.startswith("pcm") else "stereo")
        film = None if picture is None else _film(container, picture)
        wave = np.sin(2 * np.pi * TONE * np.arange(rate) / rate) * 8000
        samples = np.repeat(wave.astype("<i2"), audio.layout.nb_channels)[None]
        for second in range(start + seconds):
            if film is not None:
                _draw(container, film)
            if second >= start:
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=audio.layout.name)
                frame.sample_rate, frame.pts = rate, second * rate
                container.mux(audio.encode(frame))
        for track in (audio, film):
            if track is not None:
                container.mux(track.encode(None))
    return path


def silent_film(path: Path) -> Path:
    """Three seconds of picture without an audio track."""
    with av.open(str(path), "w") as container:
        film = _film(container, "mpeg4")
        for _ in range(3):
            _draw(container, film)
        container.mux(film.encode(None))
    return path


def _film(container: Any, codec: str) -> Any:
    return container.add_stream(codec, rate=5, width=64, height=64, pix_fmt="yuv420p")


def _draw(container: Any, film: Any) -> None:
    """One second."""
    grey = np.full((96, 64), 128, np.uint8)
    for _ in range(5):
        container.mux(film.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))


def index_first(path: Path) -> Path:
    """The same mp4 with its index before its content, under another name."""
    moved = path.with_name(f"first-{path.name}")
    with av.open(str(path)) as source, av.open(str(moved), "w", options={"movflags": "faststart"}) as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = track
                target.mux(packet)
    return moved


def cut(path: Path, share: float) -> Path:
    """The first part of a file, under another name."""
    content = path.read_bytes()
    short = path.with_name(f"cut-{path.name}")
    short.write_bytes(content[: int(len(content) * share)])
    return short
