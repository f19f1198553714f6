"""What the product's diarizer is compared with: the same pipeline as pyannote ships it, and with one call of
the trunk per window.

The second is bit-identical to the first (pyannote.audio 4.0.7 passes the same sound through the trunk once
for each of a window's speaker slots), so it stands for stock where stock would take too long. Used by
`bench/diarization.py` and by tests; the product never runs either.
"""

import time
import warnings
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ingest_contract.order import SpeakerCount
from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.pyannote_folder import loaded
from testkit.speech.dialogue import Turn

if TYPE_CHECKING:
    from ingest_worker.engines.diarization import PyannoteDiarizer

SLOTS: Final = 24
"""Slots in a batch of pyannote's own path: a multiple of a window's three, so that none is divided. The same
for both references, because kernels are chosen by the batch's size: with 32 against 24 some vectors differ by
5e-7."""


@dataclass
class Run:
    """One diarization and what it went through."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    output: Any = None
    """pyannote's `DiarizeOutput`."""
    steps: dict[str, Any] = field(default_factory=dict)
    """Each step's result by its name: `segmentation`, `embeddings`, ..."""

    def hook(self, step: str, artifact: Any, **_: object) -> None:
        """Called by the pipeline after each step, and with None for progress."""
        if artifact is not None:
            self.steps[step] = artifact

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(windows, slots, dimension)."""
        found: NDArray[np.float32] = self.steps["embeddings"]
        return found

    def heard(self) -> NDArray[np.bool_]:
        """(windows, slots) whether a slot has the clean speech that pyannote asks of vectors it clusters by:
        a fifth of the window."""
        active = self.steps["segmentation"].data
        clean = active * (active.sum(2, keepdims=True) == 1)
        # `min_active_ratio` of `filter_embeddings`
        enough: NDArray[np.bool_] = clean.sum(1) >= 0.2 * active.shape[1]
        return enough

    def error_rate(self, reference: Sequence[Turn]) -> float:
        """DER without a collar, overlaps included."""
        # here, because they bring pandas and matplotlib, for which whoever collects tests would wait
        from pyannote.core import Annotation, Segment
        from pyannote.metrics.diarization import DiarizationErrorRate

        annotation = Annotation(uri="recording")
        for number, turn in enumerate(reference):
            annotation[Segment(turn.start, turn.end), number] = turn.speaker
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no UEM is given: the whole recording is scored
            return float(
                DiarizationErrorRate(collar=0.0, skip_overlap=False)(
                    annotation, self.output.speaker_diarization
                )
            )


class OncePerWindow:
    """Stands where a pipeline has its embedding, and runs the trunk once for slots of the same window."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, waveforms: torch.Tensor, masks: torch.Tensor) -> NDArray[np.float32]:
        """(batch, dimension) from (batch, 1, samples) and (batch, frames)."""
        model, distinct, which = self._inner.model_, [0], [0]
        for index in range(1, len(waveforms)):
            if not torch.equal(waveforms[index], waveforms[distinct[-1]]):
                distinct.append(index)
            which.append(len(distinct) - 1)
        with torch.inference_mode():
            sounds, weights = waveforms[distinct].to(model.device), masks.to(model.device)
            frames = model.resnet.forward_frames(model.compute_fbank(sounds))
            found = model.resnet.forward_embedding(frames[which], weights=weights)[1]
            vectors: NDArray[np.float32] = found.cpu().numpy()
        return vectors


def stock(folder: Path, device: str = "cpu") -> Any:
    """The pipeline as pyannote loads it, but for the batch."""
    pipeline = loaded(folder, device)
    pipeline.embedding_batch_size = SLOTS
    return pipeline


def once_per_window(folder: Path, device: str = "cpu") -> Any:
    """The pipeline with one trunk call per window."""
    pipeline = stock(folder, device)
    pipeline._embedding = OncePerWindow(pipeline._embedding)
    return pipeline


@contextmanager
def timed(run: Run) -> Iterator[None]:
    """Wall-clock and CPU seconds of the block."""
    start, cpu = time.perf_counter(), time.process_time()
    yield
    run.seconds, run.cpu_seconds = time.perf_counter() - start, time.process_time() - cpu


def run_reference(pipeline: Any, audio: Audio) -> Run:
    """A pipeline of pyannote's on a whole recording in memory."""
    run = Run()
    file: Mapping[str, Any] = {
        "waveform": torch.from_numpy(audio.window(0, audio.seconds))[None],
        "sample_rate": SAMPLE_RATE,
    }
    with timed(run):
        run.output = pipeline(file, hook=run.hook)
    return run


def run_product(diarizer: "PyannoteDiarizer", audio: Audio, people: int | None = None) -> Run:
    """The product's diarizer; `people` is how many speak, if it is said."""
    run = Run()
    with timed(run):
        count = SpeakerCount(min=people, max=people)
        run.output = diarizer.annotated(audio, count, lambda _: None, run.hook)
    return run


def pcm(recording: Path, into: Path, seconds: float | None = None) -> Audio:
    """A 16-bit WAV's first `seconds` as the worker's decoded audio."""
    with wave.open(str(recording)) as file:
        sound = file.readframes(file.getnframes() if seconds is None else round(seconds * SAMPLE_RATE))
    into.write_bytes(sound)
    return Audio(into, len(sound) // 2)


def cosine(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Row by row."""
    likeness: NDArray[Any] = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return likeness
