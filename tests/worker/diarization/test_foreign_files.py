"""A pipeline's files are data:
what somebody has put into them is refused with a typed error, and none of it runs."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ingest_contract.failures import Reason
from ingest_worker.engines.pyannote_folder import loaded
from ingest_worker.errors import StageError

pytestmark = pytest.mark.models


@pytest.fixture
def copied(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # what an earlier test has loaded has set it
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    return Path(shutil.copytree(folder, tmp_path / "pipeline"))


class Command:
    """What runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def checkpoint_of(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pyannote says at its import about a decoder that nothing uses
        return torch.load(path, weights_only=False)


def refused(folder: Path, told: str) -> None:
    with pytest.raises(StageError, match=told) as caught:
        loaded(folder, "cpu")
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE


@pytest.mark.parametrize("part", ["segmentation", "embedding"])
def test_a_command_in_a_checkpoint_does_not_run(copied: Path, tmp_path: Path, part: str) -> None:
    path, target = copied / part / "pytorch_model.bin", tmp_path / "it-ran"
    checkpoint = checkpoint_of(path)
    checkpoint["state_dict"]["extra"] = Command(target)
    torch.save(checkpoint, path)
    refused(copied, "holds more than weights")
    assert not target.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pyannote.audio.models.embedding.wespeaker.convert", "WeSpeakerResNet34"),
        ("subprocess", "Popen"),
        ("pyannote.audio.models.segmentation", "SSeRiouSS"),
    ],
)
def test_a_checkpoint_cannot_name_what_is_imported(copied: Path, module: str, name: str) -> None:
    path = copied / "segmentation" / "pytorch_model.bin"
    checkpoint = checkpoint_of(path)
    checkpoint["pyannote.audio"]["architecture"] = {"module": module, "class": name}
    torch.save(checkpoint, path)
    refused(copied, f"is of a network {module}.{name}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"preprocessors": {"audio": {"name": "subprocess.Popen", "params": {"args": ["touch"]}}}},
            "has preprocessors, which nothing",
        ),
        ({"device": "cuda:7"}, "has device, which nothing"),
        (
            {"pipeline": {"name": "this.SpeakerDiarization", "params": {}}},
            "is a pipeline this.SpeakerDiarization",
        ),
    ],
)
def test_a_configuration_cannot_name_what_is_imported(
    copied: Path, change: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = copied / "config.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | change))
    refused(copied, told)
    assert "Zen" not in capsys.readouterr().out, "`import this` prints it"
