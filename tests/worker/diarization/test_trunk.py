from pathlib import Path

import numpy as np
import pytest
import torch

from ingest_contract.failures import Reason
from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.engines.trunk import CENTRING_FRAMES, STRIDE_FRAMES, Trunk, filterbank_frames
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner
from testkit.models.reference_diarization import stock

pytestmark = pytest.mark.models


def frames_of(diarizer: PyannoteDiarizer, audio: Audio, *, block: int, together: int = 1) -> torch.Tensor:
    trunk = Trunk(diarizer._network, device="cpu", batch=1, block=block)
    trunk.runner = BatchRunner(together)  # as many as a GPU would take; on its own a CPU takes one
    return torch.cat(list(trunk.blocks(audio)), 1)


def test_blocks_of_any_length_and_number_give_the_same_frames(
    diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    audio = Audio(sample.path, 16 * SAMPLE_RATE)
    whole = frames_of(diarizer, audio, block=8000)
    assert whole.shape == (2560, -(-filterbank_frames(audio.samples) // STRIDE_FRAMES))
    for block, together in ((400, 1), (800, 1), (400, 4)):
        assert torch.allclose(frames_of(diarizer, audio, block=block, together=together), whole, atol=1e-4)


def test_each_frame_is_centred_on_the_ten_seconds_around_it(
    diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    total = filterbank_frames(sample.samples)
    raw = diarizer._network._fbank(torch.from_numpy(sample.pcm().astype(np.float32))[None])
    for frame, around in (
        (0, slice(0, 1000)),
        (1500, slice(1000, 2000)),
        (total - 1, slice(total - 1000, total)),
    ):
        centred = diarizer.trunk._features(sample, frame, frame + 1, total)[0]
        assert torch.allclose(centred, raw[frame] - raw[around].mean(0), atol=1e-4)


def test_a_recording_of_one_window_has_the_frames_that_stock_computes(
    folder: Path, diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    ten = Audio(sample.path, 10 * SAMPLE_RATE)
    model = stock(folder)._embedding.model_
    with torch.inference_mode():
        expected = model.forward_frames(torch.from_numpy(ten.window(0, 10))[None, None])[0].reshape(2560, -1)
    assert filterbank_frames(ten.samples) <= CENTRING_FRAMES
    assert torch.allclose(frames_of(diarizer, ten, block=3000), expected, atol=2e-3)


def test_a_recording_shorter_than_a_frame_has_none(diarizer: PyannoteDiarizer, tmp_path: Path) -> None:
    np.zeros(399, "<i2").tofile(tmp_path / "short.pcm")
    assert list(diarizer.trunk.blocks(Audio(tmp_path / "short.pcm", 399))) == []


def test_a_voice_network_of_another_kind_is_refused() -> None:
    with pytest.raises(StageError, match="no WeSpeaker") as caught:
        Trunk(torch.nn.Identity(), device="cpu", batch=1)
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE
