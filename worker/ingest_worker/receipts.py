"""Computes the Receipt's figures from what a run found, and writes the Receipt once.

Called by the composition root when a run ends, however it ends. Only `ReceiptFile` and `memory_of` have
side effects or read the system.
"""

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from ingest_contract.captions import TranscriptOrigin, TranscriptSource
from ingest_contract.receipt import Coverage, Memory, Quality, Receipt, Speakers, StageFigures, encode
from ingest_contract.stages import Stage
from ingest_contract.tracks import Tracks
from ingest_worker.domain import (
    Decision,
    Diarization,
    Identity,
    Segment,
    Sound,
    SpokenWord,
    Transcript,
    Vectors,
    Word,
)
from ingest_worker.gpu.sampler import Sampler
from ingest_worker.resident import peak_mib
from ingest_worker.stopwatch import Stopwatch

WORDLESS_SECONDS: Final = 4.0
"""Longer stretches of a turn without a word are reported, in seconds: twice the value for voice activity,
because turns contain pauses, laughter and coughs."""

LIKELY_PROBABILITY: Final = 0.5
"""Probability below which a word is less likely than not, by the model that wrote it."""

NEAR_CHANGE_SECONDS: Final = 3.0
"""Around a change of language: the length of the pieces whose language is tested (`engines/languages.py`)."""

_SECONDS_DECIMALS: Final = 3
"""Decimals of seconds in a Receipt, which has 4,096 bytes."""


def coverage_of(
    words: Sequence[SpokenWord], diarization: Diarization, segments: Sequence[Segment], vectors: Vectors
) -> Coverage:
    """How much of the recording has words, speakers and vectors. Voice vectors are measured in seconds of
    speech: counting speakers would give short ones too much weight."""
    usable = {speaker for speaker in range(diarization.speakers) if diarization.has_vector(speaker)}
    return Coverage(
        speech_seconds=rounded(sum(turn.end - turn.start for turn in diarization.turns)),
        voiced_seconds=rounded(
            sum(turn.end - turn.start for turn in diarization.turns if turn.speaker in usable)
        ),
        words=len(words),
        attributed_words=sum(word.speaker is not None for word in words),
        wordless_seconds=rounded(sum(end - start for start, end in wordless(words, diarization))),
        wordless_speakers=sum(
            diarization.seconds_of(speaker) > WORDLESS_SECONDS
            for speaker in silent_speakers(words, diarization)
        ),
        speakerless_seconds=rounded(
            sum(spoken.word.end - spoken.word.start for spoken in words if spoken.speaker is None)
        ),
        segments=len(segments),
        vectors=len(vectors.values),
    )


def wordless(words: Sequence[SpokenWord], diarization: Diarization) -> list[tuple[float, float]]:
    """(start, end) of turns, or parts of turns, of more than `WORDLESS_SECONDS` without a word."""
    starts = [spoken.word.start for spoken in words]
    found = []
    for turn in diarization.turns:
        # A word that began before the turn may reach into it; words are in order and do not overlap, so one
        # is enough.
        inside = words[max(0, bisect_right(starts, turn.start) - 1) : bisect_left(starts, turn.end)]
        free = turn.start
        for start, end in [
            *((spoken.word.start, spoken.word.end) for spoken in inside),
            (turn.end, turn.end),
        ]:
            if start - free > WORDLESS_SECONDS:
                found.append((free, start))
            free = max(free, end)
    return found


def silent_speakers(words: Sequence[SpokenWord], diarization: Diarization) -> list[int]:
    """Speakers without a word."""
    spoken = {word.speaker for word in words}
    return [speaker for speaker in range(diarization.speakers) if speaker not in spoken]


def speakers_of(identities: Sequence[Identity], diarization: Diarization) -> Speakers:
    """How many speakers there are, how many have a name, and whether their number is within the batch's
    bounds."""
    named = sum(identity.decision is Decision.NAMED for identity in identities)
    return Speakers(found=len(identities), named=named, outside_bounds=diarization.outside_bounds)


def quality_of(transcript: Transcript) -> Quality:
    """What the transcription's quality gates found."""
    return Quality(
        language=transcript.language,
        language_probability=round(min(1.0, max(0.0, transcript.language_probability)), _SECONDS_DECIMALS),
        chunks=transcript.chunks,
        redecoded=transcript.redecoded,
        dropped=len(transcript.dropped),
        dropped_seconds=rounded(sum(end - start for start, end in transcript.dropped)),
        cut_words=transcript.cut,
        doubtful_words=sum(word.probability < LIKELY_PROBABILITY for word in transcript.words),
        foreign_chunks=transcript.foreign,
        sounds_like=transcript.sounds_like,
        language_change_seconds=rounded(
            sum(word.end - word.start for word in near_changes(transcript.words))
        ),
    )


def origin_of(transcript: Transcript) -> TranscriptOrigin | None:
    """Where the words are from; None if they are heard, as the profile wants it."""
    why = transcript.no_captions
    if transcript.source is TranscriptSource.SPEECH and why is None:
        return None
    return TranscriptOrigin(
        source=transcript.source,
        problem=why.problem if why else None,
        message=why.message if why else "",
    )


def near_changes(words: Sequence[Word]) -> list[Word]:
    """Words that begin or end within `NEAR_CHANGE_SECONDS` of a place where the language changes."""
    changes = [
        (before.end + after.start) / 2
        for before, after in pairwise(words)
        if before.language != after.language
    ]
    return [
        word
        for word in words
        if bisect_left(changes, word.start - NEAR_CHANGE_SECONDS)
        < bisect_right(changes, word.end + NEAR_CHANGE_SECONDS)
    ]


def tracks_of(sound: Sound) -> Tracks:
    """Which audio of the media was decoded."""
    return Tracks(
        found=sound.tracks,
        taken=sound.track,
        passed_over=sound.passed_over,
        damaged_packets=sound.damaged_packets,
        filled_seconds=rounded(sound.filled_seconds),
        clock_jumps=sound.clock_jumps,
        open_ended=sound.open_ended,
        language=sound.language,
        gain=float(f"{sound.gain:.3g}"),
    )


def stages_of(watch: Stopwatch) -> dict[Stage, StageFigures]:
    """Every stage that began, in the order of the data."""
    timings = sorted(watch.stages.items(), key=lambda entry: list(Stage).index(entry[0]))
    return {
        stage: StageFigures(
            seconds=rounded(timing.seconds),
            resumed=timing.resumed,
            batch=timing.batch,
            halvings=timing.halvings,
            peak_vram_mib=timing.peak_vram_mib,
            computing_seconds=rounded(timing.computing_seconds),
        )
        for stage, timing in timings
    }


def memory_of(sampler: Sampler, uuid: str | None, free_at_start_mib: int | None) -> Memory:
    """Peak memory. `uuid` and `free_at_start_mib` are None on a CPU."""
    return Memory(
        peak_rss_mib=peak_mib(),
        gpu_uuid=uuid,
        free_vram_at_start_mib=free_at_start_mib,
        peak_vram_mib=sampler.whole.used_mib,
    )


def rounded(seconds: float) -> float:
    """Seconds to a millisecond, never below zero."""
    return round(max(0.0, seconds), _SECONDS_DECIMALS)


class ReceiptFile:
    """The file for the Receipt. In a pod it is a bind mount: it can only be written in place, and is read
    when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False
        self._gate = threading.Lock()

    def write(self, receipt: Receipt) -> bool:
        """Write the receipt, unless one was written already: of two threads that end a run, the first one's
        counts. Returns whether this call wrote it."""
        with self._gate:
            if self._written:
                return False
            self._written = True
            with self._path.open("wb") as file:
                file.write(encode(receipt))
                file.flush()
                os.fsync(file.fileno())
        return True
