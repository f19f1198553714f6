"""Models become structural schemas, or an error: nothing is silently left out."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from ingest_contract.base import ContractModel
from ingest_contract.schema import UnstructuralSchemaError, structural


class Inner(ContractModel):
    """Inner things."""

    count: Annotated[int, Field(ge=0)] = 3
    """How many."""


class Outer(ContractModel):
    """Outer things."""

    needed: Inner
    """What its field says,
    on one line."""

    usual: Inner = Inner()
    """Has defaults."""

    optional: Inner | None = None
    """May be missing."""


def test_references_are_inlined_and_the_fields_own_words_win() -> None:
    needed = structural(Outer.model_json_schema())["properties"]["needed"]
    count = {"description": "How many.", "type": "integer", "minimum": 0, "default": 3}
    assert needed == {
        "type": "object",
        "description": "What its field says, on one line.",
        "properties": {"count": count},
    }


def test_an_object_with_defaults_begins_empty_and_an_optional_one_does_not_begin() -> None:
    properties = structural(Outer.model_json_schema())["properties"]
    assert properties["usual"]["default"] == {}
    assert "default" not in properties["optional"]
    assert structural(Outer.model_json_schema())["required"] == ["needed"]


def test_a_map_of_bounded_size_keeps_what_is_said_of_its_values() -> None:
    values = {"type": "string", "maxLength": 9}
    assert structural(
        {"type": "object", "maxProperties": 3, "additionalProperties": values | {"title": "Value"}}
    ) == {
        "type": "object",
        "maxProperties": 3,
        "additionalProperties": values,
    }


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "string", "writeOnly": True}, id="a word that is not known"),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "string"}}, id="a map without bounds"
        ),
        pytest.param(
            {"type": "object", "additionalProperties": True, "maxProperties": 3}, id="a map of anything"
        ),
        pytest.param({"type": "object", "additionalProperties": True}, id="anything"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "integer"}]}, id="one of two types"),
        pytest.param({"type": "array", "prefixItems": [{"type": "string"}]}, id="a tuple of fixed length"),
        pytest.param({"type": "integer", "exclusiveMinimum": 0}, id="an open bound"),
        pytest.param({"type": "array", "uniqueItems": True}, id="a set"),
        pytest.param({"description": "anything"}, id="no type"),
        pytest.param(
            {"type": "object", "properties": {"deep": {"type": "string", "examples": ["x"]}}},
            id="something deep inside",
        ),
    ],
)
def test_what_has_no_structural_form_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(UnstructuralSchemaError):
        structural(schema)
