"""The voice network's trunk, run once over a recording.

Stock pyannote.audio 4.0.7 runs the WeSpeaker ResNet34 on every 10-second window for every speaker slot: each
second passes it about thirty times. The trunk is convolutional and no mask enters it, so its frames (80 ms
apart) can be computed once. Two things differ from stock and are the price, measured in
`bench/diarization.py`: stock centres the filterbank on each window's mean, here it is the mean of the ten
seconds around a frame; and stock sees zeros beyond each window's edges, here the recording goes on. fp32
always: fp16 ruins the clustering. Called by `diarization`; must not know of windows, masks or speakers.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ingest_contract.failures import Reason
from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner

HOP_SAMPLES: Final = 160
"""Samples between filterbank frames: 10 ms."""

WIDTH_SAMPLES: Final = 400
"""Samples under one filterbank frame: 25 ms."""

STRIDE_FRAMES: Final = 8
"""Filterbank frames per trunk frame: three halvings."""

CENTRING_FRAMES: Final = 1000
"""Filterbank frames whose mean is subtracted: ten seconds, the length of stock's windows."""

BLOCK_FRAMES: Final = 3000
"""Filterbank frames computed at once (30 s, a multiple of `STRIDE_FRAMES`). Longer gains nothing on a CPU,
and a GPU takes several together."""

WINDOWS_PER_BLOCK: Final = 3
"""Ten-second windows in a block: converts a batch of windows into a batch of blocks."""

SPEC: Final = {"frame_length": 25, "frame_shift": 10, "sample_rate": SAMPLE_RATE, "dither": 0.0}
"""Training parameters that a network must have to fit the constants above."""


def filterbank_frames(samples: int) -> int:
    """How many 25-ms frames fit, 10 ms apart."""
    return max(0, 1 + (samples - WIDTH_SAMPLES) // HOP_SAMPLES)


def _reach(resnet: torch.nn.Module) -> int:
    """Filterbank frames on either side that a trunk frame depends on: 112 for ResNet34.

    Counted from the convolutions, because the network's own `receptive_field_size(1)` answers 1
    (pyannote.audio 4.0.7).
    """
    reach, step = 0, 1
    for conv in resnet.modules():
        if (
            isinstance(conv, torch.nn.Conv2d) and conv.kernel_size[1] > 1
        ):  # a shortcut of width 1 runs beside the others, not after them
            reach += step * (conv.kernel_size[1] // 2)
            step *= conv.stride[1]
    return reach


class Trunk:
    """Frames of a recording by the convolutional part of a WeSpeaker ResNet."""

    def __init__(self, model: Any, *, device: str, batch: int, block: int = BLOCK_FRAMES) -> None:
        """`model` is a loaded `WeSpeakerResNet34` on `device`; `batch` counts ten-second windows.

        Raises:
            StageError: `MODELS_UNAVAILABLE` if the network is of another kind, to which none of this applies.
        """
        hparams = getattr(model, "hparams", {})
        if not hasattr(model, "resnet") or any(hparams.get(name) != value for name, value in SPEC.items()):
            raise StageError(
                Reason.MODELS_UNAVAILABLE,
                f"The voice network is {type(model).__name__} and no WeSpeaker ResNet at 16 kHz.",
            )
        # On a CPU several blocks at once gain nothing and cost memory (299 s of sound: 9.1 s and 1.4 GB,
        # eight at once 11.4 s and 2.5 GB).
        together = max(1, batch // WINDOWS_PER_BLOCK) if device == "cuda" else 1
        self.runner = BatchRunner(together, free=torch.cuda.empty_cache if device == "cuda" else None)
        """The outcome of batching: `batch` and `halvings` for the Receipt."""
        self._model, self._device, self._block = model, device, block
        self._context = -(-_reach(model.resnet) // STRIDE_FRAMES) * STRIDE_FRAMES
        if device == "cpu":
            # halves the time; differs by 8e-6 (oneDNN's kernels)
            model.resnet.to(memory_format=torch.channels_last)

    def blocks(self, audio: Audio) -> Iterator[Tensor]:
        """(features, frames) for one stretch after another: together every frame of the recording, 80 ms
        apart, the first at 0.

        The frames do not depend on the length of a block: each is computed with the trunk's whole receptive
        field around it.
        """
        total = filterbank_frames(audio.samples)
        starts = range(0, total, self._block)
        for _, alike in groupby(starts, key=lambda start: self._bounds(start, total)):
            while group := list(islice(alike, self.runner.batch)):
                yield from self.runner.map(group, lambda part: self._frames(audio, part, total))

    def _bounds(self, start: int, total: int) -> tuple[int, int, int]:
        """Filterbank frames before a block, in it and after it that the trunk needs. Blocks with equal bounds
        can be batched."""
        width = min(self._block, total - start)
        return min(self._context, start), width, min(self._context, total - start - width)

    def _frames(self, audio: Audio, starts: Sequence[int], total: int) -> list[Tensor]:
        before, width, after = self._bounds(starts[0], total)
        with torch.inference_mode():
            batch = torch.stack(
                [self._features(audio, start - before, start + width + after, total) for start in starts]
            )
            frames = self._model.resnet.forward_frames(batch)
            skip = before // STRIDE_FRAMES
            kept = frames[..., skip : skip + -(-width // STRIDE_FRAMES)]
            return [part.reshape(-1, part.shape[-1]) for part in kept]

    def _features(self, audio: Audio, first: int, last: int, total: int) -> Tensor:
        """(last - first, mel) filterbank, each frame less the mean of the ten seconds around it (at the ends,
        of those at the end)."""
        span = min(CENTRING_FRAMES, total)
        left = (torch.arange(first, last) - span // 2).clamp(0, total - span)
        low, high = min(first, int(left[0])), max(last, int(left[-1]) + span)
        # the network's filterbank expects the range of int16
        samples = audio.pcm()[low * HOP_SAMPLES : (high - 1) * HOP_SAMPLES + WIDTH_SAMPLES].astype(np.float32)
        fbank: Tensor = self._model._fbank(torch.from_numpy(samples)[None].to(self._device))  # noqa: SLF001 - the stock path minus centring
        sums = torch.cat([fbank.new_zeros(1, fbank.shape[1], dtype=torch.float64), fbank.double().cumsum(0)])
        left = (left - low).to(fbank.device)
        means = ((sums[left + span] - sums[left]) / span).float()
        return fbank[first - low : last - low] - means
