"""What a stage's own code makes of the same input: whoever changes it raises the stage's version, or kept
results of the old code go on counting as today's.

The inputs are many small ones, made of whole numbers, so that hardly a rule stays untouched and every machine
gives the same. What models decide has no part in it: their files are in the hash by themselves.
"""

import hashlib
import json
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.profile import FetchProfile, IdentificationProfile, SegmentationProfile
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.attribution import attribute
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import SAMPLE_RATE, Diarization, EnrolledVoice, Media, SpokenWord, Turn, Word
from ingest_worker.engines import chunks, gaps, languages, loops, quality, soft, turns, words
from ingest_worker.engines.chunks import FRAME_SAMPLES
from ingest_worker.engines.embedding import _normalised
from ingest_worker.identification.identify import identify
from ingest_worker.segmentation import segment
from ingest_worker.voice_windows import scaled
from tests.support.conversation import axis, heard

CASES = 40

RECORDED = {
    Stage.DECODE: (6, "d2c27caeb1854b0c"),
    Stage.TRANSCRIBE: (13, "008e702fff6e59cd"),
    Stage.DIARIZE: (5, "f9b897870b8d963f"),
    Stage.ATTRIBUTE: (1, "f3663d0fb3000856"),
    Stage.IDENTIFY: (3, "af5ef049e82d021e"),
    Stage.SEGMENT: (1, "4051c55ae450c10c"),
    Stage.EMBED: (1, "a66e1d245421a056"),
}
"""(version, digest of what it made). Where a test finds another result: raise the number in `STAGE_VERSION`,
and write both down here."""


def numbers(seed: int) -> Iterator[int]:
    """0 to 999, the same on every machine (Knuth's MMIX generator)."""
    state = seed
    for _ in count():
        state = (6_364_136_223_846_793_005 * state + 1_442_695_040_888_963_407) % 2**64
        yield (state >> 33) % 1000


def some_words(seed: int, size: int = 60) -> list[Word]:
    """Words in time order, some long, some with a pause before them, some that repeat themselves."""
    drawn, made, now = numbers(seed), [], 0.0
    vocabulary = ("so", " the", " the", " vector", "%", " 50", " end.", " Really?", " ring,", "-wise")
    for _ in range(size):
        pause, length, which, probability = islice(drawn, 4)
        start = now + (pause - 900) / 20 * (pause > 900) + (pause % 7) / 20
        now = start + (length % 40 + 1) / 20 + (length > 985) * 4
        made.append(Word(start, now, vocabulary[which % len(vocabulary)], (probability % 100 + 1) / 128))
    return made


def some_turns(seed: int, seconds: float) -> Diarization:
    drawn, spoken, overlaps, now = numbers(seed), [], [], 0.0
    while now < seconds:
        gap, length, speaker, both = islice(drawn, 4)
        start = now + (gap % 30) / 20
        now = start + (length % 160 + 4) / 20
        spoken.append(Turn(start, now, speaker % 3))
        if both < 300:
            overlaps.append((start, start + 0.25))
    rows = np.array([list(islice(drawn, 4)) for _ in range(3)], np.float32) - 500
    return Diarization(tuple(spoken), tuple(overlaps), turns.unit_rows(rows))


def spoken_words(seed: int) -> list[SpokenWord]:
    """Two hundred words by three people and nobody, who speak for many words or for one."""
    drawn = numbers(seed + 1)
    speakers = [
        who
        for length, who in zip(islice(drawn, 50), islice(drawn, 50, 100), strict=False)
        for _ in range(1 + length // 12)
    ]
    heard = some_words(seed, 200)
    return [
        SpokenWord(word, None if who < 60 else who // 400, overlap=False)
        for word, who in zip(heard, speakers, strict=False)
    ]


def decoded(seed: int, folder: Path) -> Any:
    path, drawn = folder / f"{seed}.wav", numbers(seed)
    samples = np.array(list(islice(drawn, SAMPLE_RATE * 2)), "<i2").reshape(-1, 2) * [30, 3] - 500
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    audio = LimitedDecoder(FetchProfile()).decode(Media(path, "x", None), folder / str(seed), lambda _: None)
    return hashlib.sha256(audio.pcm().tobytes()).hexdigest()


def transcribed(seed: int, _: Path) -> Any:
    drawn = np.array(list(islice(numbers(seed), 4000)))
    runs = np.repeat(drawn // 500, 1 + drawn % 60)[:4000]  # of speech and of pauses
    probabilities = (runs * 0.6 + drawn // 200 / 10).astype(np.float32)
    probabilities[500:1900] = np.maximum(probabilities[500:1900], 0.5)  # longer than one pass
    packed = chunks.pack(chunks.speech_spans(probabilities, 4000 * FRAME_SAMPLES), probabilities)
    joined = words.joined(some_words(seed), ("en", "zh")[seed % 2])
    timed = words.timed(joined, 400.0)
    kept = words.collapsed(words.apart([*timed, *words.placed(timed[:20], packed[0])]), turns=3)
    text = " ".join(word.text for word in joined[: seed + 2])
    said = [
        quality.Decoded(text, seed * pace / 10, -seed / 20, seed / 40, complete=seed % 9 > 0)
        for pace in (1, 7, 30)
    ]
    cut = [[half.spans for half in chunks.halves(chunk, probabilities)] for chunk in packed]
    speech = chunks.voiced(probabilities, 4000 * FRAME_SAMPLES)
    spans = tuple(span for chunk in packed for span in chunk.spans)
    bare = gaps.gaps(kept, speech)
    return [
        cut,
        [astuple(word) for word in kept],
        [(quality.fault_of(each), quality.is_silence(each)) for each in said],
        [(gap, [part.spans for part in gaps.around(gap, spans, probabilities)]) for gap in bare],
        [loops.loop_of(" ".join(text.split()[:size] * 5)) for size in (1, 3)],
        soft._runs(soft._lasting(speech)),
        languages_heard(seed, packed),
    ]


def languages_heard(seed: int, packed: Sequence[chunks.Chunk]) -> Any:
    """Of chunks whose ballots are drawn: which are asked in pieces, and the parts of one language."""
    drawn = numbers(seed + 3)
    ballots = [{"en": share / 1000, "de": 1 - share / 1000} for share, _ in zip(drawn, packed, strict=False)]
    by_chunk = dict(zip(packed, ballots, strict=True))
    asked = [*languages.at_borders(packed, by_chunk), *languages.divided(packed, by_chunk)]
    parts = languages.by_language(packed, ballots, {"de"})
    return [[each.spans for each in asked], languages.languages_of(parts, packed, ballots)]


def diarized(seed: int, _: Path) -> Any:
    rows = np.array(list(islice(numbers(seed), 32)), np.float64).reshape(8, 4) - 500
    rows[seed % 8] = 0
    return [np.nan_to_num(turns.unit_rows(rows), nan=9.0).tolist(), scaled(rows).tolist()]


def attributed(seed: int, _: Path) -> Any:
    heard = some_words(seed)
    return [(each.speaker, each.overlap) for each in attribute(heard, some_turns(seed, heard[-1].end))]


def identified(seed: int, _: Path) -> Any:
    drawn = numbers(seed + 7)
    table = [
        np.array([list(islice(drawn, 4)) for _ in range(1 + seed % 5)], np.float32) - 500 for _ in range(3)
    ]
    voices = [
        EnrolledVoice(name, turns.unit_rows(rows))
        for name, rows in zip(("ann", "bob", "eve"), table, strict=True)
    ]
    profile = IdentificationProfile(threshold="0.5", margin="0.05", min_speech_seconds=seed % 12)
    plain = identify(some_turns(seed, 60.0), voices, profile)
    return [[astuple(each) for each in plain.identities], in_conversation(seed)]


def in_conversation(seed: int) -> Any:
    """Three enrolled people and a guest, two of whom the diarizer took for one."""
    people = {name: axis(number) for number, name in enumerate(("ann", "bob", "eve", "guest"))}
    drawn = list(islice(numbers(seed), 16))
    said = [
        (2.0 + length % 12, list(people)[who % 4])
        for length, who in zip(drawn[::2], drawn[1::2], strict=True)
    ]
    groups = {name: number % (2 + seed % 2) for number, name in enumerate(dict.fromkeys(p for _, p in said))}
    voices = [EnrolledVoice(name, people[name][None]) for name in ("ann", "bob", "eve")]
    found = identify(heard(said, people, groups, seed=seed), voices, IdentificationProfile())
    return [
        [(each.decision, each.name, each.evidence and astuple(each.evidence)) for each in found.identities],
        found.regrouped and [astuple(turn) for turn in found.regrouped.turns],
    ]


def segmented(seed: int, _: Path) -> Any:
    profile = SegmentationProfile(max_seconds=10 + seed, max_gap_seconds=seed % 4)
    return [astuple(each) for each in segment(spoken_words(seed), profile)]


def embedded(seed: int, _: Path) -> Any:
    return _normalised(np.array(list(islice(numbers(seed), 32)), np.float64).reshape(8, 4) - 500).tolist()


STAGES: dict[Stage, tuple[Callable[[int, Path], Any], int]] = {
    Stage.DECODE: (decoded, 1),
    Stage.TRANSCRIBE: (transcribed, CASES),
    Stage.DIARIZE: (diarized, CASES),
    Stage.ATTRIBUTE: (attributed, CASES),
    Stage.IDENTIFY: (identified, CASES),
    Stage.SEGMENT: (segmented, CASES),
    Stage.EMBED: (embedded, CASES),
}


def digest(value: Any) -> str:
    """Of JSON, its fractions cut to six digits: what a machine rounds otherwise is no change."""
    text = json.dumps(value, sort_keys=True, default=str)
    plain = json.loads(text, parse_float=lambda number: f"{float(number) + 0.0:.6f}")
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize("stage", STAGES)
def test_another_result_of_a_stage_comes_with_another_version(stage: Stage, tmp_path: Path) -> None:
    make, cases = STAGES[stage]
    made = digest([make(seed, tmp_path) for seed in range(1, cases + 1)])
    assert (STAGE_VERSION[stage], made) == RECORDED[stage]


def test_every_stage_that_has_a_version_is_watched() -> None:
    assert STAGES.keys() == RECORDED.keys() == STAGE_VERSION.keys()
