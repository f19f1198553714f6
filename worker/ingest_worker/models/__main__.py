"""`python -m ingest_worker.models SET --into FOLDER`: fetch a locked set of models to a volume. If
interrupted, it resumes.

The chart's fetch Job runs it: the only pod that sees the hub's token. Licences are checked before anything is
fetched, whoever publishes the models; so is access to gated ones.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_worker.command import carried_out
from ingest_worker.errors import StageError
from ingest_worker.models.fetching import fetch
from ingest_worker.models.model_set import ModelSet, load_set


def main() -> int:
    """The exit code: 0, or the failure table's."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest_worker.models",
        description="Bring a locked set of models into a folder. HF_TOKEN is the token for gated models.",
    )
    parser.add_argument("set", help="a set's name, or a .yaml file of your own")
    parser.add_argument(
        "--into",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="where sets lie, each in a folder of its own",
    )
    parser.add_argument(
        "--licence",
        action="append",
        default=[],
        metavar="NAME",
        help="a licence that you accept; may be repeated (default: all of them)",
    )
    chosen = parser.parse_args()
    return carried_out(lambda: brought(load_set(chosen.set), chosen.into, chosen.licence))


def brought(wanted: ModelSet, folder: Path, licences: Sequence[str]) -> Iterator[str]:
    """Fetch the set; yields a line for each model's licence and one at the end.
    Raises `StageError(MODELS_UNAVAILABLE)`."""
    for model in wanted.models:
        yield f"{model.name}: {model.licence}, {model.attribution}"
    if licences:
        _require_licences(wanted, licences)
    lock = fetch(wanted, folder, lambda *_: None)
    size = sum(file.size for model in lock.models for file in model.files)
    yield f"{lock.set}: {len(lock.models)} models, {size >> 20} MiB, locked in {folder / lock.set}"


def _require_licences(wanted: ModelSet, accepted: Sequence[str]) -> None:
    if refused := [
        f"{model.name} ({model.licence})" for model in wanted.models if model.licence not in accepted
    ]:
        said = (
            f"These models have other licences than the accepted ones ({', '.join(accepted)}): "
            f"{', '.join(refused)}. Nothing was fetched."
        )
        raise StageError(
            Reason.MODELS_UNAVAILABLE, f"{said} Read them and accept them, or choose another set."
        )


if __name__ == "__main__":
    sys.exit(main())
