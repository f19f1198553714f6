"""Loads a diarization pipeline from a folder on this machine, and from nowhere else.

Called by `diarization`. Must not reach a hub, send telemetry, or pass over a pipeline that it does not know.
"""

import os
import warnings
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
import yaml

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

QUIET: Final = MappingProxyType({"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"})
"""Read when pyannote.audio and huggingface_hub are imported: no telemetry, no hub."""

PIPELINE: Final = "SpeakerDiarization"
CLUSTERING: Final = "VBxClustering"
PARTS: Final = ("segmentation", "embedding", "plda")
INSIDE: Final = "$model/"
"""How a pipeline's configuration names a part in its own folder."""


def loaded(folder: Path, device: str) -> Any:
    """The instantiated `SpeakerDiarization` of a folder, on `device`, in fp32.

    Raises:
        StageError: `MODELS_UNAVAILABLE` if the folder holds no VBx pipeline or one that names parts elsewhere, `GPU_UNAVAILABLE`.
        Exception: what pyannote raises for files that it cannot read.
    """
    _check(folder / "config.yaml")
    if device == "cuda" and not torch.cuda.is_available():
        raise StageError(Reason.GPU_UNAVAILABLE)
    os.environ.update(QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchcodec without FFmpeg's libraries, and what Lightning deprecates: nothing of it is used
        from pyannote.audio import Pipeline

        pipeline = Pipeline.from_pretrained(folder)
        pipeline._embedding.min_num_samples  # noqa: B018, SLF001 - found by trial and kept; trials with one frame warn, and strict filters would move it
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False  # lower accuracy and results that vary: pyannote-audio#1370
    pipeline.to(torch.device(device))
    return pipeline


def _check(path: Path) -> None:
    try:
        pipeline = yaml.safe_load(path.read_text(encoding="utf-8"))["pipeline"]
        name, params = str(pipeline["name"]), dict(pipeline["params"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise StageError(Reason.MODELS_UNAVAILABLE, f"{path} describes no diarization pipeline: {error!r}") from error
    if name.rpartition(".")[2] != PIPELINE or params.get("clustering", CLUSTERING) != CLUSTERING:
        raise StageError(Reason.MODELS_UNAVAILABLE, f"{path} is a pipeline {name} with {params.get('clustering')}, not {CLUSTERING}.")
    outside = [part for part in PARTS if not str(params.get(part)).startswith(INSIDE)]
    if outside:
        raise StageError(Reason.MODELS_UNAVAILABLE, f"{path} names no {outside[0]} in its own folder ({INSIDE}...).")
