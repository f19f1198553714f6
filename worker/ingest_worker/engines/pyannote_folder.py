"""Loads a diarization pipeline from a folder on this machine, and from nowhere else.

Called by `diarization`. Must not reach a hub, send telemetry, run code from a file, or accept a pipeline that
it does not know.

A checkpoint is a pickle, and pyannote 4.0.7 unpickles it without restrictions (`core/model.py`,
`weights_only=False`); its configuration and its checkpoints name the modules that are imported for them. Here
a pickle may contain tensors, plain values and the four types of `_types`, and imports are limited to a list.
"""

import os
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
import yaml

from ingest_contract import plain_yaml
from ingest_contract.failures import Reason
from ingest_worker.engines.pyannote_parts import Pipeline, Problem, Resolution, Specifications
from ingest_worker.errors import StageError

WEIGHTS_ONLY: Final = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""Read by every `torch.load`; it overrides its caller's argument."""

PIPELINES: Final = tuple(
    f"pyannote.audio.pipelines.{module}SpeakerDiarization" for module in ("", "speaker_diarization.")
)
KEYS: Final = frozenset({"version", "dependencies", "pipeline", "params"})
"""Allowed keys of a configuration. Others name classes to import (`preprocessors`) or a device."""
CLUSTERING: Final = "VBxClustering"
PARTS: Final = ("segmentation", "embedding", "plda")
INSIDE: Final = "$model/"
"""How a pipeline's configuration refers to a part in its own folder."""
WEIGHTS: Final = "pytorch_model.bin"
NETWORKS: Final = MappingProxyType(
    {
        "segmentation": ("pyannote.audio.models.segmentation", ("", ".PyanNet"), ("PyanNet",)),
        "embedding": (
            "pyannote.audio.models.embedding",
            ("", ".wespeaker"),
            ("WeSpeakerResNet34", "WeSpeakerResNet293"),
        ),
    }
)
"""For each part the package, the modules in it and the classes that its checkpoint may name."""


def loaded(folder: Path, device: str) -> Any:
    """The instantiated `SpeakerDiarization` of a folder, on `device`, in fp32.

    Raises:
        StageError: `MODELS_UNAVAILABLE` if the folder holds no VBx pipeline, one that names parts elsewhere,
            or weights that are more than weights; `GPU_UNAVAILABLE`.
        Exception: as raised by pyannote for files that it cannot read.
    """
    parts = _checked(folder / "config.yaml")
    if device == "cuda" and not torch.cuda.is_available():
        raise StageError(Reason.GPU_UNAVAILABLE)
    os.environ[WEIGHTS_ONLY] = "1"
    with warnings.catch_warnings():
        # what Lightning deprecates: nothing of it is used
        warnings.simplefilter("ignore")
        with torch.serialization.safe_globals(_types()):
            for part, (package, modules, classes) in NETWORKS.items():
                _check_weights(
                    folder / parts[part] / WEIGHTS, [package + module for module in modules], classes
                )
            pipeline = Pipeline.from_pretrained(folder)
        pipeline._embedding.min_num_samples  # noqa: B018, SLF001 - found by trial and kept; trials with one frame warn, and strict filters would move it
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False  # lower accuracy and results that vary: pyannote-audio#1370
    pipeline.to(torch.device(device))
    return pipeline


def _checked(path: Path) -> Mapping[str, str]:
    """The paths of the configuration's parts, below its folder."""
    try:
        config = plain_yaml.load(path.read_text(encoding="utf-8"))
        pipeline = config["pipeline"]
        name, params = str(pipeline["name"]), dict(pipeline["params"])
        others = sorted(str(key) for key in set(config) - KEYS)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise _refused(f"{path} describes no diarization pipeline: {error!r}") from error
    if name not in PIPELINES or params.get("clustering", CLUSTERING) != CLUSTERING:
        raise _refused(
            f"{path} is a pipeline {name} with {params.get('clustering')}, "
            f"not {PIPELINES[0]} with {CLUSTERING}."
        )
    if others:
        raise _refused(f"{path} has {', '.join(others)}, which nothing here needs.")
    if outside := [part for part in PARTS if not _is_inside(str(params.get(part)))]:
        raise _refused(f"{path} names no {outside[0]} in its own folder ({INSIDE}...).")
    return {part: params[part].removeprefix(INSIDE) for part in PARTS}


def _is_inside(place: str) -> bool:
    """Whether it names a folder in the pipeline's own; `@` would ask a hub for another revision."""
    return place.startswith(INSIDE) and "@" not in place and not {"", ".", ".."} & set(place.split("/"))


def _types() -> list[Any]:
    """The types in a checkpoint beside tensors and plain values: pyannote's description of its task, and
    torch's version."""
    return [Specifications, Problem, Resolution, torch.torch_version.TorchVersion]


def _check_weights(path: Path, modules: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse a checkpoint that is more than weights, or whose network is not on the list."""
    try:
        named = torch.load(path, map_location="cpu", mmap=True, weights_only=True)["pyannote.audio"][
            "architecture"
        ]
        architecture = (str(named["module"]), str(named["class"]))
    except pickle.UnpicklingError as error:
        raise _refused(
            f"{path} holds more than weights, and none of it was run: {str(error).splitlines()[-1]}"
        ) from error
    except (OSError, KeyError, TypeError, RuntimeError) as error:
        raise _refused(f"{path} cannot be loaded: {error!r}") from error
    if architecture[0] not in modules or architecture[1] not in classes:
        raise _refused(f"{path} is of a network {'.'.join(architecture)}, not {modules[-1]}.{classes[0]}.")


def _refused(said: str) -> StageError:
    return StageError(Reason.MODELS_UNAVAILABLE, said)
