"""`python -m ingest_worker.check`: checks that a pod like a worker's finds its GPU, models and store, and
that every engine computes there. Changes nothing.

`helm test` runs it. Every check runs, even after a failed one, and prints one line, each engine its own; the
exit code is that of the first that failed.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.profile import ComputeType
from ingest_worker.command import UNLISTED_EXIT, carried_out, store_address
from ingest_worker.engines.cublas import preload
from ingest_worker.errors import StageError
from ingest_worker.gpu.nvml import find_gpu
from ingest_worker.models.locks import read_lock
from ingest_worker.models.model_set import Role
from ingest_worker.models.opening import open_models
from ingest_worker.sandbox.walls import walls_lacking
from ingest_worker.store.connect import Connection, connect, redacted
from ingest_worker.store.schema import check as check_schema
from ingest_worker.store.schema import expected_version
from ingest_worker.store.vector_tables import TextModel, require_vector_table
from ingest_worker.trial import Device, tried

BEFORE_ENGINES: Final = frozenset({Reason.GPU_UNAVAILABLE, Reason.GPU_BROKEN, Reason.MODELS_UNAVAILABLE})
"""What every engine would only repeat."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the check must find."""

    gpu: bool
    models: Path
    set_name: str
    compute_type: ComputeType


def main() -> int:
    """The exit code: 0, or the failure table's for the first check that failed."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest_worker.check",
        description="Look for the GPU, the models and the store that workers would use, and try every "
        "engine. Changes nothing.",
    )
    parser.add_argument(
        "--gpu", action="store_true", help="a GPU must be here (default: the models would run on the CPU)"
    )
    parser.add_argument(
        "--models", required=True, type=Path, metavar="FOLDER", help="where sets of models lie"
    )
    parser.add_argument(
        "--set", default="default", metavar="NAME", help="the set that must be there (default: %(default)s)"
    )
    parser.add_argument(
        "--compute-type",
        type=ComputeType,
        default=ComputeType.AUTO,
        metavar="TYPE",
        help="Whisper's number format (default: %(default)s)",
    )
    chosen = parser.parse_args()
    wanted = Wanted(chosen.gpu, chosen.models, chosen.set, chosen.compute_type)
    faults: list[StageError] = []
    code = carried_out(lambda: _lines(wanted, faults))
    return code or next((FAILURES[fault.reason].exit_code or UNLISTED_EXIT for fault in faults), 0)


def _lines(wanted: Wanted, faults: list[StageError]) -> Iterator[str]:
    checks: Sequence[tuple[str, Callable[[Wanted], str]]] = (
        ("gpu", _gpu),
        ("models", _models),
        ("store", _store),
    )
    for name, inspect in checks:
        try:
            yield f"ok      {name}: {inspect(wanted)}"
        except StageError as fault:
            faults.append(fault)
            yield f"missing {name}: {fault.reason.value}: {fault}"
    if not any(fault.reason in BEFORE_ENGINES for fault in faults):
        yield from _engines(wanted, faults)
    yield _walls()


def _engines(wanted: Wanted, faults: list[StageError]) -> Iterator[str]:
    device = Device("cuda" if wanted.gpu else "cpu", wanted.compute_type)
    for engine in tried(wanted.models, wanted.set_name, device):
        if engine.reason is None:
            yield f"ok      {engine.name}: {engine.message}"
        else:
            faults.append(StageError(engine.reason, engine.message))
            yield f"missing {engine.name}: {engine.reason.value}: {engine.message}"


def _gpu(wanted: Wanted) -> str:
    if not wanted.gpu:
        return "none asked for; the models run on the CPU"
    gpu = find_gpu()
    preload()
    memory = gpu.memory()
    return f"{gpu.uuid}, {memory.free_mib} of {memory.total_mib} MiB free, {gpu.card()}, cuBLAS is found"


def _models(wanted: Wanted) -> str:
    models = open_models(wanted.models, wanted.set_name)
    found = read_lock(wanted.models, wanted.set_name).models
    for model in found:
        models.path(model.role, model.name)
    return f"set {wanted.set_name}, every file as locked: {', '.join(model.identity for model in found)}"


def _store(wanted: Wanted) -> str:
    dsn = store_address()
    with connect(dsn, application="check") as connection:
        check_schema(connection)
        tables = _tables(wanted, connection)
    return f"{redacted(dsn)} has schema {expected_version()}, {tables}"


def _tables(wanted: Wanted, connection: Connection) -> str:
    """For which text model there is a table, and of which nobody looked. Of a set with several, the store
    needs a table for one. Raises `StageError(DIMENSION_MISMATCH)` if there is none for any."""
    models = _text_models(wanted)
    if models is None:
        return "no table of vectors was looked for: the set of models is not there"
    refused: list[StageError] = []
    for name, dimension in models.items():
        if dimension is None:
            continue
        try:
            require_vector_table(connection, TextModel(name, dimension))
        except StageError as error:
            refused.append(error)
        else:
            return f"and a table for the {dimension} numbers of {name}"
    if refused:
        raise refused[0]
    if not models:
        return "no table of vectors was looked for: the set has no text model"
    unknown = ", ".join(models)
    return (
        f"no table of vectors was looked for: the files of {unknown} do not say how many numbers a vector has"
    )


def _text_models(wanted: Wanted) -> dict[str, int | None] | None:
    """Name to how many numbers a vector has, if its files say so; None of a set that is missing, which is
    told."""
    with suppress(StageError):
        models = open_models(wanted.models, wanted.set_name)
        return {
            model.identity: models.dimension(model.name)
            for model in read_lock(wanted.models, wanted.set_name).models
            if model.role is Role.EMBEDDING
        }
    return None


def _walls() -> str:
    """The walls around the decoder on this node.
    A missing wall fails nothing: media are decoded without it."""
    if lacking := walls_lacking():
        return (
            f"note    walls: this kernel or its container lacks {', '.join(lacking)}, "
            "so the decoder runs without (SECURITY.md)"
        )
    return "ok      walls: the decoder runs behind no_new_privs, landlock and seccomp"


if __name__ == "__main__":
    sys.exit(main())
