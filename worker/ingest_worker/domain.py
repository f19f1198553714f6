"""The values that flow between stages. Frozen. Pure: numpy at most, no engine, no store, no file format.

Times are seconds from the start of the recording. Its speakers are numbered from 0, as they first speak.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest_contract.captions import TranscriptSource
from ingest_worker.captions.values import CaptionFile, Captions, NoCaptions
from ingest_worker.voice_windows import VoiceWindows

SAMPLE_RATE: Final = 16_000
"""Hz. Whisper, Silero, the segmentation network and the voice network are all trained on it."""

UNSPACED: Final = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages without spaces: Whisper's words are characters and parts there (its `split_to_word_tokens`)."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Media:
    """What was fetched: one local file, not yet trusted."""

    path: Path
    title: str
    """The title at the source; the file's stem if there is none."""
    duration_seconds: float | None
    """As announced by the source; None if it does not say."""
    captions: CaptionFile | Captions | NoCaptions | None = None
    """The source's captions of it, or why there are none; None if they are not wanted."""
    language: str | None = None
    """The language that is spoken, as its source says, which may be wrong; None if it says none."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Which audio of a media file was decoded, and which was not. Its language is by the track's tag."""

    tracks: int
    """Audio tracks in the file."""
    track: int
    """Which one was taken, counted from 1."""
    passed_over: str = ""
    """Which other tracks were tried or could not be, and why."""
    damaged_packets: int = 0
    """Packets of the track that did not decode; each leaves a hole of some hundredths of a second."""
    filled_seconds: float = 0.0
    """Silence in place of holes between the track's timestamps."""
    gain: float = 1.0
    """The factor on the samples, if they were far beyond full scale, faint, or far below one channel's."""
    clock_jumps: int = 0
    """Places where a stream's clock jumped, and nothing says whether sound is missing there."""
    open_ended: bool = False
    """Whether nobody says how long it is, or it has not one sample: its file may still be written."""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """Decoded audio on scratch: raw little-endian signed 16-bit mono at 16 kHz, mapped, not read into RAM."""

    path: Path
    samples: int
    sound: Sound | None = None
    """Where it came from; None for audio that was not decoded from a media file."""

    @property
    def seconds(self) -> float:
        """Length."""
        return self.samples / SAMPLE_RATE

    def pcm(self) -> NDArray[np.int16]:
        """(samples,) read-only view of the file."""
        if not self.samples:
            return np.zeros(0, np.int16)  # an empty file cannot be mapped
        return np.memmap(self.path, dtype="<i2", mode="r", shape=(self.samples,))

    def window(self, start: float, end: float) -> FloatArray:
        """(n,) float32 in -1..1 between two times, cut at the recording's ends."""
        part = self.pcm()[max(0, round(start * SAMPLE_RATE)) : round(end * SAMPLE_RATE)]
        return part.astype(np.float32) / np.float32(32_768)


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word."""

    start: float
    end: float
    text: str
    """As Whisper writes it, punctuation attached, without surrounding spaces."""
    probability: float
    spaced: bool = True
    """Whether a space is before it. No language decides: English in Chinese has one, Thai between clauses."""
    language: str | None = None
    """The language that it was decoded in, if that is not the transcript's."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """Every word of a recording in time order, and what the quality gates found."""

    words: tuple[Word, ...]
    language: str
    """ISO 639-1 as Whisper writes it; `und` if nobody speaks and the order names no language."""
    language_probability: float
    speech_seconds: float
    """By voice activity detection."""
    chunks: int
    """Pieces of speech decoded."""
    redecoded: int
    """Pieces that failed a gate and were decoded again."""
    dropped: tuple[tuple[float, float], ...]
    """(start, end) of speech, by voice activity, that gave no words: every decoding was degenerate, Whisper
    heard nobody, or it wrote down what was said before and after. Always reported."""
    cut: int = 0
    """Words left out as repeats, too many for the length of the sound."""
    foreign: int = 0
    """Pieces whose most likely language is not `language`, at any probability."""
    sounds_like: str | None = None
    """The language that the speech is surely in, where the order names another."""
    source: TranscriptSource = TranscriptSource.SPEECH
    """Where the words are from. Those of captions are spread over the time of their cue, by their letters."""
    no_captions: NoCaptions | None = None
    """Why they are not from captions, where those are preferred."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker, without a break."""

    start: float
    end: float
    speaker: int


@dataclass(frozen=True, slots=True)
class Diarization:
    """Who spoke when."""

    turns: tuple[Turn, ...]
    """Exclusive: at most one speaker at a time. Used to assign words to speakers. In time order."""
    overlaps: tuple[tuple[float, float], ...]
    """(start, end) where two or more spoke at once, in time order."""
    vectors: FloatArray
    """(speakers, dimension) of length 1; a row of NaN if a speaker spoke too little for a voice vector."""
    outside_bounds: bool = False
    """Whether fewer or more speakers were found than the order allows. The result is kept as it is."""
    windows: VoiceWindows | None = None
    """What the speakers were grouped from; None if nobody speaks, or the recording is too long to keep it."""

    @property
    def speakers(self) -> int:
        """How many speakers were found."""
        return int(self.vectors.shape[0])

    def bounded(self, least: int | None, most: int | None) -> "Diarization":
        """Marked by whether there are as many speakers as ordered."""
        return replace(self, outside_bounds=not (least or 0) <= self.speakers <= (most or self.speakers))

    def seconds_of(self, speaker: int) -> float:
        """Exclusive speech of one speaker."""
        return sum(t.end - t.start for t in self.turns if t.speaker == speaker)

    def has_vector(self, speaker: int) -> bool:
        """Whether a speaker has a voice vector: finite, and not pyannote's zeros for missing speakers."""
        return bool(np.isfinite(self.vectors[speaker]).all() and np.any(self.vectors[speaker]))


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and its speaker."""

    word: Word
    speaker: int | None
    """None if no turn is near."""
    overlap: bool
    """Whether someone else spoke at the same time."""


class Decision(StrEnum):
    """What identification decided about one speaker. It never claims more than it knows."""

    NAMED = "Named"
    """The best enrolled voice is above the threshold and clear of the runner-up."""
    UNKNOWN = "Unknown"
    """Compared, and similar to no enrolled voice."""
    AMBIGUOUS = "Ambiguous"
    """Similar to two enrolled voices, or two speakers are similar to the same one. Not named."""
    TOO_SHORT = "TooShort"
    """Too little clean speech to compare."""
    NO_VECTOR = "NoVector"
    """The engine gave no usable voice vector."""
    NOBODY_ENROLLED = "NobodyEnrolled"
    """There was no enrolled voice to compare with."""
    STATED = "Stated"
    """A person has said who it is. No run decides so: the store lays it over what a run decided."""


@dataclass(frozen=True, slots=True)
class WonSeconds:
    """How much of a speaker's clean speech an enrolled voice wins by window, and in its longest stretch."""

    voice: str
    seconds: float
    longest: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an identity was judged by, besides its scores."""

    heard_as: tuple[int, ...]
    """The diarizer's own speakers, by their numbers, of which this one is a part or the sum."""
    won: tuple[WonSeconds, ...]
    """Most seconds first."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known about one speaker of one recording."""

    speaker: int
    decision: Decision
    name: str | None
    """The enrolled voice; only with `Decision.NAMED`."""
    score: float | None
    """Cosine similarity to the best enrolled voice; None if nothing was compared."""
    runner_up: str | None
    runner_up_score: float | None
    threshold: float
    evidence: Evidence | None = None
    """None if nobody is enrolled or no windows were kept."""


@dataclass(frozen=True, slots=True)
class Regrouped:
    """What enrolled voices made of the diarizer's speakers, where they divided or joined any."""

    turns: tuple[Turn, ...]
    vectors: FloatArray
    """(speakers, dimension) as in `Diarization`."""


@dataclass(frozen=True, slots=True)
class Identified:
    """The identities of a recording, and its speakers if they are not the diarizer's any more."""

    identities: tuple[Identity, ...]
    """One per speaker, in their order."""
    regrouped: Regrouped | None = None

    def of(self, diarization: Diarization) -> Diarization:
        """The diarization with these speakers. Overlaps stay: when several speak does not depend on who."""
        if self.regrouped is None:
            return diarization
        return replace(diarization, turns=self.regrouped.turns, vectors=self.regrouped.vectors, windows=None)


@dataclass(frozen=True, slots=True)
class EnrolledVoice:
    """A person to recognise."""

    name: str
    vectors: FloatArray
    """(recordings, dimension) L2-normalised, by the same network and path as `Diarization.vectors`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A passage to search: one speaker, one stretch of time."""

    start: float
    end: float
    speaker: int | None
    text: str
    words: tuple[int, int]
    """First word and one past the last, as indexes into the transcript."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """One text vector for each segment."""

    values: FloatArray
    """(segments, dimension) L2-normalised."""
    model: str
    """`name@sha256-prefix` of the model: vectors of different models are never compared."""

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return int(self.values.shape[1])
