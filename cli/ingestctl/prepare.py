"""Checks before a batch is planned: the store has this program's schema and the right table, and the models
are here.

Called by `ingestctl run`. It must be quick: files are not hashed (each worker does that), and no engine is
imported.
"""

from rich.console import Console

from ingest_contract.base import ModelName
from ingest_contract.failures import Reason
from ingest_contract.profile import IngestProfileSpec
from ingest_worker.errors import StageError
from ingest_worker.models import Role
from ingest_worker.models.dimension import dimension_of
from ingest_worker.models.locks import LockedModel, read_lock, unavailable
from ingest_worker.store.connect import connect
from ingest_worker.store.schema import ensure_dimension, migrate
from ingestctl.catalog import has_table, require_schema
from ingestctl.place import Workplace


def prepared(place: Workplace, profile: IngestProfileSpec, dsn: str, console: Console) -> None:
    """Make sure that workers find what they need, and print what was done.

    Raises `StageError`: `MODELS_UNAVAILABLE` or `SCHEMA_MISMATCH` with the command that fixes it, or the
    store's own errors.
    """
    require_models(place, profile)
    dimension = dimension_of(place.models / profile.model_set / profile.embedding.model)
    if place.dsn is None:
        if applied := migrate(dsn):
            console.print(
                f"store: made the schema ({', '.join(name.removesuffix('.sql') for name in applied)})"
            )
        ensure_dimension(dsn, dimension)
    else:
        require_store(dsn, dimension)


def require_models(place: Workplace, profile: IngestProfileSpec) -> tuple[LockedModel, ...]:
    """The models that a profile names, all of them here. Raises `StageError(MODELS_UNAVAILABLE)` with the
    command that fetches them."""
    wanted = (
        (Role.TRANSCRIPTION, profile.transcription.model),
        (Role.DIARIZATION, profile.diarization.model),
        (Role.EMBEDDING, profile.embedding.model),
    )
    models = tuple(locked_model(place, profile.model_set, role, name) for role, name in wanted)
    for model in models:
        _require_files(place, profile.model_set, model)
    return models


def locked_model(place: Workplace, set_name: str, role: Role, name: ModelName) -> LockedModel:
    """A model of a set, as in its lock."""
    lock = read_lock(place.models, set_name)
    model = lock.of(name)
    if model is None or model.role is not role:
        known = ", ".join(each.name for each in lock.models if each.role is role) or "none"
        said = (
            f"The model set {set_name!r} in {place.models} has no {role.value} model {name!r}; "
            f"it has {known}."
        )
        raise StageError(
            Reason.MODELS_UNAVAILABLE, f"{said} Name one of these in the profile, or another set."
        )
    return model


def _require_files(place: Workplace, set_name: str, model: LockedModel) -> None:
    for file in model.files:
        path = place.models / set_name / model.name / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            raise unavailable(f"{path} is missing or cut short.", set_name)


def require_store(dsn: str, dimension: int) -> None:
    """Refuse a server given by DSN that is not ready: only its owner changes its schema.
    Raises `StageError(SCHEMA_MISMATCH)`."""
    with connect(dsn, application="ingestctl") as connection:
        require_schema(connection)
        if not has_table(connection, dimension):
            said = (
                f"The store has no table for vectors of {dimension} numbers. "
                f"Run `ingestctl migrate --dsn ... --dimension {dimension}`"
            )
            raise StageError(Reason.SCHEMA_MISMATCH, f"{said} as its owner.")
