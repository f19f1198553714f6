"""Runs that are forked from a process with the real engines' imports: what they store is what started ones
store, and what they take goes with them."""

import importlib.util
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

import psutil
import pytest

from ingest_contract.receipt import Receipt, decode
from ingest_operator.local.folders import RunFolder
from ingest_operator.local.forks import Forks
from ingest_operator.local.processes import Limits, RunFacts, launch, passed_on
from ingest_worker.store.connect import connect
from ingest_worker.store.reads import StoredTranscript, transcript
from testkit.models.demo_set import models
from tests.support.demo_store import demo_store
from tests.support.worker import order_for, place_in

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]

FACTS = RunFacts(0.0, charged_attempts=0, rung=0, disruptions=0)
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Runs:
    """Two runs over the same sound, and the process that the second was forked from."""

    alone: Receipt
    forked: Receipt
    transcripts: tuple[StoredTranscript, StoredTranscript]
    held_mib: tuple[float, float]
    """Memory that the forking process has for itself or shares with nobody any more: before and after."""
    searched: str
    """Every shared library that it looked for."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    home = tmp_path_factory.mktemp("forking")
    with demo_store() as dsn:
        yield both_ways(home, dsn)


def both_ways(home: Path, dsn: str) -> Runs:
    told = {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(home / "libraries")}
    forks = Forks(passed_on() | told, home / "forking.log")
    alone = run(home, "alone", dsn, None)
    forks.ready(threads=2)
    assert forks.runs, (home / "forking.log").read_text()
    searched = "".join(each.read_text() for each in home.glob("libraries.*"))
    before = resident_mib(forks)
    forked = run(home, "forked", dsn, forks)
    after = resident_mib(forks)
    forks.close()
    with connect(dsn, application="test") as connection:
        found = [transcript(connection, f"file:{name}") for name in ("alone", "forked")]
    assert found[0] is not None
    assert found[1] is not None
    return Runs(alone, forked, (found[0], found[1]), (before, after), searched)


def run(home: Path, name: str, dsn: str, forks: Forks | None) -> Receipt:
    spec = importlib.util.find_spec("pyannote.audio")
    assert spec is not None
    assert spec.origin is not None
    recording = home / f"{name}.wav"
    shutil.copyfile(Path(spec.origin).parent / "sample" / "sample.wav", recording)
    folder = RunFolder(home / name)
    place = place_in(folder.path, models()).model_copy(update={"receipt": str(folder.receipt)})
    process = launch(folder, order_for(recording, place).to_json(), dsn, Limits(None, inf), FACTS, forks)
    pause = threading.Event()
    while (ended := process.poll(time.time())) is None:
        pause.wait(0.05)
    assert (ended.exit_code, ended.receipt is not None) == (0, True), folder.log.read_text()
    return decode(ended.receipt or "")


def resident_mib(forks: Forks) -> float:
    server = forks._server
    assert server is not None
    return psutil.Process(server._popen.pid).memory_info().rss / MIB


def test_a_forked_run_stores_what_a_started_one_stores(runs: Runs) -> None:
    here, there = runs.transcripts
    assert (here.words, here.segments, here.turns) == (there.words, there.segments, there.turns)
    assert len(here.words) > 60
    for figures in ("coverage", "quality", "speakers", "tracks", "effective"):
        assert getattr(runs.alone, figures) == getattr(runs.forked, figures)


def test_its_imports_are_there_when_it_begins_and_its_memory_is_gone_when_it_ends(runs: Runs) -> None:
    assert runs.forked.overhead_seconds < runs.alone.overhead_seconds / 2
    before, after = runs.held_mib
    assert after - before < 5


def test_the_imports_start_no_driver_of_a_gpu(runs: Runs) -> None:
    """CUDA and NVML look for their driver when they are first called. Of what is imported only NVIDIA's own
    libraries look for it, when they are loaded, and call nothing."""
    lines = runs.searched.splitlines()
    assert any("find library=libtorch" in line for line in lines)
    loaded = ""
    for line in lines:
        loaded = line if "calling init:" in line else loaded
        assert "find library=libnvidia-ml" not in line
        assert "find library=libcuda.so" not in line or "/nvidia/" in loaded
