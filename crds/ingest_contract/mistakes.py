"""What is wrong with a document, in sentences for whoever wrote it. Pure.

Knows no kind of document: whoever needs the sentences alone need not import every model.
"""

import difflib
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingest_contract.text import redacted, without_credentials

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
        return _WORDS[kind] + ("" if kind == "missing" else f", not {shown(given)}")
    if kind == "too_short":
        return "must have at least one entry"
    if kind == "too_long":
        return (
            f"must have at most {details['ctx']['max_length']} entries, not {details['ctx']['actual_length']}"
        )
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    if kind == "string_pattern_mismatch":
        message = f"must match {details['ctx']['pattern']}"
    return message if kind == "value_error" else f"{message}, not {shown(given)}"


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


def shown(value: object) -> str:
    """A value as its author would recognise it, cut to a readable length;
    addresses in it without credentials."""
    if isinstance(value, str):  # of an address with a quote in its password, `redacted` sees no end
        value = without_credentials(value.strip())
    text = "nothing" if value is None else redacted(repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
