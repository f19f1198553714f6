"""Tries every engine of a set of models on its device: loads it, and has it do a piece of work twice.

That a library is found proves little: a GPU may be newer than the machine code in a wheel, a driver too old
to compile for it, a number format refused at the first multiplication. Called by `check`, and by `ingestctl
doctor` as a process of its own (`python -m ingest_worker.trial`), so that its memory comes back. Needs no
store and opens no media.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ingest_contract.failures import Reason
from ingest_contract.profile import ComputeType
from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.errors import StageError
from ingest_worker.memory import classify
from ingest_worker.models.locks import LockedModel, read_lock
from ingest_worker.models.model_set import Role
from ingest_worker.models.opening import Models
from ingest_worker.surroundings import settle

SOUND_SECONDS: Final = 10
"""Seconds of noise for the diarizer: one window of its networks."""

LOUDNESS_LEVELS: Final = 3_000
"""Standard deviation of the noise, of 32,768."""

TEXT: Final = "A sentence, to see that it becomes a vector."

MESSAGE_CHARACTERS: Final = 500
"""The longest message of one engine."""

THREADS: Final = 4
"""CPU threads of Whisper: what is asked is whether it runs, and not how fast."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How one engine did."""

    name: str
    """The engine's role and model."""
    message: str
    """Seconds of loading, of the first call and of the second, or what went wrong."""
    reason: Reason | None = None
    """Why it cannot be used; None if it can."""

    @classmethod
    def of(cls, line: str) -> "Tried":
        """What `main` printed. Raises `ValueError` for anything else."""
        found = json.loads(line)
        return cls(found["name"], found["message"], Reason(found["reason"]) if found["reason"] else None)


@dataclass(frozen=True, slots=True)
class Device:
    """Where the engines are tried."""

    name: Literal["cuda", "cpu"]
    compute_type: ComputeType


@dataclass(frozen=True, slots=True)
class _Loaded:
    where: str
    work: Callable[[], object]
    release: Callable[[], object] = lambda: None


def tried(folder: Path, set_name: str, device: Device) -> Iterator[Tried]:
    """Every model of a set, one after the other; each is released before the next is loaded.

    Raises:
        StageError: `MODELS_UNAVAILABLE`, if there is no such set.
    """
    settle(None)  # before the first engine is imported: threads that wait must not spin, as in a worker
    lock = read_lock(folder, set_name)
    models = Models(folder, set_name)
    for model in lock.models:
        name = f"{model.role.value} {model.name}"
        try:
            yield Tried(name, _timed(partial(_ENGINES[model.role], models, model, device)))
        except Exception as error:  # noqa: BLE001 -- whatever an engine says of its device is told
            reason = error.reason if isinstance(error, StageError) else classify(error) or Reason.UNKNOWN
            said = str(error) if isinstance(error, StageError) else f"{type(error).__name__}: {error}"
            yield Tried(name, said[:MESSAGE_CHARACTERS], reason)


def _timed(load: Callable[[], _Loaded]) -> str:
    began = time.monotonic()
    engine = load()
    times = [began, time.monotonic()]
    for _ in range(2):
        engine.work()
        times.append(time.monotonic())
    engine.release()
    loading, first, second = (after - before for before, after in pairwise(times))
    return f"{engine.where}: loaded in {loading:.1f} s, first call {first:.2f} s, second {second:.2f} s"


def _whisper(models: Models, model: LockedModel, device: Device) -> _Loaded:
    from ingest_worker.engines.compute_types import resolved
    from ingest_worker.engines.decoding import Engine

    compute_type = resolved(device.compute_type, device.name)
    place = models.path(Role.TRANSCRIPTION, model.name)
    engine = Engine(place, device=device.name, compute_type=compute_type.value, threads=THREADS)
    sound = noise(1).astype(np.float32) / np.float32(32_768)
    return _Loaded(f"{device.name}, {compute_type.value}", lambda: engine.try_out(sound), engine.unload)


def _pyannote(models: Models, model: LockedModel, device: Device) -> _Loaded:
    from ingest_worker.engines.diarization import PyannoteDiarizer

    diarizer = PyannoteDiarizer(models.path(Role.DIARIZATION, model.name), device=device.name, batch=1)

    def hear() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.pcm"
            path.write_bytes(noise(SOUND_SECONDS).tobytes())
            diarizer.try_out(Audio(path, SOUND_SECONDS * SAMPLE_RATE))

    return _Loaded(device.name, hear, diarizer.release)


def _sentences(models: Models, model: LockedModel, device: Device) -> _Loaded:
    from ingest_worker.engines.embedding import SentenceEmbedder

    place = models.path(Role.EMBEDDING, model.name)
    embedder = SentenceEmbedder(place, device=device.name, batch_tokens=256, model_key=model.identity)
    return _Loaded(device.name, lambda: embedder.embed([TEXT], lambda _: None))


_ENGINES: Final = {
    Role.TRANSCRIPTION: _whisper,
    Role.DIARIZATION: _pyannote,
    Role.EMBEDDING: _sentences,
}


def noise(seconds: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """(seconds * 16,000,) white noise, the same each time."""
    drawn = np.random.default_rng(0).normal(0, LOUDNESS_LEVELS, seconds * SAMPLE_RATE)
    return np.clip(drawn, -32_768, 32_767).astype(np.int16)


def main() -> int:
    """One line of JSON for each engine, as `Tried`. The exit code is 0 however they did."""
    parser = argparse.ArgumentParser(prog="python -m ingest_worker.trial", description=main.__doc__)
    parser.add_argument("--models", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--set", required=True, metavar="NAME")
    parser.add_argument("--device", required=True, choices=("cuda", "cpu"))
    parser.add_argument("--compute-type", required=True, type=ComputeType)
    chosen = parser.parse_args()
    for engine in tried(chosen.models, chosen.set, Device(chosen.device, chosen.compute_type)):
        print(json.dumps(asdict(engine)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
