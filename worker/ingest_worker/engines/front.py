"""The segmentation network's first layer, once for each second of sound instead of once for each window.

Windows of ten seconds begin one second apart, so each second passes the network ten times. Its first layer
(SincNet: 80 band-pass filters of 251 samples, Ravanelli and Bengio 2018) has no padding and is linear, and a
window's own normalisation before it is a factor and a constant: the filters run over the sound that windows
have in common, and factor and constant follow for each window. Behind it every layer normalises by window and
then bends what it gets, so nothing more can be shared (docs/decisions/0065-what-windows-have-in-common.md).

Called by `diarization`. Must give what pyannote's own SincNet gives, but for rounding.
"""

from itertools import islice
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

POOLED_FRAMES: Final = 3
"""Outputs of the filters of which the largest is kept (SincNet's first `MaxPool1d`)."""


class SharedFront:
    """SincNet's `forward` for windows that overlap; any others pass it as they always did."""

    def __init__(self, sincnet: Any, step: int) -> None:
        """`step` is the number of samples from one window to the next."""
        self._network, self._alone, self._step = sincnet, sincnet.forward, step
        self._filters = sincnet.conv1d[0]
        self._stride = int(self._filters.stride)
        if step % self._stride:
            raise ValueError(f"windows {step} samples apart do not meet filters {self._stride} apart")

    def __call__(self, windows: Tensor) -> Tensor:
        """(windows, 1, samples) to (windows, features, frames)."""
        if not self._overlap(windows):
            alone: Tensor = self._alone(windows)
            return alone
        features = functional.leaky_relu(self._network.norm1d[0](self._first_layer(windows)))
        layers = zip(self._network.conv1d, self._network.pool1d, self._network.norm1d, strict=True)
        for conv, pool, norm in islice(layers, 1, None):
            features = functional.leaky_relu(norm(pool(conv(features))))
        return features

    def _overlap(self, windows: Tensor) -> bool:
        """Whether each window begins one step behind the one before it, in the same sound."""
        step = self._step
        return len(windows) > 1 and torch.equal(windows[1:, :, :-step], windows[:-1, :, step:])

    def _first_layer(self, windows: Tensor) -> Tensor:
        """(windows, filters, frames): the largest size of three outputs of each filter.

        The largest of |a x + b| is that of the largest or of the smallest x, whatever a and b are, so that
        both can be found before a window is known.
        """
        sound = torch.cat([windows[0, 0], windows[1:, 0, -self._step :].reshape(-1)])[None, None]
        centre = sound.mean()  # of a faint sound on a large constant the filters would round away digits
        heard = self._filters(sound - centre)
        factor, constant = self._normalisation(windows, centre)
        extremes = (
            functional.max_pool1d(heard, POOLED_FRAMES, 1),
            -functional.max_pool1d(-heard, POOLED_FRAMES, 1),
        )
        frames = (
            (windows.shape[-1] - self._filters.filterbank.kernel_size) // self._stride + 1
        ) // POOLED_FRAMES
        sizes = (
            torch.addcmul(constant, self._by_window(each[0], frames), factor).abs_() for each in extremes
        )
        return torch.maximum(*sizes)

    def _by_window(self, outputs: Tensor, frames: int) -> Tensor:
        """(windows, filters, frames) of (filters, outputs): the same memory, seen window by window."""
        width = (frames - 1) * POOLED_FRAMES + 1
        return outputs.unfold(1, width, self._step // self._stride)[..., ::POOLED_FRAMES].transpose(0, 1)

    def _normalisation(self, windows: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        """What SincNet's first normalisation does to a window from which `centre` was taken, behind the
        filters: (windows, 1, 1) factors, and (windows, filters, 1) constants, which a filter makes of the
        constant before it."""
        norm = self._network.wav_norm1d
        variance, mean = torch.var_mean(windows, dim=-1, correction=0, keepdim=True)
        factor = norm.weight * torch.rsqrt(variance + norm.eps)
        sums = self._filters(torch.ones_like(windows[:1, :, : self._filters.filterbank.kernel_size]))
        return factor, (norm.bias - factor * (mean - centre)) * sums
