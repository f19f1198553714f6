"""Who is active when, window by window: runs the segmentation network over a recording.

Like `pyannote.audio.Inference.slide` (ten-second windows, one second apart, the last one padded with zeros),
but it reads the sound batch by batch from scratch, so that memory does not hold the recording, and retries
with smaller batches when the GPU is full. Called by `diarization`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ingest_worker.domain import Audio, FloatArray
from ingest_worker.engines.gain import Amplified
from ingest_worker.memory import BatchRunner
from ingest_worker.ports import Report

Activity = NDArray[np.uint8]


def window_starts(samples: int, width: int, step: int) -> range:
    """First sample of every window: as many as fit, and one more if sound is left over (or nothing fits)."""
    full = (samples - width) // step + 1 if samples >= width else 0
    left_over = samples < width or (samples - width) % step > 0
    return range(0, (full + left_over) * step, step)


class SpeakerActivity:
    """Local speakers in every window."""

    def __init__(self, inference: Any, *, batch: int, device: str) -> None:
        """`inference` is the pipeline's loaded `Inference`; `batch` counts windows."""
        self.runner = BatchRunner(batch, free=torch.cuda.empty_cache if device == "cuda" else None)
        """The outcome of batching: `batch` and `halvings` for the Receipt."""
        self._inference = inference
        rate = inference.model.audio.sample_rate
        self.width = round(inference.duration * rate)
        """Samples of a window."""
        self.step = round(inference.step * rate)
        """Samples from one window to the next."""

    def of(self, audio: Audio, report: Report) -> Activity:
        """(windows, frames, slots) of 0 and 1:
        which of a window's local speakers is active in which frame. The network's answers are written where
        they belong, and one byte each: a list of them beside their stack would be 200 MB more in eight hours,
        and as the network's float32 they are 150 MB more."""
        starts = window_starts(audio.samples, self.width, self.step)
        sound = Amplified(audio)

        found: list[Activity] = []

        def active(batch: Sequence[int]) -> Sequence[int]:
            windows = np.stack([self._window(sound, start) for start in batch])
            rows = np.asarray(self._inference.infer(torch.from_numpy(windows)[:, None]))
            if not found:
                found.append(np.empty((len(starts), *rows.shape[1:]), np.uint8))
            first = batch[0] // self.step
            found[0][first : first + len(rows)] = rows
            return batch

        self.runner.map(starts, active, done=lambda n: report(n / len(starts)))
        return found[0]

    def _window(self, sound: Amplified, start: int) -> FloatArray:
        """The network divides a window by its deviation, but adds 1e-5 to its variance first (torch's
        `InstanceNorm1d`), which a faint window does not reach: hence an amplified one."""
        window = sound.between(start, start + self.width)
        return np.pad(window, (0, self.width - window.size))
