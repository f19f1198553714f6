"""The real pipeline, real recordings, and the diarizer that the tests are about."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ingest_worker.domain import Audio
from testkit.models import community1
from testkit.models.reference_diarization import Run, once_per_window, pcm, run_product, run_reference
from testkit.speech.catalogue import Recording, recordings

if TYPE_CHECKING:
    from ingest_worker.engines.diarization import PyannoteDiarizer

AudioOf = Callable[..., Audio]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other for minutes,
    and one gives the same numbers everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folder() -> Path:
    return community1.kit()


@pytest.fixture(scope="session")
def diarizer(folder: Path) -> Iterator["PyannoteDiarizer"]:
    from ingest_worker.engines.diarization import PyannoteDiarizer

    made = PyannoteDiarizer(folder, device="cpu", batch=32)
    yield made
    made.release()


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Recording]:
    return recordings().__getitem__


@pytest.fixture(scope="session")
def audio_of(recording: Callable[[str], Recording], tmp_path_factory: pytest.TempPathFactory) -> AudioOf:
    """Decoded audio of recordings, one after the other, or the first seconds of one."""

    def make(*names: str, seconds: float | None = None) -> Audio:
        into = tmp_path_factory.mktemp("audio") / "audio.pcm"
        parts = [pcm(recording(name).path, into, seconds).pcm().copy() for name in names]
        joined = np.concatenate(parts)
        joined.astype("<i2").tofile(into)
        return Audio(into, len(joined))

    return make


@pytest.fixture(scope="session")
def sample(audio_of: AudioOf) -> Audio:
    return audio_of("sample")


@pytest.fixture(scope="session")
def ours(diarizer: "PyannoteDiarizer", sample: Audio) -> Run:
    return run_product(diarizer, sample)


@pytest.fixture(scope="session")
def reference(folder: Path, sample: Audio) -> Run:
    """The same with one trunk call per window, which a test shows to be stock."""
    return run_reference(once_per_window(folder), sample)
