"""Which text model embeds questions: the one that made the store's vectors, from those that are here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.models import Role
from ingest_worker.models.locks import LOCK_FILE, read_lock


@dataclass(frozen=True, slots=True)
class TextModel:
    """A text model on this machine."""

    set_name: str
    name: str
    identity: str


def models_here(models: Path, only: str | None) -> tuple[TextModel, ...]:
    """The text models of every fetched set below `models`, or of the set that is named. Raises
    `StageError(MODELS_UNAVAILABLE)` if that set is not here."""
    names = [only] if only else sorted(path.parent.name for path in models.glob(f"*/{LOCK_FILE}"))
    return tuple(
        TextModel(name, model.name, model.identity)
        for name in names
        for model in read_lock(models, name).models
        if model.role is Role.EMBEDDING
    )


def choose(stored: Sequence[str], here: Sequence[TextModel], name: str | None) -> TextModel:
    """The model to embed the question with: the one that is both stored and here. Raises
    `StageError(DIMENSION_MISMATCH)` for none and for several."""
    fitting = {
        model.identity: model for model in here if model.identity in stored and name in (None, model.name)
    }
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        said = (
            f"The store has vectors of {', '.join(sorted(fitting))}. "
            "Say with --model which of them to search."
        )
        raise StageError(Reason.DIMENSION_MISMATCH, said)
    has = ", ".join(sorted({model.identity for model in here})) or "none"
    asked = f" named {name!r}" if name else ""
    said = f"The store has vectors of {', '.join(stored)}; text models here{asked}: {has}."
    raise StageError(
        Reason.DIMENSION_MISMATCH,
        f"{said} Next: `ingestctl models fetch SET` with the set that the batch was made with.",
    )
