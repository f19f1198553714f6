"""Turns YAML files into models, and mistakes into sentences: one readable line per mistake, with the file,
the field and what is wrong.

Called by the command line before anything runs. Validation is strict and goes through JSON, so `parallelism:
2.5`, `"4"` and an unknown field are mistakes here exactly as they are for the API server.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml
from pydantic import ValidationError

from ingest_contract.base import ContractModel
from ingest_contract.batch import IngestBatch
from ingest_contract.mistakes import mistakes_of, shown
from ingest_contract.names import API_VERSION, BATCH_KIND, PROFILE_KIND, SCHEDULE_KIND, SPEAKER_KIND
from ingest_contract.plain_yaml import PlainLoader, load_all
from ingest_contract.profile import IngestProfile
from ingest_contract.schedule import IngestSchedule
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.text import redacted

KINDS: Final[Mapping[str, type[ContractModel]]] = MappingProxyType(
    {
        BATCH_KIND: IngestBatch,
        PROFILE_KIND: IngestProfile,
        SCHEDULE_KIND: IngestSchedule,
        SPEAKER_KIND: SpeakerProfile,
    }
)
"""The kinds that files may hold."""

Document = IngestBatch | IngestProfile | IngestSchedule | SpeakerProfile

_NAMELESS: Final = ' in "<unicode string>", '
"""PyYAML's name for a string that it parses; the file's own name is shown instead."""


class InvalidDocumentError(Exception):
    """A file holds mistakes; `mistakes` has one line for each."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class _Loader(PlainLoader):
    """YAML as a cluster reads it: a date is the text that was written, and a duplicate key is a mistake."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- PyYAML's own form
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's signature
        """A mapping; raises `yaml.constructor.ConstructorError` for a duplicate key."""
        written: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in written:
                raise yaml.constructor.ConstructorError(
                    None, None, f"`{key.value}` stands twice", key.start_mark
                )
            written.add(key.value)
        return super().construct_mapping(node, deep)


def read(path: Path) -> tuple[Document, ...]:
    """Every document in a YAML file. Raises `InvalidDocumentError` with all mistakes of all documents, and
    `OSError` if there is no file."""
    try:
        raw = [
            document
            for document in load_all(path.read_text(encoding="utf-8"), _Loader)
            if document is not None
        ]
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise InvalidDocumentError(
            (f"{path}: not YAML: {redacted(' '.join(str(error).split()).replace(_NAMELESS, ', '))}",)
        ) from error
    if not raw:
        raise InvalidDocumentError(
            (f"{path}: the file is empty; `ingestctl example` prints a batch to start from",)
        )
    found: list[Document] = []
    mistakes: list[str] = []
    for document in raw:
        try:
            found.append(parse(document))
        except InvalidDocumentError as error:
            mistakes += [f"{path}: {mistake}" for mistake in error.mistakes]
    if mistakes:
        raise InvalidDocumentError(tuple(mistakes))
    return tuple(found)


def parse(document: object) -> Document:
    """One document as parsed from YAML. Raises `InvalidDocumentError`."""
    if not isinstance(document, dict):
        raise InvalidDocumentError(
            (f"a mapping with apiVersion, kind, metadata and spec is wanted, not {shown(document)}",)
        )
    kind = document.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise InvalidDocumentError((f"kind: must be one of {', '.join(KINDS)}, not {shown(kind)}",))
    if document.get("apiVersion") != API_VERSION:
        raise InvalidDocumentError(
            (f"apiVersion: must be {API_VERSION}, not {shown(document.get('apiVersion'))}",)
        )
    try:
        text = json.dumps(document)
    except (TypeError, ValueError) as error:
        raise InvalidDocumentError((f"{kind}: {error}",)) from error
    try:
        parsed = model.model_validate_json(text, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidDocumentError(tuple(mistakes_of(error, model))) from error
    assert isinstance(parsed, Document)  # noqa: S101 -- tells the type checker what KINDS holds
    return parsed
