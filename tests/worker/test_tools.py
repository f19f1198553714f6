"""What of a run's tools is loaded when:
as early as the order and the memory allow, and otherwise when it is needed."""

from concurrent.futures import Future
from pathlib import Path

import pytest

from ingest_worker.cache.entries import Cache
from ingest_worker.cache.folder import FolderStorage
from ingest_worker.cache.recording import CachedRecording
from ingest_worker.gpu.residency import Batches, ResidencyPlan
from ingest_worker.hashes import Identities
from ingest_worker.lazy import LazyEngine
from ingest_worker.tools import Surroundings, tools_for
from tests.support.ports import Studio
from tests.support.worker import RUNTIME, order_for, place_in

IDENTITIES = Identities("whisper@0", "community@0", "minilm@0")


class NoModels:
    """Models that may be asked for later."""


class Notebook:
    """An executor that runs nothing and keeps what it would have run."""

    def __init__(self) -> None:
        self.submitted: list[str] = []

    def submit(self, _work: object, what: str, _do: object) -> Future[object]:
        self.submitted.append(what)
        return Future()


def begun(engine: LazyEngine[object]) -> str:
    notebook = Notebook()
    engine.begin(notebook)  # type: ignore[arg-type]  # as much of an executor as an engine needs
    return notebook.submitted[0]


@pytest.mark.parametrize(
    ("device", "together", "preload", "early"),
    [
        pytest.param("cpu", False, True, ("load", "load", "load"), id="on a CPU all of them"),
        pytest.param("cuda", True, True, ("load", "load", "warm"), id="on a GPU what fits together"),
        pytest.param("cuda", False, True, ("load", "warm", "warm"), id="on a GPU that holds one at a time"),
        pytest.param(
            "cpu", False, False, ("load", "warm", "warm"), id="where the order does not allow it, on a CPU"
        ),
        pytest.param(
            "cuda", True, False, ("load", "warm", "warm"), id="where the order does not allow it, on a GPU"
        ),
    ],
)
def test_models_are_loaded_before_their_stage_where_memory_and_order_allow(
    tmp_path: Path, device: str, *, together: bool, preload: bool, early: tuple[str, str, str]
) -> None:
    runtime = RUNTIME.model_copy(update={"device": device, "together": together, "preload": preload})
    order = order_for(tmp_path / "talk.wav", place_in(tmp_path, tmp_path), runtime=runtime)
    plan = ResidencyPlan(together, Batches(8, 32), "said so")
    tools = tools_for(order, NoModels(), IDENTITIES, plan, Surroundings(Studio(), lambda _: None))  # type: ignore[arg-type]  # nothing is loaded here
    assert (begun(tools.transcriber), begun(tools.diarizer), begun(tools.embedder)) == early
    assert tools.together is together


def test_a_recording_from_the_cache_meets_no_source(tmp_path: Path) -> None:
    order = order_for(tmp_path / "talk.wav", place_in(tmp_path, tmp_path))
    cached = CachedRecording(Cache(FolderStorage(tmp_path)), "a" * 40, "a", order.fetch)
    plan = ResidencyPlan(together=False, batches=Batches(8, 32), why="said so")
    tools = tools_for(order, NoModels(), IDENTITIES, plan, Surroundings(Studio(), lambda _: None, cached))  # type: ignore[arg-type]  # nothing is loaded here
    assert tools.fetcher is tools.decoder is cached
