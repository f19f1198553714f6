"""A full GPU under the real diarizer: at any call of either network the same turns and voices, and smaller
batches that are told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_worker.domain import Audio, Diarization
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.engines.trunk import Trunk
from ingest_worker.errors import StageError
from ingest_worker.memory import BatchRunner
from tests.support.memory_errors import AcceleratorError, OutOfMemoryError

pytestmark = pytest.mark.models

WINDOWS, BLOCKS, BLOCK_FRAMES = 8, 2, 504
"""Windows that are segmented at once; blocks of five seconds that pass the trunk at once."""

FULL: dict[str, Exception] = {
    "first": OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "middle": AcceleratorError("CUDA error: out of memory"),
    "last": RuntimeError("CUDA driver error: out of memory"),
}
"""Where in a run a GPU is full, and how that is told."""


class Calls:
    """A network that is counted, and that raises once."""

    def __init__(self, work: Any) -> None:
        self._work = work
        self.sizes: list[int] = []
        self.at, self.error = 0, RuntimeError()

    def __call__(self, batch: Any, *rest: Any, **named: Any) -> Any:
        self.sizes.append(len(batch))
        if len(self.sizes) == self.at:
            raise self.error
        return self._work(batch, *rest, **named)


@pytest.fixture(scope="module")
def counted(folder: Path) -> Iterator[tuple[PyannoteDiarizer, dict[str, Calls]]]:
    """A diarizer, and the places where it calls its networks."""
    made = PyannoteDiarizer(folder, device="cpu", batch=WINDOWS)
    made.trunk = Trunk(made._network, device="cpu", batch=1, block=BLOCK_FRAMES)
    resnet, calls = made._network.resnet, dict[str, Calls]()
    for name, owner, method in (
        ("segmentation", made._inference, "infer"),
        ("trunk", resnet, "forward_frames"),
        ("pooling", resnet, "seg_1"),
    ):
        calls[name] = Calls(getattr(owner, method))
    made._inference.infer, resnet.forward_frames = calls["segmentation"], calls["trunk"]
    del resnet.seg_1  # a module cannot be replaced by what is none
    resnet.seg_1 = calls["pooling"]
    yield made, calls
    made.release()


def heard(made: PyannoteDiarizer, sample: Audio) -> Diarization:
    made.activity.runner, made.trunk.runner = BatchRunner(WINDOWS), BatchRunner(BLOCKS)
    return made.diarize(sample, SpeakerCount(), lambda _: None)


@pytest.fixture(scope="module")
def undisturbed(
    counted: tuple[PyannoteDiarizer, dict[str, Calls]], sample: Audio
) -> tuple[Diarization, dict[str, list[int]]]:
    """What is found, and the sizes of each network's batches."""
    made, calls = counted
    found = heard(made, sample)
    return found, {name: each.sizes.copy() for name, each in calls.items()}


def disturbed(calls: dict[str, Calls], network: str, at: int, error: Exception) -> None:
    for name, each in calls.items():
        each.sizes.clear()
        each.at, each.error = (at if name == network else 0), error


@pytest.mark.parametrize("where", FULL)
@pytest.mark.parametrize("network", ["segmentation", "trunk"])
def test_a_gpu_that_is_full_at_any_call_of_a_network_changes_no_turn_and_no_voice(
    counted: tuple[PyannoteDiarizer, dict[str, Calls]],
    undisturbed: tuple[Diarization, dict[str, list[int]]],
    sample: Audio,
    network: str,
    where: str,
) -> None:
    made, calls = counted
    expected, sizes = undisturbed
    several = [number for number, size in enumerate(sizes[network], 1) if size > 1]
    disturbed(
        calls, network, several[{"first": 0, "middle": len(several) // 2, "last": -1}[where]], FULL[where]
    )
    found = heard(made, sample)
    assert found.turns == expected.turns
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)
    halved = {"segmentation": made.activity.runner, "trunk": made.trunk.runner}
    assert {name: runner.halvings for name, runner in halved.items()} == {
        name: int(name == network) for name in halved
    }


def test_a_gpu_that_is_full_where_nothing_can_be_smaller_ends_the_stage(
    counted: tuple[PyannoteDiarizer, dict[str, Calls]],
    undisturbed: tuple[Diarization, dict[str, list[int]]],
    sample: Audio,
) -> None:
    made, calls = counted
    assert undisturbed[1]["pooling"]
    disturbed(calls, "pooling", 5, OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    with pytest.raises(StageError) as caught:
        heard(made, sample)
    assert caught.value.reason is Reason.GPU_OUT_OF_MEMORY
