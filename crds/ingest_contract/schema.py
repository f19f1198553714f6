"""Pydantic's JSON schema as a structural OpenAPI v3 schema, the form that a CustomResourceDefinition accepts.

Pydantic writes `$ref`, `anyOf` with null, `const`, titles and `additionalProperties: false`; a structural
schema takes none of them. An unknown keyword raises instead of being passed on or left out: a schema that
silently lost a rule would accept what it must refuse.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

_COPIED: Final = (
    "description", "enum", "format", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
    "minLength", "minProperties", "minimum", "pattern", "type", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
)  # fmt: skip
_DROPPED: Final = (
    "title",
    "additionalProperties",
    "$defs",
    "discriminator",
    "default",
    "const",
    "anyOf",
    "allOf",
    "items",
    "properties",
    "required",
    "$ref",
)


class UnstructuralSchemaError(ValueError):
    """A model uses a JSON schema keyword that has no structural form here."""


def structural(schema: Schema, *, definitions: Mapping[str, Schema] | None = None) -> Schema:
    """The structural form of a pydantic schema:
    references inlined, optional fields simply absent, defaults kept."""
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    flat = _resolved(schema, definitions)
    unknown = sorted(set(flat) - set(_COPIED) - set(_DROPPED))
    is_map = "maxProperties" in flat and isinstance(flat.get("additionalProperties"), dict)
    if flat.get("additionalProperties") and not (is_map or flat.get("x-kubernetes-preserve-unknown-fields")):
        # a map without bounds; only its absence, `false`, is what a structural schema does anyway
        unknown.append("additionalProperties")
    if unknown:
        raise UnstructuralSchemaError(f"no structural form for {', '.join(unknown)} in {flat}")
    result: Schema = {word: flat[word] for word in _COPIED if word in flat}
    if "description" in flat:
        result["description"] = " ".join(flat["description"].split())
    if "const" in flat:
        result["enum"] = [flat["const"]]
    if flat.get("default") is not None:
        # An object's fields have defaults of their own; with `{}` here they are filled in, so that a rule
        # which compares a field before and after a change sees no difference between one that was left out
        # and one that was written out.
        result["default"] = {} if "properties" in flat else flat["default"]
    for word in {"items"} & set(flat) | ({"additionalProperties"} if is_map else set()):
        result[word] = structural(flat[word], definitions=definitions)
    if "properties" in flat:
        result["properties"] = {
            name: structural(field, definitions=definitions) for name, field in flat["properties"].items()
        }
        if flat.get("required"):
            result["required"] = sorted(flat["required"])
    if "type" not in result:
        raise UnstructuralSchemaError(f"no type in {flat}")
    return result


def _resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema with its reference and its optional branch merged in;
    the field's own keywords win over its type's."""
    merged: Schema = {}
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) > 1:
        raise UnstructuralSchemaError(f"a field can be of one type only: {schema}")
    for branch in (*branches, *schema.get("allOf", ())):
        merged |= _resolved(branch, definitions)
    if "$ref" in schema:
        merged |= _resolved(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    return merged | {word: value for word, value in schema.items() if word not in ("anyOf", "allOf", "$ref")}
