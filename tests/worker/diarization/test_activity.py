"""What the segmentation network gets to hear."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.activity import SpeakerActivity
from ingest_worker.engines.gain import LEVEL_AMPLITUDE


class Network:
    """Keeps the level of every window."""

    duration, step = 10.0, 1.0
    model = SimpleNamespace(audio=SimpleNamespace(sample_rate=SAMPLE_RATE))

    def __init__(self) -> None:
        self.levels: list[float] = []

    def infer(self, windows: torch.Tensor) -> list[np.ndarray]:
        self.levels += windows.square().mean((1, 2)).sqrt().tolist()
        return [np.zeros((589, 3), np.float32) for _ in windows]


@pytest.mark.parametrize(
    ("level", "heard"),
    [(0.0005, LEVEL_AMPLITUDE), (0.002, LEVEL_AMPLITUDE), (0.01, LEVEL_AMPLITUDE), (0.1, 0.1)],
)
def test_faint_sound_reaches_the_network_at_an_ordinary_level(
    tmp_path: Path, level: float, heard: float
) -> None:
    sound = np.random.default_rng(1).normal(0, level * 32_768, 12 * SAMPLE_RATE)
    np.round(sound).astype("<i2").tofile(tmp_path / "a.pcm")
    network = Network()
    SpeakerActivity(network, batch=4, device="cpu").of(Audio(tmp_path / "a.pcm", sound.size), lambda _: None)
    assert network.levels == pytest.approx([heard] * 3, rel=0.1)
