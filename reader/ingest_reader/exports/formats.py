"""A stored transcript as text in the formats that other programs read: JSON, VTT, SRT, TXT and RTTM. Pure;
`export` calls `FORMATS`.

docs/how-to.md describes each format. Each has every word once, and nothing that is not in the store.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ingest_contract.captions import TranscriptSource
from ingest_contract.text import without_credentials
from ingest_reader.exports.cues import Cue, Layout, cues, plain
from ingest_reader.exports.document import as_json, names_of
from ingest_reader.exports.links import NOBODY, clock, stamp
from ingest_worker.store.reads import StoredTranscript

_ARROW: Final = re.compile("-{2,}>")
_TAG: Final = re.compile("<(?=/?[a-z][^<>]*>)", re.IGNORECASE)

SOURCE_WORDS: Final[Mapping[TranscriptSource, str]] = MappingProxyType(
    {
        TranscriptSource.SPEECH: "transcribed",
        TranscriptSource.CAPTIONS: "captions of the source",
        TranscriptSource.AUTOMATIC_CAPTIONS: "automatic captions of the source",
    }
)
"""Where the words are from, for people."""


class Format(StrEnum):
    """The formats."""

    JSON = "json"
    VTT = "vtt"
    SRT = "srt"
    TXT = "txt"
    RTTM = "rttm"


def vtt(transcript: StoredTranscript) -> str:
    """WebVTT (W3C) with a voice span per cue."""
    names = names_of(transcript)
    head = (
        f"WEBVTT\n\nNOTE\n{_harmless(title_of(transcript))}\n"
        f"{_harmless(address_of(transcript))}\n{_not_heard(transcript)}"
    )
    return head + "".join(
        f"\n{_times(cue, '.')}\n{_spoken(cue, names)}\n" for cue in cues(transcript.words, Layout())
    )


def _spoken(cue: Cue, names: Mapping[int | None, str]) -> str:
    text = "\n".join(_escaped(line) for line in cue.lines)
    return text if cue.speaker is None else f"<v {_escaped(names[cue.speaker])}>{text}"


def _escaped(text: str) -> str:
    """Text inside a cue (WebVTT 4.2.2). Escaping `>` also removes `-->`, which would begin a cue."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _harmless(text: str) -> str:
    """Text where nothing can be escaped: a comment, or SRT.
    No arrow is left in it, however many dashes it had."""
    return _ARROW.sub("->", text)


def _unmarked(text: str) -> str:
    """Text for SRT without markup:
    players interpret tags and SubStation's overrides (in braces, after a backslash)."""
    return _TAG.sub("\u2039", _harmless(text)).replace("{\\", "{/")


def srt(transcript: StoredTranscript) -> str:
    """SubRip: numbered cues, each beginning with its speaker's name. It knows no comments: words that nobody
    heard say so in a line of their own above the first, in brackets, as subtitles have what is not spoken."""
    leads: dict[int | None, str] = {speaker: f"{name}: " for speaker, name in names_of(transcript).items()}
    found = cues(transcript.words, Layout(leads))
    mark = _origin(transcript)
    above = f"[{mark}]\n" if mark else ""
    return "\n".join(
        f"{i}\n{_times(cue, ',')}\n{above if i == 1 else ''}{_unmarked(chr(10).join(cue.lines))}\n"
        for i, cue in enumerate(found, 1)
    )


def _times(cue: Cue, mark: str) -> str:
    return f"{stamp(cue.start, mark)} --> {stamp(cue.end, mark)}"


def txt(transcript: StoredTranscript) -> str:
    """Text for reading: a paragraph per passage, with its time and its speaker."""
    names = names_of(transcript)
    head = f"{title_of(transcript)}\n{address_of(transcript)}\n{_not_heard(transcript)}"
    spoken = (
        f"\n[{clock(each.start)}] {names.get(each.speaker, NOBODY)}: {plain(each.text)}\n"
        for each in transcript.segments
    )
    return head + "".join(spoken)


def _not_heard(transcript: StoredTranscript) -> str:
    """A line about words that nobody heard; none if they are heard."""
    origin = _origin(transcript)
    return f"{origin}\n" if origin else ""


def _origin(transcript: StoredTranscript) -> str:
    """Where words are from that nobody heard; empty if they are heard."""
    run = transcript.run
    return "" if run.is_heard else f"Words: {SOURCE_WORDS[run.transcript_source]}; times are estimated"


def rttm(transcript: StoredTranscript) -> str:
    """Rich Transcription Time Marked (NIST RT-09 evaluation plan, appendix A): a SPEAKER line per turn;
    spaces become underscores. It has no words, and turns are heard wherever the words are from."""
    names, file = names_of(transcript), _one_field(transcript.recording.id)
    return "".join(
        f"SPEAKER {file} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> <NA> "
        f"{_one_field(names[turn.speaker])} <NA> <NA>\n"
        for turn in transcript.turns
    )


def _one_field(text: str) -> str:
    return "_".join(plain(text).split())


def title_of(transcript: StoredTranscript) -> str:
    """The recording's title, for people; its id where it has none: an empty line ends a comment of VTT."""
    return plain(transcript.recording.title) or plain(transcript.recording.id)


def address_of(transcript: StoredTranscript) -> str:
    """The recording's address, for people."""
    return plain(without_credentials(transcript.recording.url))


FORMATS: Final[Mapping[Format, Callable[[StoredTranscript], str]]] = MappingProxyType(
    {Format.JSON: as_json, Format.VTT: vtt, Format.SRT: srt, Format.TXT: txt, Format.RTTM: rttm}
)
