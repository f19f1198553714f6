"""What the segmentation network gets to hear."""

import tracemalloc
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


def test_what_windows_take_beside_their_answers_does_not_grow_with_the_length(tmp_path: Path) -> None:
    class Fine(Network):
        """Answers with frames a hundred times as fine: two minutes and a half take as much as four hours."""

        def infer(self, windows: torch.Tensor) -> list[np.ndarray]:
            return [np.zeros((58_900, 3), np.float32) for _ in windows]

    seconds = 150
    with (tmp_path / "a.pcm").open("wb") as file:
        file.truncate(2 * seconds * SAMPLE_RATE)
    activity = SpeakerActivity(Fine(), batch=4, device="cpu")
    activity.width = SAMPLE_RATE // 100
    audio = Audio(tmp_path / "a.pcm", seconds * SAMPLE_RATE)
    tracemalloc.start()
    found = activity.of(audio, lambda _: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (seconds + 1, 58_900, 3)
    assert found.itemsize == 1
    assert peak < 1.8 * found.nbytes, peak / found.nbytes


def test_answers_lie_where_their_windows_do_though_a_batch_failed(tmp_path: Path) -> None:
    class Numbering(Network):
        """Answers with as many active frames as its first sample says, and takes two windows at most."""

        def infer(self, windows: torch.Tensor) -> list[np.ndarray]:
            if len(windows) > 2:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return [_first_active(round(float(window[0, 0]) * 32)) for window in windows]

    starts = np.arange(1, 10) * 3072
    sound = np.repeat(starts, SAMPLE_RATE).astype("<i2")
    sound.tofile(tmp_path / "a.pcm")
    activity = SpeakerActivity(Numbering(), batch=8, device="cpu")
    activity.width = SAMPLE_RATE
    found = activity.of(Audio(tmp_path / "a.pcm", sound.size), lambda _: None)
    assert activity.runner.halvings == 2
    assert found[:, :, 0].sum(1).tolist() == (starts // 1024).tolist()


def _first_active(count: int) -> np.ndarray:
    return np.repeat((np.arange(589) < count).astype(np.float32)[:, None], 3, axis=1)
