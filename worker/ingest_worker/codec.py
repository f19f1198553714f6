"""Encodes stage results as bytes and decodes them exactly, for artifacts and stored words.

Pure: the pipeline calls this and the store keeps the bytes.

Format: zlib over a 4-byte big-endian length, that many bytes of JSON, the raw little-endian float32 of at
most one array, and for a diarization its windows (`windows_codec`). JSON keeps a float64 exactly, because
Python writes the shortest text that reads back as the same number, and any program can read it. Words are
columns, so that equal keys are not repeated ten thousand
times: 9,000 words, about an hour of speech, take 89 kB if their probabilities are rounded to four digits and
147 kB if not (their bare bytes under the same zlib: 96 and 105 kB).
"""

import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, overload

import numpy as np
from typing_extensions import override

from ingest_contract.captions import CaptionsProblem, TranscriptSource
from ingest_worker import windows_codec
from ingest_worker.captions.values import NoCaptions
from ingest_worker.domain import (
    UNSPACED,
    Decision,
    Diarization,
    Evidence,
    FloatArray,
    Identified,
    Identity,
    Regrouped,
    Segment,
    SpokenWord,
    Transcript,
    Turn,
    Vectors,
    WonSeconds,
    Word,
)

FORMAT_VERSION: Final = 3
"""Stored with every value; a value of another format is not read but made again. Raise by hand when a format
below changes."""

READABLE: Final = frozenset({1, 2, FORMAT_VERSION})
"""Formats of stored words that are still read: 1 has neither spaces nor languages, 2 has no languages. Kept
results are read in the current format only."""

_ZLIB_LEVEL: Final = 6
"""zlib's own default: level 9 takes twice as long to save one per cent."""
_LENGTH: Final = struct.Struct(">I")


def encode_transcript(value: Transcript) -> bytes:
    """Encode a whole transcript."""
    counts = (value.chunks, value.redecoded, value.dropped, value.cut, value.foreign, value.sounds_like)
    head = (value.language, value.language_probability, value.speech_seconds, *counts)
    content: dict[str, Any] = {"words": _columns(value.words), "told": head}
    why = value.no_captions
    if value.source is not TranscriptSource.SPEECH or why is not None:
        content["origin"] = (value.source, why and (why.problem, why.message))
    return _pack(content)


def decode_transcript(data: bytes) -> Transcript:
    """The inverse of `encode_transcript`."""
    content, _ = _unpack(data)
    language, probability, speech, chunks, redecoded, dropped, *others = content["told"]
    source, why = content.get("origin", (TranscriptSource.SPEECH, None))
    transcript = Transcript(
        _words(content["words"]), language, probability, speech, chunks, redecoded, _pairs(dropped), *others
    )
    return replace(
        transcript,
        source=TranscriptSource(source),
        no_captions=NoCaptions(CaptionsProblem(why[0]), why[1]) if why else None,
    )


def encode_diarization(value: Diarization) -> bytes:
    """Encode turns, overlaps, voice vectors and windows; a NaN row stays a NaN row."""
    turns = [(turn.start, turn.end, turn.speaker) for turn in value.turns]
    content = {"turns": turns, "overlaps": value.overlaps, "outsideBounds": value.outside_bounds}
    if value.windows is None:
        return _pack(content, value.vectors)
    return _pack(
        content | {"windows": windows_codec.head_of(value.windows)},
        value.vectors,
        windows_codec.bytes_of(value.windows),
    )


def decode_diarization(data: bytes) -> Diarization:
    """The inverse of `encode_diarization`."""
    content, vectors, rest = _unpack_all(data)
    windows = windows_codec.windows_of(content["windows"], rest) if "windows" in content else None
    overlaps = _pairs(content["overlaps"])
    return Diarization(_turns(content["turns"]), overlaps, vectors, content["outsideBounds"], windows)


def encode_identified(value: Identified) -> bytes:
    """Encode speaker identities, and the speakers where enrolled voices regrouped them."""
    rows = [
        (i.speaker, i.decision.value, i.name, i.score, i.runner_up, i.runner_up_score, i.threshold)
        for i in value.identities
    ]
    evidence = [
        i.evidence and (i.evidence.heard_as, [(w.voice, w.seconds, w.longest) for w in i.evidence.won])
        for i in value.identities
    ]
    content = {"identities": rows, "evidence": evidence}
    if value.regrouped is None:
        return _pack(content)
    turns = [(turn.start, turn.end, turn.speaker) for turn in value.regrouped.turns]
    return _pack(content | {"turns": turns}, value.regrouped.vectors)


def decode_identified(data: bytes) -> Identified:
    """The inverse of `encode_identified`."""
    content, vectors = _unpack(data)
    identities = tuple(
        replace(Identity(speaker, Decision(decision), *scores), evidence=_evidence(evidence))
        for (speaker, decision, *scores), evidence in zip(
            content["identities"], content["evidence"], strict=True
        )
    )
    regrouped = Regrouped(_turns(content["turns"]), vectors) if "turns" in content else None
    return Identified(identities, regrouped)


def _evidence(content: list[Any] | None) -> Evidence | None:
    if content is None:
        return None
    heard_as, won = content
    return Evidence(tuple(heard_as), tuple(WonSeconds(*each) for each in won))


def encode_passages(segments: Sequence[Segment], vectors: Vectors) -> bytes:
    """Encode segments and their vectors: the result of the last kept stage."""
    rows = [(s.start, s.end, s.speaker, s.text, s.words) for s in segments]
    return _pack({"segments": rows, "model": vectors.model}, vectors.values)


def decode_passages(data: bytes) -> tuple[tuple[Segment, ...], Vectors]:
    """The inverse of `encode_passages`."""
    content, values = _unpack(data)
    segments = tuple(
        Segment(start, end, speaker, text, (words[0], words[1]))
        for start, end, speaker, text, words in content["segments"]
    )
    return segments, Vectors(values, content["model"])


def encode_spoken(value: Sequence[SpokenWord]) -> bytes:
    """Encode words with their speakers: exports are made from them."""
    return _pack(
        {
            "words": _columns([w.word for w in value]),
            "whose": [[w.speaker for w in value], [int(w.overlap) for w in value]],
        }
    )


def decode_spoken(data: bytes, *, language: str = "") -> "SpokenWords":
    """The inverse of `encode_spoken`, for every format in `READABLE`. In format 1 the recording's language
    says how words are written."""
    content, _ = _unpack(data)
    columns = content["words"]
    later: list[list[Any]] = [[int(language not in UNSPACED)] * len(columns[0]), [None] * len(columns[0])]
    return SpokenWords([*columns, *later[len(columns) - _FIRST_COLUMNS :]], *content["whose"])


class SpokenWords(Sequence[SpokenWord]):
    """Words with their speakers, made as they are asked for: a page shows some minutes of a recording of
    hours, and making them takes ten times as long as reading their columns."""

    def __init__(self, columns: list[list[Any]], speakers: list[int | None], overlaps: list[int]) -> None:
        self._columns, self._speakers, self._overlaps = columns, speakers, overlaps

    @override
    def __len__(self) -> int:
        return len(self._speakers)

    @overload
    def __getitem__(self, place: int) -> SpokenWord: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[SpokenWord, ...]: ...
    @override
    def __getitem__(self, place: int | slice) -> SpokenWord | tuple[SpokenWord, ...]:
        if isinstance(place, slice):
            return self._made(place)
        place = range(len(self))[place]
        return self._made(slice(place, place + 1))[0]

    @override
    def __iter__(self) -> Iterator[SpokenWord]:
        return iter(self[:])

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpokenWords) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # its columns are lists

    def moved(self, moves: Iterable[tuple[int, int, int | None]]) -> "SpokenWords":
        """The same, with others as the speakers of some: first word, the word behind the last, speaker."""
        speakers = list(self._speakers)
        for first, end, speaker in moves:
            speakers[first:end] = [speaker] * len(speakers[first:end])
        return SpokenWords(self._columns, speakers, self._overlaps)

    def _made(self, part: slice) -> tuple[SpokenWord, ...]:
        words = _words([column[part] for column in self._columns])
        whose = zip(words, self._speakers[part], self._overlaps[part], strict=True)
        return tuple(SpokenWord(word, speaker, bool(overlap)) for word, speaker, overlap in whose)


_FIRST_COLUMNS: Final = 4
"""Columns of words in format 1: start, end, text, probability."""


def _columns(words: Sequence[Word]) -> list[list[Any]]:
    times, texts = ([w.start for w in words], [w.end for w in words]), [w.text for w in words]
    return [
        *times,
        texts,
        [w.probability for w in words],
        [int(w.spaced) for w in words],
        [w.language for w in words],
    ]


def _words(columns: list[list[Any]]) -> tuple[Word, ...]:
    rows = zip(*columns, strict=True)
    return tuple(
        Word(start, end, text, score, bool(spaced), language)
        for start, end, text, score, spaced, language in rows
    )


def _turns(value: list[list[Any]]) -> tuple[Turn, ...]:
    return tuple(Turn(*turn) for turn in value)


def _pairs(value: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((start, end) for start, end in value)


def _pack(content: Any, array: FloatArray | None = None, rest: bytes = b"") -> bytes:
    shape = None if array is None else array.shape
    head = json.dumps([shape, content], separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    tail = b"" if array is None else array.astype("<f4", copy=False).tobytes()
    return zlib.compress(_LENGTH.pack(len(head)) + head + tail + rest, _ZLIB_LEVEL)


def _unpack(data: bytes) -> tuple[Any, FloatArray]:
    content, array, _ = _unpack_all(data)
    return content, array


def _unpack_all(data: bytes) -> tuple[Any, FloatArray, bytes]:
    plain = zlib.decompress(data)
    start = _LENGTH.size + _LENGTH.unpack_from(plain)[0]
    shape, content = json.loads(plain[_LENGTH.size : start])
    shape = shape or (0,)
    array = np.frombuffer(plain, "<f4", offset=start, count=math.prod(shape))
    return content, array.astype(np.float32).reshape(shape), plain[start + array.nbytes :]
