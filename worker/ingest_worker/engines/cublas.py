"""cuBLAS for CTranslate2 without torch: found where pip installed it and loaded before CTranslate2 opens it.

Called by the Whisper adapter on CUDA. CTranslate2 opens `libcublas.so.12` by name alone. Importing torch
makes that work, because torch loads the same file first; a process that has not imported torch has to do it
itself (faster-whisper#1431). Must not import torch.
"""

import ctypes
import importlib.util
from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

LIBRARIES: Final = ("libcublasLt.so.12", "libcublas.so.12")
"""The order matters: the second needs the first.
Major 12 because CTranslate2's wheels are built with CUDA 12."""


def preload() -> None:
    """Make `libcublas.so.12` known to the dynamic loader of this process.

    Raises:
        StageError: `GPU_UNAVAILABLE`, if it is neither on the loader's path nor in the package
            `nvidia-cublas-cu12`.
    """
    if _loads(LIBRARIES[-1]):
        return
    folder = _package_folder()
    if folder is None or not all(_loads(str(folder / name)) for name in LIBRARIES):
        where = folder or "an installed nvidia-cublas-cu12"
        raise StageError(
            Reason.GPU_UNAVAILABLE,
            f"{LIBRARIES[-1]} is not on the loader's path and could not be loaded from {where}.",
        )


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _package_folder() -> Path | None:
    """The folder of the package's libraries; `nvidia` is a namespace that several packages share."""
    spec = importlib.util.find_spec("nvidia")
    places = (
        [Path(place) / "cublas" / "lib" for place in (spec.submodule_search_locations or ())] if spec else []
    )
    return next((place for place in places if place.is_dir()), None)
