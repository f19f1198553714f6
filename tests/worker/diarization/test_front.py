"""The segmentation network's first layer over what windows have in common gives what it gives each alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from ingest_worker.domain import SAMPLE_RATE
from ingest_worker.engines.front import SharedFront

if TYPE_CHECKING:
    from ingest_worker.engines.diarization import PyannoteDiarizer

pytestmark = pytest.mark.models

WIDTH, STEP = 10 * SAMPLE_RATE, SAMPLE_RATE

ROUNDING = 1e-3
"""Of features of size 1. Speech showed 6e-6 to 2e-5, digital silence 2e-4: where nothing varies, the network
divides rounding by the root of 1e-5. One window's features with another's normalisation differ by a third."""


@pytest.fixture(scope="module")
def sincnet(diarizer: "PyannoteDiarizer") -> Any:
    return diarizer.activity._inference.model.sincnet


def windows_of(sound: np.ndarray, count: int) -> torch.Tensor:
    padded = np.pad(sound, (0, max(0, (count - 1) * STEP + WIDTH - sound.size)))
    rows = [padded[i * STEP : i * STEP + WIDTH] for i in range(count)]
    return torch.from_numpy(np.stack(rows).astype(np.float32))[:, None]


def sounds() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    noise = random.normal(0, 0.1, 14 * SAMPLE_RATE)
    return {
        "noise": noise,
        "noise that ends within the last window": noise[: 13 * SAMPLE_RATE + 777],
        "noise on a constant": noise + 0.3,
        "faint noise on a large constant": noise / 100 + 0.5,
        "a shout in silence": np.where(np.arange(noise.size) // 800 == 70, noise * 8, 0.0),
        "silence": np.zeros(noise.size),
    }


@pytest.mark.parametrize("name", sounds())
def test_features_are_those_of_each_window_alone(sincnet: Any, name: str) -> None:
    windows = windows_of(sounds()[name], 5)
    front = sincnet.forward
    assert isinstance(front, SharedFront)
    assert front._overlap(windows)
    with torch.inference_mode():
        shared, alone = front(windows), type(sincnet).forward(sincnet, windows)
    assert shared.shape == alone.shape
    assert float((shared - alone).abs().max()) < ROUNDING


def test_windows_of_different_sounds_share_nothing(sincnet: Any) -> None:
    windows = windows_of(sounds()["noise"], 4)[[0, 2, 1]]
    with torch.inference_mode():
        assert torch.equal(sincnet.forward(windows), type(sincnet).forward(sincnet, windows))
        assert torch.equal(sincnet.forward(windows[:1]), type(sincnet).forward(sincnet, windows[:1]))


def test_who_is_active_is_the_same_in_every_frame(
    diarizer: "PyannoteDiarizer", sincnet: Any, audio_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = audio_of("sample", "ami-dev00", "ami-dev01")
    shared = diarizer.activity.of(audio, lambda _: None)
    monkeypatch.delattr(sincnet, "forward")
    alone = diarizer.activity.of(audio, lambda _: None)
    assert np.array_equal(shared, alone)
    assert 0.1 < alone.mean() < 0.9


def test_the_filters_run_once_over_a_batch(sincnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    filters = sincnet.conv1d[0]
    whole = filters.forward
    monkeypatch.setattr(filters, "forward", lambda sound: heard.append(sound.numel()) or whole(sound))
    with torch.inference_mode():
        sincnet.forward(windows_of(sounds()["noise"], 5))
    assert sum(heard) < WIDTH + 4 * STEP + 1000


def test_a_step_between_two_outputs_of_the_filters_is_refused(sincnet: Any) -> None:
    with pytest.raises(ValueError, match="windows 16001 samples apart do not meet filters 10 apart"):
        SharedFront(sincnet, 16_001)
