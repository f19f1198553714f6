"""The voice network's trunk over a recording, three ways, with torch alone: it travels as TorchScript, and
the recording as the filterbank that the network reads.

The trunk was 86 % of diarization's time on a GPU (OpenTranscribe, one A6000); segmentation and clustering are
in `product`, which needs pyannote.audio.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bench.gpu.device import Device

TRUNK, FEATURES = "trunk.ts", "features.pt"
WINDOW, STEP, SLOTS = 1000, 100, 3
"""Filterbank frames of ten seconds, and of one; slots of a window, each of which stock sends alone."""
BLOCK, CONTEXT, STRIDE = 3000, 112, 8
"""Frames of a block, of the reach on either side, and per frame of the trunk (`engines/trunk.py`)."""
BATCH = 32
"""Windows at once: pyannote's own default."""

Tensor = torch.Tensor


class Trunk:
    """The network and a recording, on a device."""

    def __init__(self, kit: Path, device: Device, seconds: int) -> None:
        load: Any = torch.jit.load  # it has no types
        self.net = load(str(kit / TRUNK), map_location=device.torch).eval()
        self.device = device
        told = torch.load(kit / FEATURES, weights_only=True)
        times = math.ceil(seconds * STEP / len(told))
        self.features: Tensor = told.repeat(times, 1)[: seconds * STEP].to(device.torch)
        """(frames, mel)"""

    def frames(self, batch: Tensor) -> Tensor:
        """(windows, features, trunk frames)."""
        with torch.inference_mode():
            found: Tensor = self.net(batch)
        return found.flatten(1, 2)

    def alike(self) -> dict[tuple[int, int, int], list[int]]:
        """Blocks by their bounds (frames before, in and after them): those with equal ones can be batched."""
        total, found = len(self.features), dict[tuple[int, int, int], list[int]]()
        for start in range(0, total, BLOCK):
            width = min(BLOCK, total - start)
            bounds = (min(CONTEXT, start), width, min(CONTEXT, total - start - width))
            found.setdefault(bounds, []).append(start)
        return found

    @property
    def most_at_once(self) -> int:
        """Blocks that one call can take, however many it may: all but those at the recording's ends."""
        return max(map(len, self.alike().values()))

    def starts(self) -> list[int]:
        """First frame of each window."""
        return list(range(0, len(self.features) - WINDOW + 1, STEP))

    def stock(self) -> Tensor:
        """(windows, statistics): every window as often as it has slots."""
        return self._windows(SLOTS)

    def once_per_window(self) -> Tensor:
        """(windows, statistics): every window once."""
        return self._windows(1)

    def once(self, batch: int = BATCH // 3) -> Tensor:
        """(windows, statistics): the recording once, in blocks; windows are pooled from its frames."""
        found = list[tuple[int, Tensor]]()
        for (before, width, after), starts in self.alike().items():
            for first in range(0, len(starts), batch):
                part = starts[first : first + batch]
                sound = torch.stack([self.features[s - before : s + width + after] for s in part])
                kept = self.frames(sound)[..., before // STRIDE : before // STRIDE - (-width // STRIDE)]
                found += zip(part, kept, strict=True)
        whole = torch.cat([frames for _, frames in sorted(found, key=lambda each: each[0])], 1)
        pooled = [
            statistics(whole[:, start // STRIDE : (start + WINDOW) // STRIDE]) for start in self.starts()
        ]
        return torch.stack(pooled)

    def _windows(self, times: int) -> Tensor:
        wanted = [start for start in self.starts() for _ in range(times)]
        found = []
        for first in range(0, len(wanted), BATCH):
            sound = torch.stack([self.features[s : s + WINDOW] for s in wanted[first : first + BATCH]])
            found += [statistics(each) for each in self.frames(sound)]
        return torch.stack(found[::times])


def statistics(frames: Tensor) -> Tensor:
    """Mean and deviation of every feature, which the rest of the network makes a voice of."""
    return torch.cat([frames.mean(-1), frames.std(-1)])


def likeness(one: Tensor, other: Tensor) -> float:
    """Mean cosine, row by row."""
    return round(float(torch.nn.functional.cosine_similarity(one, other).mean()), 5)


@contextmanager
def tf32() -> Iterator[None]:
    """Convolutions and products in TF32, which the product keeps off (pyannote-audio#1370)."""
    flags: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn]
    before = [each.allow_tf32 for each in flags]
    try:
        for each in flags:
            each.allow_tf32 = True
        yield
    finally:
        for each, was in zip(flags, before, strict=True):
            each.allow_tf32 = was
