"""Engines that are loaded while something else is waited for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.lazy import LazyEngine
from ingest_worker.memory import BatchRunner


def later(made: list[str], *, warm: bool = False, fails: bool = False) -> LazyEngine[str]:
    def make() -> str:
        made.append(threading.current_thread().name)
        if fails:
            raise StageError(Reason.MODELS_UNAVAILABLE)
        return "engine"

    return LazyEngine(
        "engine", make, lambda _: (BatchRunner(4),), (lambda: made.append("warm")) if warm else None
    )


def test_an_engine_that_was_begun_is_loaded_once_and_in_the_background() -> None:
    made: list[str] = []
    engine = later(made)
    with ThreadPoolExecutor(1, "loader") as executor:
        engine.begin(executor)
        assert (engine.get(), engine.get()) == ("engine", "engine")
    assert made == ["loader_0"]
    assert engine.loaded
    assert engine.batches == (4, 0)


def test_an_engine_that_was_not_begun_is_loaded_when_it_is_asked_for() -> None:
    made: list[str] = []
    engine = later(made)
    assert not engine.loaded
    assert engine.get() == "engine"
    assert made == [threading.current_thread().name]


def test_an_engine_that_must_wait_for_memory_is_only_warmed() -> None:
    made: list[str] = []
    engine = later(made, warm=True)
    with ThreadPoolExecutor(1) as executor:
        engine.begin(executor)
    assert made == ["warm"]
    assert not engine.loaded
    engine.get()
    assert made == ["warm", threading.current_thread().name]


def test_a_load_that_fails_is_reported_to_whoever_asks() -> None:
    engine = later([], fails=True)
    with ThreadPoolExecutor(1) as executor:
        engine.begin(executor)
        with pytest.raises(StageError) as caught:
            engine.get()
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE
    assert not engine.loaded


def test_halvings_of_every_network_of_an_engine_are_reported() -> None:
    runners = BatchRunner(32), BatchRunner(10)
    runners[0].halvings, runners[1].halvings = 1, 2
    assert LazyEngine("engine", lambda: "engine", lambda _: runners).batches == (32, 3)
