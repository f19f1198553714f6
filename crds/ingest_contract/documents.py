"""Turns YAML files into models, and mistakes into sentences: one readable line per mistake, with the file,
the field and what is wrong.

Called by the command line before anything runs. Validation is strict and goes through JSON, so `parallelism:
2.5`, `"4"` and an unknown field are mistakes here exactly as they are for the API server.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingest_contract.base import ContractModel
from ingest_contract.batch import IngestBatch
from ingest_contract.names import API_VERSION, BATCH_KIND, PROFILE_KIND, SCHEDULE_KIND, SPEAKER_KIND
from ingest_contract.plain_yaml import PlainLoader, load_all
from ingest_contract.profile import IngestProfile
from ingest_contract.schedule import IngestSchedule
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.text import redacted, without_credentials

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

_SHOWN_CHARACTERS: Final = 60
"""Characters of a wrong value that a message shows."""

_WORDS: Final = MappingProxyType(
    {
        "missing": "is required",
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "string_type": "must be a text; put it in quotes if it is meant as one",
        "bool_type": "must be true or false",
        "tuple_type": "must be a list",
        "model_type": "must be a mapping of fields",
    }
)


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
            (f"a mapping with apiVersion, kind, metadata and spec is wanted, not {_shown(document)}",)
        )
    kind = document.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise InvalidDocumentError((f"kind: must be one of {', '.join(KINDS)}, not {_shown(kind)}",))
    if document.get("apiVersion") != API_VERSION:
        raise InvalidDocumentError(
            (f"apiVersion: must be {API_VERSION}, not {_shown(document.get('apiVersion'))}",)
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


def mistakes_of(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line per mistake: `spec.sources[0].url: ...`."""
    found = error.errors(include_url=False)
    for details in found:
        where = details["loc"]
        if details["type"] == "too_short" and any(
            other["loc"][: len(where)] == where for other in found if other is not details
        ):
            continue  # only because pydantic does not count the entries that are wrong themselves
        yield f"{_path(details['loc'])}: {_sentence(details, model)}"


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "(document)"


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, given = details["type"], details["input"]
    if kind == "extra_forbidden":
        return "no such field" + _did_you_mean(details["loc"], model)
    if kind in _WORDS:
        return _WORDS[kind] + ("" if kind == "missing" else f", not {_shown(given)}")
    if kind == "too_short":
        return "must have at least one entry"
    if kind == "too_long":
        return (
            f"must have at most {details['ctx']['max_length']} entries, not {details['ctx']['actual_length']}"
        )
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    if kind == "string_pattern_mismatch":
        message = f"must match {details['ctx']['pattern']}"
    return message if kind == "value_error" else f"{message}, not {_shown(given)}"


def _did_you_mean(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = sorted(_fields_at(location[:-1], model.model_json_schema()))
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known fields here are {', '.join(known)}" if known else ""


def _fields_at(location: tuple[int | str, ...], schema: dict[str, Any]) -> tuple[str, ...]:
    """The names of the fields that a JSON schema knows at a place in a document."""
    here: dict[str, Any] = schema
    for part in location:
        here = _object(here, schema)
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
    return tuple(_object(here, schema).get("properties", ()))


def _object(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow `$ref` and the non-null branch of an optional."""
    for branch in (schema, *schema.get("anyOf", ())):
        if "$ref" in branch:
            return dict(root["$defs"][branch["$ref"].rsplit("/", 1)[-1]])
        if "properties" in branch or "items" in branch:
            return dict(branch)
    return schema


def _shown(value: object) -> str:
    """A value as its author would recognise it, cut to a readable length;
    addresses in it without credentials."""
    if isinstance(value, str):  # of an address with a quote in its password, `redacted` sees no end
        value = without_credentials(value.strip())
    text = "nothing" if value is None else redacted(repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
