"""Decoding proper: one media file in, mono PCM out, in constant memory. Imports PyAV; runs in the limited child and nowhere else.

libavformat is given an open file and no way to open another: no protocol is allowed, and no demuxer that follows references (HLS, DASH,
concat, image sequences: youtube-dl#8227 is how such files read /etc/passwd).
"""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from ingest_contract.failures import Reason
from ingest_worker.audio.containers import missing_bytes, tells_its_length
from ingest_worker.audio.limits import SAMPLE_BYTES
from ingest_worker.errors import StageError

_OPTIONS: Final = {
    "protocol_whitelist": "none",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,wav,w64,flac,ogg,mpegts,mpeg,avi,asf,flv,aac,ac3,eac3,aiff,au,caf,amr",
}

_GAP_SECONDS: Final = 0.25
"""A hole between frames that is worth filling. Coarser than any container's rounding of time, finer than anyone hears in a search hit."""

_LONGEST_GAP_SECONDS: Final = 600.0
"""A longer hole is a clock that was set anew (a TS discontinuity), and not ten minutes of silence."""

_DAMAGED_SHARE: Final = 0.02
"""Packets that may fail before the recording counts as damaged: the tolerance that its length has too."""

Tell = Callable[[int], None]
"""Told how many samples are written."""


def opened(file: BinaryIO, name: str) -> InputContainer:
    """The container. Raises `StageError(UNDECODABLE)`, or `TRUNCATED` where the file's own headers promise more than there is."""
    try:
        container: InputContainer = av.open(file, mode="r", options=dict(_OPTIONS), metadata_errors="replace")
    except av.error.FFmpegError as error:
        missing = missing_bytes(reader(file), _size(file))
        if missing:
            raise StageError(Reason.TRUNCATED, f"{name} lacks its last {missing} bytes, the index among them") from error
        raise StageError(Reason.UNDECODABLE, f"{name} is not media that can be read: {error.strerror}") from error
    return container


def audio_track(container: InputContainer, name: str) -> AudioStream:
    """The first audio track; the others are not read. Raises `StageError(NO_AUDIO_TRACK)`."""
    if not container.streams.audio:
        raise StageError(Reason.NO_AUDIO_TRACK, f"{name} has no audio track among its {len(container.streams)}")
    track = container.streams.audio[0]
    for other in container.streams:
        if other.index != track.index:
            other.discard = Discard.all
    return track


def announced_seconds(container: InputContainer, track: AudioStream, file: BinaryIO) -> float | None:
    """How long the container says that its audio is; None where it does not say or guesses."""
    if missing := missing_bytes(read := reader(file), _size(file)):
        raise StageError(Reason.TRUNCATED, f"the media lacks its last {missing} bytes")
    if not tells_its_length(container.format.name, read):
        return None
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    return None if container.duration is None else container.duration / av.time_base


def reader(file: BinaryIO) -> Callable[[int, int], bytes]:
    """Reads from places in a file and leaves its position alone."""

    def read(offset: int, count: int) -> bytes:
        here = file.tell()
        file.seek(offset)
        content = file.read(count)
        file.seek(here)
        return content

    return read


def _size(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end


class PcmWriter:
    """Frames in, PCM out, on the recording's own clock: where frames are missing there is silence, so that times stay true."""

    def __init__(self, sink: BinaryIO, rate: int, most: int, tell: Tell) -> None:
        """`rate` is in samples per second, `most` in samples."""
        self.samples = 0
        self._sink, self._rate, self._most, self._tell = sink, rate, most, tell
        self._resampler: Any = None
        self._form: tuple[str, str, int] | None = None
        self._clock = 0.0
        """Seconds of media time that the frames so far cover."""

    def add(self, frame: AudioFrame, time: float | None) -> None:
        """Write one frame; `time` is its place in seconds from the recording's start, None where it has none."""
        gap = 0.0 if time is None else time - self._clock
        if _GAP_SECONDS < gap <= _LONGEST_GAP_SECONDS:
            self._skip(round(gap * self._rate))
        if time is not None and abs(gap) > _GAP_SECONDS:
            self._clock = time
        self._clock += frame.samples / frame.sample_rate
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:  # HE-AAC and concatenated streams change theirs in the middle
            self.flush()
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate)
            self._form = form
        frame.pts = None
        self._write(self._resampler.resample(frame))

    def flush(self) -> None:
        """Write what the resampler holds back."""
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None

    def _skip(self, samples: int) -> None:
        self._sink.seek(samples * SAMPLE_BYTES, 1)  # a hole in the file reads as zeros and takes no room
        self._count(samples)

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._sink.write(memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES])
            self._count(frame.samples)

    def _count(self, samples: int) -> None:
        self.samples += samples
        if self.samples > self._most:
            raise StageError(Reason.TOO_LONG, f"the audio is longer than the {self._most // self._rate} s that the profile allows")
        self._tell(self.samples)


def decode(container: InputContainer, track: AudioStream, writer: PcmWriter) -> None:
    """The whole track through `writer`.

    Raises:
        StageError: `UNDECODABLE` when nothing or too little of it decodes, `TOO_LONG`.
        OSError: the sink's.
    """
    start: int | None = container.start_time  # the stubs leave None out
    origin = 0.0 if start is None else start / av.time_base
    good = damaged = 0
    last = "no packet"
    for packet in _packets(container, track):
        try:
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.PatchWelcomeError) as error:
            damaged, last = damaged + 1, str(error.strerror)
            continue
        good += 1
        for frame in frames:
            writer.add(frame, None if frame.time is None else frame.time - origin)
    writer.flush()
    if not writer.samples or damaged > 1 + _DAMAGED_SHARE * good:
        raise StageError(Reason.UNDECODABLE, f"{damaged} of {good + damaged} packets of the audio track do not decode: {last}")


def _packets(container: InputContainer, track: AudioStream) -> Iterator[Any]:
    """The track's packets. A container that breaks off has ended: how much is missing shows in the length."""
    try:
        yield from container.demux(track)
    except (av.error.InvalidDataError, av.error.EOFError):
        return
