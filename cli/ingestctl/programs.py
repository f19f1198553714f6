"""What the command prints for programs: JSON or YAML, with the names of the resources, which are camelCase,
and with times as their statuses have them.

Imports nothing heavy: `search` may answer before that would be done.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from ingest_contract.text import escaped
from ingest_contract.times import rfc3339
from ingestctl.options import Output


def camel(name: str) -> str:
    """`media_seconds` as `mediaSeconds`, as a resource has it."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def record(row: Any) -> dict[str, Any]:
    """The fields of a dataclass by their names for programs, those of dataclasses in it too. Keys of mappings
    are values of their own and stay as they are."""
    return {camel(each.name): _plain(getattr(row, each.name)) for each in fields(row)}


def renamed(value: Any) -> Any:
    """JSON values of the HTTP API, whose names are snake_case, by their names for programs."""
    if isinstance(value, Mapping):
        return {camel(name): renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return value


def show(value: Any, output: Output) -> None:
    """Print a value as JSON or YAML on standard output: its characters as they are, unless a terminal would
    obey them, or standard output cannot write them."""
    print(_json(value, indent=2) if output is Output.JSON else _yaml(value), flush=True)


def show_line(value: Any) -> None:
    """Print a value as JSON on one line, at once: whoever reads it may wait for it."""
    print(_json(value), flush=True)


def _json(value: Any, indent: int | None = None) -> str:
    plain = _plain(value)
    text = escaped(json.dumps(plain, indent=indent, ensure_ascii=False))
    return text if _can_write(text) else json.dumps(plain, indent=indent)


def _yaml(value: Any) -> str:
    import yaml

    plain = _plain(value)
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    if text != escaped(text) or not _can_write(text):
        text = yaml.safe_dump(plain, sort_keys=False)
    return text.removesuffix("\n")


def _can_write(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """The value made of what JSON and YAML both have."""
    if is_dataclass(value):
        return record(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, str):
        return str.__str__(value)  # a StrEnum too
    return value if value is None or isinstance(value, int | float) else str(value)
