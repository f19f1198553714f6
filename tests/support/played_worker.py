"""A worker process with a real store and played ports, which can be ended in any of its stages: what is
imported is small, so that one takes a second or two.

Run by `Worker` through `program`.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Any

from ingest_contract.stages import Stage
from ingest_worker import __main__ as worker
from ingest_worker import tools
from ingest_worker.lazy import LazyEngine
from ingest_worker.memory import BatchRunner
from ingest_worker.models.locks import lock
from ingest_worker.models.model_set import HubSource, Model, ModelSet, Role
from ingest_worker.pipeline import RunObserver
from ingest_worker.stopwatch import Timing
from tests.support.ports import Ear, Judge, Studio, Writer

ROOT = Path(__file__).parents[2]

NAMES = {
    Role.TRANSCRIPTION: "tiny.en",
    Role.DIARIZATION: "community-1",
    Role.EMBEDDING: "all-MiniLM-L6-v2",
}
"""The models that the order names; nothing of them is ever loaded."""


def played_models(folder: Path, add: Callable[[Path], object] = lambda _: None) -> Path:
    """A folder with a locked set of models, each of one small file. `add` may put others there first."""
    models = []
    for role, name in NAMES.items():
        (folder / "demo" / name).mkdir(parents=True)
        (folder / "demo" / name / "weights").write_text(name)
        source = HubSource(kind="hub", repository="nobody/nothing", take=("weights",))
        models.append(Model(name=name, role=role, licence="none", attribution="nobody", source=source))
    add(folder)
    lock(ModelSet(name="demo", verified=False, models=tuple(models)), folder)
    return folder


def program(stage: Stage | None = None, signal: Signals | None = None) -> tuple[str, str]:
    """What Python runs: a worker that gets this signal when this stage has begun, or none."""
    told = (stage.value if stage else None, int(signal) if signal else 0)
    here = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    return "-c", f"{here}; from tests.support.played_worker import main; main(*{told!r})"


def main(stage: str | None, signal: int) -> None:
    """Carry out the order in the environment."""
    studio = Studio()
    for name, made in (("_transcriber", Ear), ("_diarizer", Judge), ("_embedder", Writer)):
        setattr(tools, name, _played(name.lstrip("_"), made, studio))
    tools.media_for = lambda *_: (studio, studio)  # type: ignore[assignment]  # nothing is fetched
    if stage is not None:
        _ended_in(Stage(stage), signal)
    worker.main()


def _played(name: str, made: Any, studio: Studio) -> Any:
    return lambda *_, **__: LazyEngine(name, lambda: made(studio), _runners)


def _runners(engine: Any) -> Sequence[BatchRunner]:
    return (engine.runner,)


def _ended_in(which: Stage, signal: int) -> None:
    whole = RunObserver.stage

    @contextmanager
    def stage(observer: RunObserver, now: Stage) -> Iterator[tuple[Timing, Any]]:
        with whole(observer, now) as begun:
            if now is which:
                os.kill(os.getpid(), signal)
                while True:  # until the main thread has taken the signal
                    observer.control.check()
                    threading.Event().wait(0.001)
            yield begun

    RunObserver.stage = stage  # type: ignore[method-assign, assignment]  # it is ended inside
