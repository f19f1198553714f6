"""Words lost by where chunks fall: recordings behind silence of many lengths, louder and quieter, through
codecs; three ways to decode.

Chunks fall elsewhere with every lead, so no example can be tuned to. Each row is one sound: a model, a
recording, a lead in milliseconds, a gain in dB and a codec, heard by this project's transcriber and by
faster-whisper's two, sequential and batched, at their defaults and the same beam. The whole grid has 23,040
rows; `sample` draws from it with fixed seeds. Kept row by row: run it again to go on. With `--again` this
project's transcriber hears a sound anew; what the stock loops wrote is kept until their versions change.

    python -m bench.hearing [--again] [ROW ...]
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from bench.rows import Figures, known, rows_main
from ingest_contract.order import Settings
from ingest_contract.profile import (
    DiarizationProfile,
    EmbeddingProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.domain import SAMPLE_RATE, Audio, Transcript
from ingest_worker.engines.whisper import WhisperTranscriber
from testkit.models.demo_set import model
from testkit.models.whisper_base import base
from testkit.results.machine import machine
from testkit.speech import audio
from testkit.speech.accuracy import english_word_error_rate, word_error_rate
from testkit.speech.catalogue import recordings
from testkit.speech.coding import CODECS, Sound, coded, levelled

LEADS: Final = tuple(round(1000 * i / 60) for i in range(60))
"""Milliseconds of silence in front."""
GAINS: Final = (0, -6, -12, -20, -30, -40)
"""dB."""
SHORT: Final = ("two_cities", "sample", "apart")
"""Beside the dialogue of 299 s;
`apart` is three voices with 25 and 90 s of silence before and between them."""
BEAM: Final = 5
BATCH: Final = 8
MOST_WORSE: Final = 0.005
LOOPS: Final = ("ours", "sequential", "batched")


@dataclass(frozen=True, slots=True)
class Row:
    """One sound for one model."""

    model: str
    recording: str
    lead: int
    gain: int
    codec: str

    @property
    def name(self) -> str:
        """The row's name on the command line."""
        return f"{self.model}/{self.recording}/{self.lead}ms/{self.gain}dB/{self.codec}"


def sample() -> list[Row]:
    """What is measured: six of the long recording, 24 of the short ones by tiny.en, six by base, and the lead
    that was reported; and fourteen of the long recording by another seed, drawn when the work was done."""
    draw, later = (random.Random(seed).sample for seed in (11, 77))  # noqa: S311 - a sample of a grid
    chosen = [Row("tiny.en", "dialogue", 114, 0, "pcm"), Row("tiny.en", "apart", 0, 0, "pcm")]
    for name, places, count in (("tiny.en", ("dialogue",), 5), ("tiny.en", SHORT, 24), ("base", SHORT, 6)):
        chosen += draw([Row(name, *rest) for rest in product(places, LEADS, GAINS, CODECS)], count)
    every = [Row("tiny.en", *rest) for rest in product(("dialogue",), LEADS, GAINS, CODECS)]
    return chosen + later(every, 14)


def measured(row: Row, before: Figures | None = None, hearers: Collection[str] = LOOPS) -> Figures:
    """Word error rates and words of the three, and what this project's transcriber tells beside. What the row
    came to `before` stands for the stock loops, if they have not changed since."""
    text, sound = source(row.recording)
    heard = coded(
        levelled(np.concatenate([np.zeros(row.lead * SAMPLE_RATE // 1000, np.int16), sound]), row.gain),
        row.codec,
    )
    figures: Figures = {"version": STAGE_VERSION[Stage.TRANSCRIBE], "stock": stock_version()}
    figures |= {"wer": {}, "english": {}, "words": {}, "seconds": {}}
    for name in hearers:
        if name != "ours" and before and before["stock"] == figures["stock"] and name in before["wer"]:
            for kind in ("wer", "english", "words", "seconds"):
                figures[kind][name] = before[kind][name]
            continue
        start = time.process_time()
        words, reported = HEARERS[name](row.model, heard)
        figures["seconds"][name] = round(time.process_time() - start, 2)
        figures["wer"][name] = round(word_error_rate(text, words), 4)
        figures["english"][name] = round(english_word_error_rate(text, words), 4)
        figures["words"][name] = len(words)
        figures |= reported
    return figures


def stock_version() -> str:
    """What the stock loops' words depend on beside the sound: libraries, search, and the processor, whose
    sums of int8 are its own."""
    libraries = (f"{name} {version(name)}" for name in ("faster-whisper", "ctranslate2", "av"))
    return ", ".join([*libraries, f"beam {BEAM}", f"batch {BATCH}", machine()["cpu"]])


@cache
def source(name: str) -> tuple[str, Sound]:
    """What is said, and its sound at 16 kHz."""
    known = recordings()
    if name != "apart":
        return known[name].text or "", pcm(known[name].path)
    parts = [(25.0, "voice-joe"), (90.0, "voice-mina"), (25.0, "voice-ken")]
    text = " ".join(known[voice].text or "" for _, voice in parts)
    return text, np.concatenate(
        [
            each
            for s, voice in parts
            for each in (np.zeros(round(s * SAMPLE_RATE), np.int16), pcm(known[voice].path))
        ]
    )


def pcm(path: Path) -> Sound:
    """A recording's samples."""
    return np.round(audio.read(path) * 32_767).astype(np.int16)


Heard = tuple[list[str], Figures]


def transcribed(name: str, sound: Sound, language: str | None = "en") -> Transcript:
    """By this project's transcriber, for an ordered language; None for whatever is spoken."""
    with tempfile.NamedTemporaryFile(suffix=".pcm") as file:
        file.write(sound.astype("<i2").tobytes())
        file.flush()
        heard = Audio(Path(file.name), sound.size)
        return transcriber(name, language).transcribe(heard, lambda _: None)


def ours(name: str, sound: Sound) -> Heard:
    """This project's transcriber."""
    transcript = transcribed(name, sound)
    reported = {
        "speech": round(transcript.speech_seconds, 1),
        "chunks": transcript.chunks,
        "redecoded": transcript.redecoded,
        "dropped": round(sum(end - start for start, end in transcript.dropped), 1),
        "cut": transcript.cut,
    }
    return [word.text for word in transcript.words], reported


def stock(name: str, sound: Sound, *, batched: bool) -> Heard:
    """faster-whisper's own loops."""
    from faster_whisper import BatchedInferencePipeline

    wave = sound.astype(np.float32) / np.float32(32_768)
    engine = transcriber(name)._engine._model  # noqa: SLF001  the same weights, loaded once
    if batched:
        segments, _ = BatchedInferencePipeline(engine).transcribe(
            wave, language="en", beam_size=BEAM, batch_size=BATCH
        )
    else:
        segments, _ = engine.transcribe(wave, language="en", beam_size=BEAM)
    return " ".join(segment.text for segment in segments).split(), {}


HEARERS: Final[dict[str, Callable[[str, Sound], Heard]]] = {
    "ours": ours,
    "sequential": partial(stock, batched=False),
    "batched": partial(stock, batched=True),
}


@cache
def transcriber(name: str, language: str | None = "en") -> WhisperTranscriber:
    """A loaded model, for an ordered language; None for whatever is spoken."""
    settings = Settings(
        model_set="demo",
        transcription=TranscriptionProfile(model="tiny.en", beam_size=BEAM),
        language=language,
        vocabulary=(),
        diarization=DiarizationProfile(),
        identification=IdentificationProfile(),
        segmentation=SegmentationProfile(),
        embedding=EmbeddingProfile(),
    )
    folder = base() if name == "base" else model(name)
    return WhisperTranscriber(
        folder, device="cpu", compute_type="int8", threads=2, batch=BATCH, settings=settings
    )


def table(rows: dict[str, Figures]) -> str:
    """By model and recording: mean and worst word error rate of the three, by plain spelling and by Whisper's
    normalizer, and what was told; then the difference to the sequential loop sound by sound."""
    groups: dict[str, list[Figures]] = {}
    for name, row in rows.items():
        groups.setdefault(" ".join(name.split("/")[:2]), []).append(row)
    head = (
        "| model, recording | sounds | WER ours, mean (worst) | stock sequential | stock batched | "
        "means by Whisper's normalizer | worst against stock's best"
    )
    lines = [
        head + " | told: seconds without words | decoded again | CPU s: ours, sequential, batched |",
        "|---" * 10 + "|",
    ]
    for name, group in groups.items():
        if heard_by_all := [row for row in group if set(LOOPS) <= set(row["wer"])]:
            lines.append(f"| {name} | {_line(heard_by_all)} |")
    head = "| model, recording | sounds | ours - sequential, mean (standard error) | deviation of one sound"
    lines += ["", head + " | worst | worse by more than 0.005 | version of the stage |", "|---" * 7 + "|"]
    return "\n".join([*lines, *(f"| {name} | {_paired(group)} |" for name, group in groups.items())])


def _paired(rows: Sequence[Figures]) -> str:
    more = np.array([row["wer"]["ours"] - row["wer"]["sequential"] for row in rows])
    deviation = float(np.std(more, ddof=1)) if more.size > 1 else 0.0
    versions = " and ".join(str(version) for version in sorted({row["version"] for row in rows}))
    return (
        f"{more.size} | {np.mean(more):+.4f} ({deviation / more.size**0.5:.4f}) | {deviation:.4f} | "
        f"{max(more):+.4f} | {sum(more > MOST_WORSE)} | {versions}"
    )


def _line(rows: Sequence[Figures]) -> str:
    rates = {name: [row["wer"][name] for row in rows] for name in HEARERS}
    mean_worst = [f"{np.mean(each):.3f} ({max(each):.3f})" for each in rates.values()]
    english = ", ".join(f"{np.mean([row['english'][name] for row in rows]):.3f}" for name in HEARERS)
    behind = max(
        row["wer"]["ours"] - min(row["wer"][name] for name in HEARERS if name != "ours") for row in rows
    )
    chunks = f"{sum(row['redecoded'] for row in rows)} of {sum(row['chunks'] for row in rows)} chunks"
    seconds = ", ".join(f"{np.mean([row['seconds'][name] for row in rows]):.1f}" for name in HEARERS)
    reported = f"{sum(row['dropped'] for row in rows):.1f} of {sum(row['speech'] for row in rows):.0f}"
    rest = f"{english} | {behind:+.3f} | {reported} | {chunks} | {seconds}"
    return f"{len(rows)} | {' | '.join(mean_worst)} | {rest}"


def main() -> int:
    """Measure what has no result yet, print."""
    before = known("hearing")
    rows = {row.name: partial(measured, row, before.get(row.name)) for row in sample()}
    return rows_main("hearing", __doc__, rows, table)


if __name__ == "__main__":
    sys.exit(main())
