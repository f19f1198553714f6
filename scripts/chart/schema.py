"""values.schema.json: the schema as it is written in `values.schema.yaml`, with the profile's own fields from
the contract. Pure.

Helm's client drops what a definition does not know, with a warning that nobody reads; so a profile's misspelt
field must be refused here.
"""

import json
from typing import Any, Final

import yaml

from ingest_contract.profile import IngestProfileSpec
from ingest_contract.schema import structural

PROFILE: Final = "profileSpec"
"""The definition that is filled in."""

_NOT_JSON_SCHEMA: Final = ("x-kubernetes-",)


def values_schema(written: str) -> str:
    """The file's text."""
    schema = yaml.safe_load(written)
    schema["$defs"][PROFILE] = _closed(structural(IngestProfileSpec.model_json_schema()))
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _closed(field: dict[str, Any]) -> dict[str, Any]:
    """A structural schema as JSON Schema: no defaults, nothing required (it is laid over what the values
    make), nothing unknown."""
    kept = {
        name: value
        for name, value in field.items()
        if not name.startswith(_NOT_JSON_SCHEMA) and name not in ("default", "required")
    }
    if field.get("x-kubernetes-preserve-unknown-fields"):
        kept.pop(
            "properties", None
        )  # what is open is not closed again by what our definitions say of a part of it
    if "properties" in kept:
        kept["properties"] = {name: _closed(inner) for name, inner in kept["properties"].items()}
        kept["additionalProperties"] = False
    if "items" in kept:
        kept["items"] = _closed(kept["items"])
    return kept
