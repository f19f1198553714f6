"""Where in the recording a frame belongs: which jumps of a container's timestamps are silence, and which are
not. Pure.

Called by `pcm` with every frame. A time in the store must be the time at which a player plays it. mp4,
Matroska and Ogg have one clock, so a jump forwards is a pause, however long. Transport streams and HLS
restart their clock where an advertisement begins and ends, so a jump there means nothing, unless the picture
continues through it.
"""

from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

Frame = TypeVar("Frame")

GAP_SECONDS: Final = 0.25
"""A gap between frames that is worth filling. Larger than any container's rounding of time, smaller than
anyone hears in a search hit."""

_PLAIN_SECONDS: Final = 1.0
"""A jump up to this is accepted at once. A longer one must persist: a damaged timestamp moves one cluster,
and the next one jumps back."""

_LASTING_SECONDS: Final = 35.0
"""Sound after a jump that confirms it. A Matroska cluster spans at most 32.8 s (16 bits of milliseconds, RFC
9559, 10.1)."""

_MOST_HELD_SAMPLES: Final = 4_000_000
"""Samples of all channels that are buffered until then: 16 MB as floats."""

_SMALL_SECONDS: Final = 0.5
"""A jump up to this is accepted where clocks restart: lost packets; a restarted clock that differs by so
little would be a coincidence."""

_LONGEST_LEAD_SECONDS: Final = 600.0
"""How much later than the picture sound may begin where clocks restart."""

_STEADY_SECONDS: Final = 1.0
"""The largest step between two frames of a picture that continues."""

Placed = tuple[float, Frame]
"""Seconds of silence, and the frame after them."""


class Clock(Protocol[Frame]):
    """Places the frames of one track."""

    def place(self, frame: Frame, time: float | None, seconds: float, size: int, /) -> list[Placed[Frame]]:
        """The frames that can be written now.

        Args:
            frame: The next frame; it may be returned by a later call.
            time: Its time in seconds from the recording's start; None if it has none.
            seconds: Its length.
            size: Samples of all its channels.
        """

    def end(self) -> list[Placed[Frame]]:
        """The frames that are still buffered."""

    @property
    def beyond_seconds(self) -> float:
        """Sound whose time lies beyond the announced end.
        It was placed directly after what came before it."""

    @property
    def jumps(self) -> int:
        """Jumps that may be missing sound, and for which no silence stands in."""


@dataclass(slots=True)
class _Held(Generic[Frame]):
    """Frames after a jump that may be a damaged timestamp."""

    jump: float
    clock: float
    frames: list[Placed[Frame]] = field(default_factory=list)
    seconds: float = 0.0
    samples: int = 0

    def comes_back(self, gap: float) -> bool:
        """Whether a second jump undoes more than half of the first."""
        return gap < -self.jump / 2 if self.jump > 0 else gap > -self.jump / 2

    def add(self, frame: Frame, gap: float, seconds: float, samples: int) -> None:
        self.frames.append((gap if gap > GAP_SECONDS else 0.0, frame))
        self.clock += seconds + (gap if abs(gap) > GAP_SECONDS else 0.0)
        self.seconds += seconds
        self.samples += samples


class OneClock(Generic[Frame]):
    """Implements `Clock` for containers whose timestamps all count from the same moment."""

    jumps = 0
    """A jump is a pause here, or a damaged timestamp."""

    def __init__(self, end: float | None) -> None:
        """`end` is the recording's end as its container announces it, tolerance included; None where it
        announces none."""
        self.beyond_seconds = 0.0
        self._end = end
        self._clock = 0.0
        """Seconds that the frames so far cover."""
        self._held: _Held[Frame] | None = None

    def place(self, frame: Frame, time: float | None, seconds: float, size: int, /) -> list[Placed[Frame]]:
        """As `Clock.place`."""
        if self._held is not None:
            return self._while_held(self._held, frame, time, seconds, size)
        gap = 0.0 if time is None else time - self._clock
        is_doubtful = gap > _PLAIN_SECONDS or gap < -GAP_SECONDS
        if is_doubtful or (gap > GAP_SECONDS and self._is_beyond(self._clock + gap + seconds)):
            self._held = _Held(gap, self._clock + gap)
            self._held.add(frame, 0.0, seconds, size)
            return self._released(self._held) if self._is_certain(self._held) else []
        hole = gap if gap > GAP_SECONDS else 0.0
        self._clock += hole + seconds
        return [(hole, frame)]

    def end(self) -> list[Placed[Frame]]:
        """As `Clock.end`."""
        return [] if self._held is None else self._released(self._held)

    def _while_held(
        self, held: _Held[Frame], frame: Frame, time: float | None, seconds: float, size: int
    ) -> list[Placed[Frame]]:
        gap = 0.0 if time is None else time - held.clock
        if abs(gap) > GAP_SECONDS and held.comes_back(gap):  # the jump was a damaged timestamp
            return [*self._in_a_row(held), *self.place(frame, time, seconds, size)]
        held.add(frame, gap, seconds, size)
        return self._released(held) if self._is_certain(held) else []

    def _is_certain(self, held: _Held[Frame]) -> bool:
        return held.seconds >= _LASTING_SECONDS or held.samples >= _MOST_HELD_SAMPLES

    def _is_beyond(self, time: float) -> bool:
        return self._end is not None and time > self._end

    def _released(self, held: _Held[Frame]) -> list[Placed[Frame]]:
        """The frames with their jump, or without it where the jump would lead beyond the announced end."""
        if self._is_beyond(held.clock):
            self.beyond_seconds += held.seconds
            return self._in_a_row(held)
        self._held, self._clock = None, held.clock
        (hole, first), *others = held.frames
        return [(max(0.0, held.jump) + hole, first), *others]

    def _in_a_row(self, held: _Held[Frame]) -> list[Placed[Frame]]:
        self._held = None
        self._clock += held.seconds
        return [(0.0, frame) for _, frame in held.frames]


class ManyClocks(Generic[Frame]):
    """Implements `Clock` for streams whose clock restarts in the middle."""

    beyond_seconds = 0.0

    def __init__(self) -> None:
        self.jumps = 0
        self._clock = 0.0
        self._begun = False
        self._picture = (0.0, 0.0)
        """(start, end) of the time through which the picture has continued without a jump."""

    def saw_picture(self, time: float) -> None:
        """The picture has reached this time, in seconds like those of `place`."""
        start, end = self._picture
        self._picture = (start if 0 <= time - end <= _STEADY_SECONDS else time, time)

    def place(self, frame: Frame, time: float | None, seconds: float, _size: int, /) -> list[Placed[Frame]]:
        """As `Clock.place`."""
        gap = 0.0 if time is None else time - self._clock
        start, end = self._picture
        longest = _SMALL_SECONDS if self._begun else _LONGEST_LEAD_SECONDS
        if start <= self._clock + gap / 2 <= end:  # the picture was there in the middle of the gap
            longest = gap
        hole = gap if GAP_SECONDS < gap <= longest else 0.0
        if abs(gap) > GAP_SECONDS:
            self._clock += gap
            self.jumps += self._begun and not hole
        self._clock += seconds
        self._begun = True
        return [(hole, frame)]

    def end(self) -> list[Placed[Frame]]:
        """As `Clock.end`: nothing is ever buffered."""
        return []
