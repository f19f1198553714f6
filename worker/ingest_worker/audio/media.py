"""An opened media file: its container, its audio tracks in the order of preference, and the length that it
announces.

Imports PyAV; runs in the limited child and nowhere else. libavformat gets an open file and no way to open
another: no protocol is allowed, and no demuxer that follows references (HLS, DASH, concat, image sequences:
youtube-dl#8227 is how such files read /etc/passwd).
"""

from typing import Any, BinaryIO, Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream

from ingest_contract.failures import Reason
from ingest_worker.audio.codecs import AUDIO_CODECS, CODEC_WHITELIST
from ingest_worker.audio.containers import announces_length, boxes, missing_bytes
from ingest_worker.audio.reading import reader, size_of
from ingest_worker.errors import StageError
from ingest_worker.formats import ENDINGS

_OPTIONS: Final = {
    # a broadcast whose sound moves to another PID in the middle is one track: as two, the second would be
    # left out, and a stream announces no length by which that would show
    "merge_pmt_versions": "1",
    "protocol_whitelist": "none",
    "codec_whitelist": CODEC_WHITELIST,
    "format_whitelist": ",".join(ENDINGS),
}

_MANY_CLOCKS: Final = frozenset({"mpegts", "mpeg"})
"""Demuxers of streams that are cut and joined without changing their timestamps."""

_BARE: Final = frozenset({"aac", "mp3", "ac3", "eac3", "amr", "flac"})
"""Demuxers of a codec's frames with no container around them. Their timestamps count frames, and whatever
looks like one."""

_ASIDE: Final = (
    Disposition.comment
    | Disposition.visual_impaired
    | Disposition.hearing_impaired
    | Disposition.descriptions
    | Disposition.karaoke
)
"""Tracks that were made in addition to the recording's own sound."""

_ENCRYPTED: Final = ("encryption_info", "encryption_init_info")


def opened(file: BinaryIO, name: str) -> InputContainer:
    """The container, read from its beginning.

    Raises:
        StageError: `UNDECODABLE`, or `TRUNCATED` where the file's own headers promise more bytes than there
            are.
    """
    file.seek(0)
    try:
        container: InputContainer = av.open(file, mode="r", options=dict(_OPTIONS), metadata_errors="replace")
    except av.error.FFmpegError as error:
        missing = missing_bytes(reader(file), size_of(file))
        if missing:
            raise StageError(
                Reason.TRUNCATED, f"{name} lacks its last {missing} bytes, the index among them"
            ) from error
        raise StageError(
            Reason.UNDECODABLE, f"{name} is not media that can be read: {error.strerror}"
        ) from error
    return container


def audio_tracks(container: InputContainer, name: str) -> list[AudioStream]:
    """The audio tracks that can be decoded, in the order of preference.

    As a player chooses: the track that is flagged as default, otherwise the first that is not made for
    particular listeners.

    Raises:
        StageError: `NO_AUDIO_TRACK`; `UNDECODABLE` where there is no decoder for any.
    """
    tracks = container.streams.audio
    if not tracks:
        raise StageError(
            Reason.NO_AUDIO_TRACK, f"{name} has no audio track among its {len(container.streams)}"
        )
    usable = [track for track in tracks if has_decoder(track)]
    if not usable:
        found = ", ".join(sorted({_codec(track) or "unknown" for track in tracks}))
        raise StageError(
            Reason.UNDECODABLE,
            f"{name}: decoder not found for any of its {len(tracks)} audio tracks ({found})",
        )
    return sorted(
        usable,
        key=lambda track: (not track.disposition & Disposition.default, bool(track.disposition & _ASIDE)),
    )


def has_decoder(track: AudioStream) -> bool:
    """Whether the track has a codec that recordings use."""
    return _codec(track) in AUDIO_CODECS


def _codec(track: AudioStream) -> str | None:
    """The name that libavcodec has for the track's decoder; None where there is none: PyAV gives the track no
    context then."""
    context: Any = track.codec_context  # the stubs leave None out
    return None if context is None else str(context.codec.name)


def only(container: InputContainer, *tracks: Stream) -> None:
    """Read these tracks and no others."""
    wanted = {track.index for track in tracks}
    for track in container.streams:
        if track.index not in wanted:
            track.discard = Discard.all


def is_encrypted(packet: "Packet[Any]") -> bool:
    """Whether a packet is encrypted (ISO/IEC 23001-7), as its demuxer says."""
    return any(packet.has_sidedata(kind) for kind in _ENCRYPTED)


def announced_seconds(container: InputContainer, track: AudioStream, file: BinaryIO) -> float | None:
    """The length that the container announces for its audio; None where it announces none or guesses.

    Raises:
        StageError: `TRUNCATED` where the file's own headers promise more bytes than there are.
    """
    if missing := missing_bytes(reader(file), size_of(file)):
        raise StageError(Reason.TRUNCATED, f"the media lacks its last {missing} bytes")
    return announced_track(container, track, file)


def announced_track(container: InputContainer, track: AudioStream, file: BinaryIO) -> float | None:
    """The length that the container announces for a track, or for the whole file where it says nothing about
    the track; None where it guesses."""
    if not announces_length(container.format.name, reader(file)):
        return None
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    return announced_whole(container, file)


def announced_whole(container: InputContainer, file: BinaryIO) -> float | None:
    """The length that the container announces for all its tracks; None where it announces none or guesses."""
    duration: int | None = container.duration
    if duration is None or not announces_length(container.format.name, reader(file)):
        return None
    seconds = float(duration / av.time_base)
    # of an FLV that says nothing libavformat takes the last timestamp: a camera's uptime, if it was running
    uptime = started(container) if container.format.name == "flv" else 0.0
    return seconds - uptime if seconds > uptime else seconds


def started(container: InputContainer) -> float:
    """The first timestamp of any track, in seconds of the container's clock."""
    start: int | None = container.start_time  # the stubs leave None out
    return 0.0 if start is None else start / av.time_base


def has_many_clocks(container: InputContainer, file: BinaryIO) -> bool:
    """Whether timestamps may restart in the middle: transport streams, and mp4 fragments from HLS.

    HLS joins fragments of mp4 like transport streams; a recorder that writes fragments itself announces their
    total length.
    """
    if container.format.name in _MANY_CLOCKS:
        return True
    return is_fragmented(container, file) and not container.duration


def is_bare(container: InputContainer) -> bool:
    """Whether the file is a codec's frames and nothing else: it begins with the first one that decodes."""
    return container.format.name in _BARE


def is_headless(container: InputContainer) -> bool:
    """Whether it is FLAC whose head was not found, without which its frames' numbers are no times."""
    return container.format.name == "flac" and not container.duration


def is_mp4(container: InputContainer) -> bool:
    """Whether it is an mp4 or QuickTime file."""
    return container.format.name.startswith("mov")


def is_fragmented(container: InputContainer, file: BinaryIO) -> bool:
    """Whether an mp4 consists of fragments, each of which has its own time."""
    return is_mp4(container) and any(box.kind == b"moof" for box in boxes(reader(file), size_of(file)))
