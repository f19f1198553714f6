"""The rows that need the worker's own environment: diarization with its error rate, the residency plan's
table, number formats of Whisper, and the tests that are marked `gpu`."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.gpu.device import NotHere
from bench.gpu.rows import Bench, Figures, Row

BATCH, REPEATS = 32, 3
CEILINGS = (8, 16, 32, 64)
"""Batches of the residency plan's table."""
FORMATS = ("float16", "int8_float16")


def need(*packages: str) -> None:
    """Raises `NotHere`, naming the first that is not installed."""
    for each in packages:
        if find_spec(each) is None:
            raise NotHere(f"{each} is not installed")


@contextmanager
def heard(seconds: int) -> Iterator[tuple[Any, list[Any]]]:
    """The dialogue's first seconds, and who speaks in them."""
    from testkit.models.reference_diarization import pcm
    from testkit.speech.catalogue import recordings
    from testkit.speech.dialogue import Turn

    known = recordings()["dialogue"]
    truth = [Turn(t.start, min(t.end, seconds), t.speaker) for t in known.turns or () if t.start < seconds]
    with tempfile.TemporaryDirectory() as scratch:
        yield pcm(known.path, Path(scratch) / "dialogue.pcm", seconds), truth


def diarization(bench: Bench) -> Figures:
    """Diarization whole: stock, once per window, once, and with TF32 in the trunk. Seconds and DER."""
    need("pyannote", "lightning")
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from testkit.models import community1
    from testkit.models.reference_diarization import Run, once_per_window, run_product, run_reference, stock

    folder, name = community1.kit(), bench.device.name
    with heard(bench.seconds) as (audio, truth):
        ways: dict[str, Callable[[], Run]] = {
            "stock": lambda: run_reference(stock(folder, name), audio),
            "once_per_window": lambda: run_reference(once_per_window(folder, name), audio),
        }
        diarizer = PyannoteDiarizer(folder, device=name, batch=BATCH)  # type: ignore[arg-type]  # cuda or cpu
        run_product(diarizer, audio)  # warm
        found: Figures = {"sound_seconds": audio.seconds}
        ways["once"] = lambda: run_product(diarizer, audio)
        for way, work in ways.items():
            run = work()
            found |= {f"{way}_seconds": round(run.seconds, 2), f"{way}_der": round(run.error_rate(truth), 4)}
        with tf32_in(diarizer.trunk):
            run = run_product(diarizer, audio)
        found |= {"tf32_seconds": round(run.seconds, 2), "tf32_der": round(run.error_rate(truth), 4)}
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
    context comes on top."""
    need("pyannote", "lightning")
    bench.device.require_gpu()
    from ingest_contract.order import SpeakerCount
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from ingest_worker.gpu.residency import MARGIN_FACTOR, diarization_mib
    from testkit.models import community1

    found: Figures = {}
    with heard(bench.seconds) as (audio, _):
        for batch in CEILINGS:
            diarizer = PyannoteDiarizer(community1.kit(), device="cuda", batch=batch)
            peak = bench.device.peak_mib(partial(diarizer.diarize, audio, SpeakerCount(), nobody))
            diarizer.release()
            found[f"batch_{batch}_mib"] = peak
            found[f"batch_{batch}_planned_mib"] = round(diarization_mib(batch) / MARGIN_FACTOR)
    return found


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
            found[f"{wide}_seconds"] = round(bench.device.seconds(hear), 2)
            texts.append(" ".join(word.text for word in hear().words))
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
    """`pytest -m gpu`."""
    need("pytest", "pynvml")
    bench.device.require_gpu()
    line = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/worker/gpu"]
    found = subprocess.run(line, capture_output=True, text=True, check=False)
    return {"exit": found.returncode, "said": found.stdout.strip().splitlines()[-1:]}


WHOLE: dict[str, Row] = {
    "diarization": diarization,
    "residency": residency,
    "formats": formats,
    "tests": marked_tests,
}
