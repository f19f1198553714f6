"""The dimension of a text model's vectors, read from its files: torch takes seconds to import, and the table
must exist before.

Called by `Models.dimension`, and by the command before a batch is planned. Knows the modules whose output
size is in a configuration file; others are refused, never guessed.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

_POOLED: Final = "pooling_mode_"


def dimension_of(folder: Path) -> int:
    """The dimension as sentence-transformers defines it (6.2, `SentenceTransformer.get_embedding_dimension`):
    that of the last module that has a size.

    Raises `StageError(MODELS_UNAVAILABLE)` for a folder that does not say.
    """
    try:
        sizes = [size for module in _modules(folder) if (size := _size(folder, module)) is not None]
    except (AttributeError, TypeError) as error:  # JSON, but not of this form
        raise _unknown(folder) from error
    if not sizes:
        raise _unknown(folder)
    return sizes[-1]


def _modules(folder: Path) -> list[dict[str, Any]]:
    found = _json(folder / "modules.json")
    if not isinstance(found, list):
        raise _unknown(folder)
    return found


def _size(folder: Path, module: dict[str, Any]) -> int | None:
    kind = str(module.get("type", "")).rsplit(".", 1)[-1]
    if kind in _SIZELESS:
        return None
    rule = _SIZES.get(kind)
    if rule is None:
        raise _unknown(folder)
    size = rule(_json(folder / str(module.get("path", "")) / "config.json"))
    if not isinstance(size, int):
        raise _unknown(folder)
    return size


def _of_transformer(config: dict[str, Any]) -> Any:
    return config.get("hidden_size", config.get("d_model"))


def _of_pooling(config: dict[str, Any]) -> Any:
    """Each kind of pooling adds its own numbers to the vector; the older form has a flag for each kind, the
    newer a list of names."""
    size = config.get("embedding_dimension", config.get("word_embedding_dimension"))
    modes = config.get("pooling_mode")
    flags = sum(bool(value) for name, value in config.items() if name.startswith(_POOLED))
    count = flags if modes is None else 1 if isinstance(modes, str) else len(modes)
    return size * max(1, count) if isinstance(size, int) else None


def _of_dense(config: dict[str, Any]) -> Any:
    return config.get("out_features")


_SIZES: Final[Mapping[str, Callable[[dict[str, Any]], Any]]] = MappingProxyType(
    {"Transformer": _of_transformer, "Pooling": _of_pooling, "Dense": _of_dense}
)
_SIZELESS: Final = frozenset({"Normalize", "Dropout"})


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageError(
            Reason.MODELS_UNAVAILABLE, f"{path} cannot be read, and it says how long the model's vectors are."
        ) from error


def _unknown(folder: Path) -> StageError:
    return StageError(
        Reason.MODELS_UNAVAILABLE, f"The model in {folder} does not say how many numbers its vectors have."
    )
