"""One media file into one PCM file: which track is decoded, with which gain, and whether it is complete.

Called by `child`; imports PyAV. A track is chosen if it is not silent: recorders and phones put an empty one
before the one that they flag as default, and a track may have a codec without a decoder.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final

from ingest_contract.failures import Reason
from ingest_contract.languages import code_of
from ingest_worker.audio import adts, links, media, promised, reach, riff
from ingest_worker.audio.containers import is_locked, is_whole
from ingest_worker.audio.hearing import Heard, TrackDecoder
from ingest_worker.audio.limits import SAMPLE_BYTES
from ingest_worker.audio.pcm import PcmWriter, Report
from ingest_worker.audio.reading import part_of, reader, size_of
from ingest_worker.audio.shortfall import is_short
from ingest_worker.errors import StageError

_PASSED_OVER: Final = frozenset({Reason.UNDECODABLE, Reason.DRM_PROTECTED})
"""Reasons that concern one track and not the next."""

_MOST_CHARACTERS: Final = 200
"""Characters about the tracks that were skipped: a Receipt has 4,096 bytes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be decoded, and how."""

    name: str
    rate: int
    """Samples per second of the PCM."""
    most: int
    """At most so many samples."""
    expected: float | None
    """Seconds that the source announces; None where it does not say."""


class Listener:
    """Decodes one file."""

    def __init__(self, file: BinaryIO, order: Order, report: Report) -> None:
        self._file, self._order, self._report = file, order, report
        self._passed_over: list[str] = []
        self._demuxer = ""

    def listen(self, sink: BinaryIO, announce: Callable[[float | None], None]) -> dict[str, Any]:
        """The best track into `sink`. Returns what `decode` needs to know.

        Raises:
            StageError: `UNDECODABLE`, `TRUNCATED`, `TOO_LONG`, `NO_AUDIO_TRACK`, `DRM_PROTECTED`.
            OSError: the sink's.
        """
        self._file = self._from_first_frame()
        with media.opened(self._file, self._order.name) as container:
            if is_locked(container.format.name, reader(self._file), size_of(self._file)):
                raise StageError(Reason.DRM_PROTECTED)
            self._require_one_stretch(container.format.name)
            number = {track.index: place for place, track in enumerate(container.streams.audio, start=1)}
            order = [track.index for track in media.audio_tracks(container, self._order.name)]
            announced = {
                track.index: media.announced_seconds(container, track, self._file)
                for track in container.streams.audio
            }
            tags = {track.index: track.metadata.get("language", "") for track in container.streams.audio}
            self._demuxer = container.format.name
        self._passed_over += [f"{number[each]} has no decoder" for each in number.keys() - set(order)]
        announce(announced[order[0]])
        index, heard = self._best(order, number, sink)
        self._check(index, heard, announced[index])
        return {
            "announced": announced[index],
            "language": code_of(tags[index]),
            "open_ended": not heard.sound_seconds or self._is_open(announced[index]),
            "tracks": len(number),
            "track": number[index],
            "passed_over": ", ".join(self._passed_over)[:_MOST_CHARACTERS],
            **asdict(heard),
        }

    def _is_open(self, announced: float | None) -> bool:
        """Whether neither the file nor its source says how long it is. The last page of an Ogg file has its
        length so far."""
        goes_on = promised.lacks_last_page(reader(self._file), size_of(self._file))
        return not self._order.expected and (not announced or goes_on)

    def _from_first_frame(self) -> BinaryIO:
        """The file without what lies before its first frame, where it is AAC without a container."""
        with media.opened(self._file, self._order.name) as container:
            size = size_of(self._file)
            start = adts.first_frame(reader(self._file), size) if container.format.name == "aac" else 0
        return part_of(self._file, start, size) if start else self._file

    def _require_one_stretch(self, demuxer: str) -> None:
        """Raise `StageError(UNDECODABLE)` for a WAV file of which only a part would be decoded."""
        stretches = riff.stretches(reader(self._file), size_of(self._file)) if demuxer == "wav" else 1
        if stretches > 1:
            raise StageError(
                Reason.UNDECODABLE,
                f"{self._order.name} has {stretches} chunks of samples, and one is usual: were files joined?",
            )

    def _best(self, order: list[int], number: dict[int, int], sink: BinaryIO) -> tuple[int, Heard]:
        """The first track that decodes and is not silent;
        if there is none, the first that decodes. Raises as `listen`."""
        silent: tuple[int, Heard] | None = None
        failure: StageError | None = None
        for index in order:
            try:
                heard = self._heard(index, sink)
            except StageError as error:
                if error.reason not in _PASSED_OVER:
                    raise
                failure = failure or error
                self._passed_over.append(f"{number[index]} is {error.reason.value}")
                continue
            if not heard.silent:
                return index, heard
            silent = silent or (index, heard)
            self._passed_over.append(f"{number[index]} is silent")
        if silent is None:
            raise failure or StageError(Reason.UNDECODABLE)
        self._passed_over.remove(f"{number[silent[0]]} is silent")
        sink.seek(0)
        sink.truncate()
        sink.truncate(silent[1].samples * SAMPLE_BYTES)  # it was silent, and another track was decoded since
        return silent

    def _heard(self, index: int, sink: BinaryIO) -> Heard:
        """One track, decoded again if the first pass was too loud for 16 bits, too faint, or stopped before
        the end of a chain."""
        hearing = TrackDecoder(self._order.name, index)
        parts, in_parts = [self._file], False
        try:
            heard = hearing.hear(parts, self._writer(sink), in_parts=in_parts)
        except links.ChainedError:
            parts, in_parts = links.parts_of(self._file), True
            heard = hearing.hear(parts, self._writer(sink), in_parts=in_parts)
        if heard.wanted_gain != 1.0:
            heard = hearing.hear(parts, self._writer(sink, heard.wanted_gain), in_parts=in_parts)
        return heard

    def _writer(self, sink: BinaryIO, gain: float = 1.0) -> PcmWriter:
        if sink.tell():
            sink.seek(0)
            sink.truncate()
        return PcmWriter(sink, self._order.rate, self._order.most, self._report, gain)

    def _check(self, index: int, heard: Heard, announced: float | None) -> None:
        """Raise `StageError(TRUNCATED)` if the file ends before it should.

        A picture often outlasts its sound, so a file whose picture continues to the end is not truncated; nor
        is an mp3 whose own byte count is right, whatever it says about seconds.
        """
        seconds = heard.samples / self._order.rate
        if (
            announced is not None
            and is_short(seconds, announced)
            and is_whole(self._demuxer, reader(self._file), size_of(self._file))
        ):
            announced = None
        claim = max((each for each in (announced, self._order.expected) if each is not None), default=None)
        if claim is None or not is_short(seconds, claim):
            return
        if is_short(max(seconds, reach.longest_other(self._file, self._order.name, index)), claim):
            raise StageError(
                Reason.TRUNCATED, f"{seconds:.1f} s of audio decode, and {claim:.1f} s are announced"
            )
