"""Media formats: what the decoder opens, and the file extensions of each. One list for the plan and for the
decoder. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ENDINGS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        demuxer: frozenset(endings.split())
        for demuxer, endings in {
            "mov,mp4,m4a,3gp,3g2,mj2": "3g2 3gp 3gpp f4a f4v m4a m4b m4v mj2 mov mp4 qt",
            "matroska,webm": "mk3d mka mkv weba webm",
            "mp3": "mp1 mp2 mp3 mpa mpga",
            "wav": "bwf rf64 wav wave",
            "w64": "w64",
            "flac": "fla flac",
            "ogg": "oga ogg ogm ogv ogx opus spx",
            "mpegts": "m2t m2ts mts ts",
            "mpeg": "mpe mpeg mpg vob",
            "avi": "avi divx",
            "asf": "asf wma wmv",
            "flv": "flv",
            "aac": "aac adts",
            "ac3": "ac3",
            "eac3": "ec3 eac3",
            "aiff": "aif aifc aiff",
            "au": "au snd",
            "caf": "caf",
            "amr": "amr awb",
        }.items()
    }
)
"""From libavformat's demuxer to its file extensions, in lower case and without a dot (those that its muxers
and demuxers name)."""

ALL_ENDINGS: Final = frozenset().union(*ENDINGS.values())
"""Every file extension of a media file."""


def ending_of(name: str) -> str:
    """A file name's extension: lower case, without the dot; empty for a name without one."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else ""
