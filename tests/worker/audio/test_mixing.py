"""The mix by itself: shares, and what two voices at once do to it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest_worker.audio.mixing import BLOCK_SECONDS, Mixer, weights

RATE = 16_000
BLOCK = round(BLOCK_SECONDS * RATE)


def noise(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(BLOCK).astype(np.float32)


def test_shares_follow_the_layout_and_are_equal_where_it_is_unknown() -> None:
    assert weights(["FL", "FR"]).tolist() == [0.5, 0.5]
    assert weights(["NONE"] * 5).tolist() == [pytest.approx(0.2)] * 5
    cinema = dict(
        zip(
            ("FL", "FR", "FC", "LFE", "BL", "BR"), weights(["FL", "FR", "FC", "LFE", "BL", "BR"]), strict=True
        )
    )
    assert cinema["FC"] > cinema["FL"] > cinema["BL"] == cinema["LFE"] > 0.1


def test_a_pair_of_opposite_channels_takes_nobody_else_with_it() -> None:
    voice, other = noise(1), noise(2)
    mixed = Mixer(weights(["NONE"] * 4), RATE).mix(np.stack([voice, -voice, other, np.zeros_like(voice)]))
    assert np.corrcoef(mixed, voice + other)[0, 1] > 0.999


def test_the_lead_does_not_flicker_between_channels_that_are_equally_loud() -> None:
    mixer, voice = Mixer(weights(["FL", "FR"]), RATE), noise(1)
    loudness = [
        np.sum(mixer.mix(np.stack([voice * (1 + 0.1 * (number % 2)), -voice])) ** 2) for number in range(6)
    ]
    assert min(loudness) > 0.9 * np.sum(voice**2)


def test_the_way_from_one_choice_to_the_next_has_no_step() -> None:
    mixer, tone = Mixer(weights(["FL", "FR"]), RATE), np.sin(np.arange(BLOCK) / 20).astype(np.float32)
    first = mixer.mix(np.stack([tone, tone]))
    second = mixer.mix(np.stack([tone, -tone]))
    assert np.abs(np.diff(np.concatenate([first[-BLOCK // 2 :], second]))[BLOCK // 2 :]).max() < 0.06
