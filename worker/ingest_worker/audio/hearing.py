"""One pass over one audio track: packets into frames, frames to their times, and checks of the whole.

Called by `listen`; imports PyAV.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from ingest_contract.failures import Reason
from ingest_worker.audio import links, media, reach
from ingest_worker.audio.clock import GAP_SECONDS, ManyClocks, OneClock, Placed
from ingest_worker.audio.pcm import PcmWriter
from ingest_worker.audio.reading import size_of
from ingest_worker.audio.shortfall import is_much, tolerance
from ingest_worker.audio.track import Packets, TrackReader
from ingest_worker.errors import StageError

_MOST_BEYOND_SHARE: Final = 0.02
"""Share of the sound that may lie beyond what the container announces."""

_LONGEST_LEAD_SECONDS: Final = 6 * 3600.0
"""Nobody records six hours of nothing first; a radio station's stream that was joined late says how long it
has been on the air."""

_MOST_HEADER_BYTES: Final = 16_384
"""The longest file that may have a track without any sample: FLAC's headers are padded to 8 KiB."""

_MOST_SILENCE_RATIO: Final = 1000
"""Seconds of silence between timestamps for each second of sound. A speaker who is muted for hours and says
one sentence stays far below it."""


@dataclass(slots=True)
class Heard:
    """The result of one pass over a track."""

    samples: int
    """Of PCM."""
    sound_seconds: float
    """Seconds that were decoded."""
    filled_seconds: float
    """Seconds of silence where the track has a gap."""
    clock_jumps: int
    """Jumps of a stream's clock that were not filled."""
    good: int
    damaged: int
    """Packets that decoded, and packets that did not."""
    silent: bool
    """Whether it contains nothing but digital silence."""
    gain: float
    """The gain that was applied."""
    wanted_gain: float
    """The gain that should be applied; 1 if the level is right."""


class TrackDecoder:
    """Decodes one track of one file, as often as it is asked to."""

    def __init__(self, name: str, index: int) -> None:
        """`index` is the track's in the container."""
        self._name, self._index = name, index

    def hear(self, parts: Sequence[BinaryIO], writer: PcmWriter, *, in_parts: bool) -> Heard:
        """The track through `writer`, from the one file or from the parts of a chain, one after the other.

        Raises:
            StageError: `UNDECODABLE` when nothing or too little of it decodes, or its times are impossible;
                `TOO_LONG`, `DRM_PROTECTED`.
            ChainedError: the one file is a chain whose parts differ.
            OSError: the sink's.
        """
        tally = _Tally()
        for part in parts:
            try:
                if not in_parts and len(links.heads_of_mp4(part)) > 1:
                    raise links.ChainedError
                with media.opened(part, self._name) as container:
                    self._part(container, part, writer, tally)
            except (av.error.PatchWelcomeError, links.EmptyLinkError) as error:
                if not in_parts:
                    raise links.ChainedError from error
                tally.damaged, tally.words = tally.damaged + 1, str(error)
        writer.finish()
        tally.check(sum(size_of(part) for part in parts))
        return Heard(
            samples=writer.samples,
            sound_seconds=tally.sound,
            filled_seconds=tally.filled,
            clock_jumps=tally.jumps,
            good=tally.good,
            damaged=tally.damaged,
            silent=writer.levels.silent,
            gain=writer.gain,
            wanted_gain=writer.levels.gain,
        )

    def _part(self, container: InputContainer, file: BinaryIO, writer: PcmWriter, tally: "_Tally") -> None:
        track = container.streams[self._index] if self._index < len(container.streams) else None
        if not isinstance(track, AudioStream) or not media.has_decoder(track):
            raise links.EmptyLinkError
        span = self._span(container, track, file)
        clock: OneClock[AudioFrame] | ManyClocks[AudioFrame] = (
            ManyClocks() if span.many_clocks else OneClock(span.end)
        )
        pictures = container.streams.video[:1] if span.many_clocks else ()
        media.only(container, track, *pictures)
        source = TrackReader(container, track)
        for found in source.frames(*pictures):
            if isinstance(found, AudioFrame):
                if span.origin is None and found.time is not None:
                    span = replace(span, origin=found.time)
                time = None if found.time is None or not span.timed else found.time - (span.origin or 0.0)
                length = found.samples / found.sample_rate
                tally.write(
                    clock.place(found, time, length, found.samples * found.layout.nb_channels), writer
                )
            elif isinstance(clock, ManyClocks) and found.dts is not None:
                clock.saw_picture(float(found.dts * found.time_base) - (span.origin or 0.0))
        tally.write(clock.end(), writer)
        tally.add(source.packets, clock.beyond_seconds)
        tally.jumps += clock.jumps

    def _span(self, container: InputContainer, track: AudioStream, file: BinaryIO) -> "_Span":
        """Where the recording begins on the container's clock, and where it ends.

        It begins at 0 where players count from 0: in an mp4 (ISO/IEC 14496-12, 8.6.6: an empty edit is a
        pause), and where the announced length counts from 0 too. Otherwise it begins at the first timestamp,
        as in a piece cut from a stream that runs for days, and frames without a container at the first one
        that decodes: what is before it is no sound.
        """
        start, whole = media.started(container), media.announced_whole(container, file)
        if media.has_many_clocks(container, file):
            return _Span(start, None, many_clocks=True)
        if media.is_bare(container):
            end = None if whole is None else _later(whole)
            return _Span(None, end, timed=not media.is_headless(container))
        if media.is_mp4(container):
            origin = start if start < 0 or media.is_fragmented(container, file) else 0.0
            return _Span(origin, None if whole is None else _later(start + whole - origin))
        track_length = media.announced_track(container, track, file) or 0.0
        if whole is None or not GAP_SECONDS < start < min(whole, _LONGEST_LEAD_SECONDS):
            return _Span(start, None if whole is None else _later(max(whole, track_length)))
        end = reach.last_end(file, self._name)
        return _Span(
            0.0 if abs(whole - end) < abs(whole - (end - start)) else start, _later(max(whole, track_length))
        )


@dataclass(frozen=True, slots=True)
class _Span:
    """A recording on its container's clock."""

    origin: float | None
    """The time on that clock at which it begins, in seconds; None if it begins with its first frame."""
    end: float | None
    """Seconds from there beyond which nothing can follow, as the container says;
    None where it does not say."""
    many_clocks: bool = False
    timed: bool = True
    """Whether the frames have times at all."""


def _later(end: float) -> float:
    return end + tolerance(end)


class _Tally:
    """Counts the packets and seconds of a pass."""

    def __init__(self) -> None:
        self.sound = self.filled = self.beyond = 0.0
        self.good = self.damaged = self.jumps = 0
        self.words = "no packet"

    def write(self, placed: Sequence[Placed[AudioFrame]], writer: PcmWriter) -> None:
        for hole, frame in placed:
            if hole:
                writer.skip(hole)
                self.filled += hole
            writer.add(frame)
            self.sound += frame.samples / frame.sample_rate

    def add(self, packets: Packets, beyond: float) -> None:
        self.good += packets.good
        self.damaged += packets.damaged
        self.words = packets.words or self.words
        self.beyond += beyond

    def check(self, size: int) -> None:
        """Raise `StageError(UNDECODABLE)` if too much is missing or impossible. A track without a sample is
        none of that in a file of so many bytes that hold no more than headers."""
        lost = self.damaged * self.sound / max(1, self.good)
        mute = not self.sound and (self.damaged > 0 or size > _MOST_HEADER_BYTES)
        if mute or (self.damaged > 1 and is_much(lost, self.sound + lost)):
            packets = f"{self.damaged} of {self.good + self.damaged} packets of the audio track do not decode"
            raise StageError(Reason.UNDECODABLE, f"{packets}: {self.words}")
        if self.beyond > _MOST_BEYOND_SHARE * self.sound:
            raise StageError(
                Reason.UNDECODABLE,
                f"the timestamps of {self.beyond:.1f} s of the sound "
                "lie beyond the length that the media announces",
            )
        if self.filled > _MOST_SILENCE_RATIO * self.sound:
            raise StageError(
                Reason.UNDECODABLE,
                f"the timestamps spread {self.sound:.1f} s of sound over {self.filled:.0f} s of nothing",
            )
