"""The rows that need the worker's own environment: diarization with its error rate, the residency plan's
table, number formats of Whisper, and the tests that are marked `gpu`."""

import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.gpu.device import NotHere
from bench.gpu.rows import Bench, Figures, Row

BATCH = 32
CEILINGS = (8, 16, 32, 64, 128)
"""Batches of the residency plan's table."""
FORMATS = ("float16", "int8_float16")


def need(*packages: str) -> None:
    """Raises `NotHere`, naming the first that is not installed."""
    for each in packages:
        if find_spec(each) is None:
            raise NotHere(f"{each} is not installed")


@contextmanager
def heard(seconds: int) -> Iterator[tuple[Any, list[Any]]]:
    """The dialogue as often as it takes, cut at that many seconds, and who speaks in them."""
    from ingest_worker.domain import SAMPLE_RATE, Audio
    from testkit.models.reference_diarization import pcm
    from testkit.speech.catalogue import recordings
    from testkit.speech.dialogue import Turn

    known = recordings()["dialogue"]
    with tempfile.TemporaryDirectory() as scratch:
        whole = pcm(known.path, Path(scratch) / "dialogue.pcm")
        times, samples = math.ceil(seconds / whole.seconds), seconds * SAMPLE_RATE
        sound = (whole.path.read_bytes() * times)[: 2 * samples]
        (Path(scratch) / "long.pcm").write_bytes(sound)
        moved = [
            Turn(turn.start + each * whole.seconds, turn.end + each * whole.seconds, turn.speaker)
            for each in range(times)
            for turn in known.turns or ()
        ]
        truth = [Turn(t.start, min(t.end, seconds), t.speaker) for t in moved if t.start < seconds]
        yield Audio(Path(scratch) / "long.pcm", samples), truth


def diarization(bench: Bench) -> Figures:
    """Diarization whole: stock, once per window, once, and with TF32 in the trunk. Seconds and DER."""
    need("pyannote", "lightning")
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from testkit.models import community1
    from testkit.models.reference_diarization import Run, once_per_window, run_product, run_reference, stock

    folder, name = community1.kit(), bench.device.name
    with heard(bench.seconds) as (audio, truth):
        diarizer = PyannoteDiarizer(folder, device=name, batch=BATCH)  # type: ignore[arg-type]  # cuda or cpu

        def rounded() -> Run:
            with tf32_in(diarizer.trunk):
                return run_product(diarizer, audio)

        ways: dict[str, Callable[[], Run]] = {
            "stock": partial(run_reference, stock(folder, name), audio),
            "once_per_window": partial(run_reference, once_per_window(folder, name), audio),
            "once": partial(run_product, diarizer, audio),
            "tf32": rounded,
        }
        found: Figures = {"sound_seconds": audio.seconds}
        for way, work in ways.items():
            seconds, run = bench.device.median(work)
            found |= {f"{way}_seconds": round(seconds, 2), f"{way}_der": round(run.error_rate(truth), 4)}
        diarizer.release()
    found["times_faster"] = round(found["stock_seconds"] / found["once_seconds"], 1)
    return found


@contextmanager
def tf32_in(trunk: Any) -> Iterator[None]:
    """TF32 while the trunk computes its frames, and nowhere else."""
    from bench.gpu.trunk import tf32

    inner = trunk._frames  # noqa: SLF001 - the product has no switch for it, and must not

    def frames(*args: Any) -> Any:
        with tf32():
            return inner(*args)

    trunk._frames = frames  # noqa: SLF001 - as above
    try:
        yield
    finally:
        trunk._frames = inner  # noqa: SLF001 - as above


def residency(bench: Bench) -> Figures:
    """The diarizer's peak at each batch, beside the residency plan's table, by torch's own count: the
    context comes on top. The sound is as long as the batch needs to be filled by blocks that are alike; where
    a batch does not fit or is not filled, that stands instead, and the table cannot be rewritten."""
    need("pyannote", "lightning")
    bench.device.require_gpu()
    from ingest_contract.order import SpeakerCount
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from ingest_worker.gpu.residency import MARGIN_FACTOR, diarization_mib
    from testkit.models import community1

    found, name = Figures(), bench.device.name
    for batch in CEILINGS:
        with heard(max(bench.seconds, filled_seconds(batch))) as (audio, _):
            diarizer = PyannoteDiarizer(community1.kit(), device=name, batch=batch)  # type: ignore[arg-type]  # as above
            blocks, alike = diarizer.trunk.runner.batch, most_alike(diarizer.trunk, audio.samples)
            peak = bench.device.peak_mib(partial(diarizer.diarize, audio, SpeakerCount(), nobody))
            halvings = diarizer.trunk.runner.halvings + diarizer.activity.runner.halvings
            diarizer.release()
        whole = alike >= blocks and not halvings
        found[f"batch_{batch}_mib" if whole else f"batch_{batch}_not_filled_mib"] = peak
        found[f"batch_{batch}_planned_mib"] = round(diarization_mib(batch) / MARGIN_FACTOR)
    return found


def filled_seconds(batch: int) -> int:
    """How long a sound is whose trunk's blocks fill a batch of windows: the first and the last of its blocks
    are not like the others."""
    from ingest_worker.engines.trunk import BLOCK_FRAMES, WINDOWS_PER_BLOCK

    return (batch // WINDOWS_PER_BLOCK + 2) * BLOCK_FRAMES // 100


def most_alike(trunk: Any, samples: int) -> int:
    """Blocks of a sound that the product's trunk can batch."""
    from ingest_worker.engines.trunk import BLOCK_FRAMES, filterbank_frames

    total = filterbank_frames(samples)
    bounds = Counter(trunk._bounds(start, total) for start in range(0, total, BLOCK_FRAMES))  # noqa: SLF001 - what it batches by
    return max(bounds.values())


def formats(bench: Bench) -> Figures:
    """Whisper in float16 against int8_float16 (on a CPU float32 against int8): seconds, and the words that
    differ."""
    need("faster_whisper", "ctranslate2", "jiwer")
    import jiwer

    from ingest_worker.engines.whisper import WhisperTranscriber
    from testkit.models.demo_set import model

    texts, found = [], Figures()
    with heard(bench.seconds) as (audio, _):
        for wide in FORMATS if bench.device.is_gpu else ("float32", "int8"):
            options: dict[str, Any] = {"device": bench.device.name, "compute_type": wide}
            made = WhisperTranscriber(model("tiny.en"), threads=2, batch=8, settings=settings(), **options)
            hear = partial(made.transcribe, audio, nobody)
            found[f"{wide}_first_seconds"] = round(bench.device.seconds(hear), 2)
            seconds, result = bench.device.median(hear)
            found[f"{wide}_seconds"] = round(seconds, 2)
            texts.append(" ".join(word.text for word in result.words))
            made.release()
    found["words_differ"] = round(jiwer.wer(*texts), 4)
    return found


def nobody(_: float) -> None:
    """Nobody watches the progress."""


def settings() -> Any:
    """Of an order, with the profile's defaults."""
    from ingest_contract.order import Settings
    from ingest_contract.profile import IngestProfileSpec

    profile = IngestProfileSpec()
    return Settings(
        model_set="demo",
        transcription=profile.transcription,
        diarization=profile.diarization,
        identification=profile.identification,
        segmentation=profile.segmentation,
        embedding=profile.embedding,
    )


def marked_tests(bench: Bench) -> Figures:
    """`pytest -m gpu`. Raises RuntimeError if one fails, or none is there."""
    need("pytest", "pynvml")
    bench.device.require_gpu()
    line = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/worker/gpu"]
    found = subprocess.run(line, capture_output=True, text=True, check=False)
    said = (found.stdout + found.stderr).strip()
    if found.returncode != 0:
        raise RuntimeError(f"pytest ended with {found.returncode}: {said[-300:]}")
    return {"said": said.splitlines()[-1:]}


WHOLE: dict[str, Row] = {
    "diarization": diarization,
    "residency": residency,
    "formats": formats,
    "tests": marked_tests,
}
