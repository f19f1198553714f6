"""One audio track of an opened container, packet by packet: which packets decode, and which do not.

Imports PyAV; runs in the limited child and nowhere else. A damaged packet is a damaged packet, whatever
FFmpeg calls it: its decoders return anything from "invalid data" to "operation not permitted" (which is what
-1 means as an error number).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from ingest_contract.failures import Reason
from ingest_worker.audio import media
from ingest_worker.errors import StageError

_MOST_FAILURES: Final = 16
"""Reads that may fail in a row before the container counts as truncated."""


@dataclass(slots=True)
class Packets:
    """Counts of a track's packets."""

    good: int = 0
    damaged: int = 0
    words: str = ""
    """What FFmpeg said about the last damaged one."""


class TrackReader:
    """The frames of one track."""

    def __init__(self, container: InputContainer, track: AudioStream) -> None:
        self.packets = Packets()
        self._container, self._track = container, track

    def frames(self, *others: Stream) -> Iterator["AudioFrame | Packet[Any]"]:
        """The track's frames, and between them the packets of the `others`.

        Raises:
            StageError: `DRM_PROTECTED`.
            PatchWelcomeError: the demuxer cannot continue, because from here on the stream is another one.
        """
        for packet in self._read(self._track, *others):
            if packet.stream_index != self._track.index:
                yield packet
                continue
            if media.is_encrypted(packet):
                raise StageError(Reason.DRM_PROTECTED, "the packets of the audio track are encrypted")
            yield from self._decoded(packet)

    def _read(self, *tracks: Stream) -> Iterator["Packet[Any]"]:
        """Packets in the container's order. One that cannot be read counts as damaged if another comes
        after it; otherwise the container breaks off there, and the length shows how much is missing."""
        failures = 0
        while failures <= _MOST_FAILURES:
            try:
                for packet in self._container.demux(*tracks):
                    if packet.size:
                        self.packets.damaged += failures
                        failures = 0
                    yield packet
            except av.error.PatchWelcomeError:
                raise
            except (
                av.error.EOFError,
                IndexError,
            ):  # PyAV at the end, over a track that appeared only in the middle
                return
            except av.error.FFmpegError as error:
                failures += 1
                self.packets.words = str(error.strerror or error)
            else:
                return

    def _decoded(self, packet: "Packet[Any]") -> list[AudioFrame]:
        try:
            frames: list[AudioFrame] = self._track.codec_context.decode(packet if packet.size else None)
        except av.error.EOFError:  # the decoder has been flushed already
            return []
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 -- PyAV raises whatever FFmpeg's error number maps to
            self.packets.damaged += 1
            self.packets.words = str(getattr(error, "strerror", None) or error)
            return []
        self.packets.good += bool(packet.size)
        return [frame for frame in frames if frame.samples]
