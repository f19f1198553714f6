"""The generated definitions keep to what an API server demands, and to what keeps its CEL costs bounded."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from ingest_contract.failures import Reason
from ingest_contract.names import GROUP
from ingest_operator.core.ledger import Ledger
from testkit.objects.builders import NOW, a_batch, a_planned_batch, a_run, folded, over, rendered
from tests.contract.made import CRDS
from tests.support.cel import broken, defaulted

Json = dict[str, Any]
OPEN = "x-kubernetes-preserve-unknown-fields"
ITSELF = ("apiVersion", "kind", "metadata")
"""Described by Kubernetes, not by us."""


def schema_of(name: str) -> Json:
    schema: Json = CRDS[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every schema in a schema, with its path."""
    yield path, schema
    if OPEN in schema:
        return  # what is in it is Kubernetes' own, and no more is said of it than a rule needs
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}[]")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def ours(name: str) -> list[tuple[str, Json]]:
    return [(path, node) for path, node in nodes(schema_of(name)) if path.removeprefix(".") not in ITSELF]


@pytest.mark.parametrize("name", CRDS)
def test_a_schema_is_structural(name: str) -> None:
    for path, node in ours(name):
        assert node["type"] in ("object", "array", "string", "integer", "boolean"), (
            f"{path}: the API conventions forbid floats"
        )
        assert not {"$ref", "anyOf", "oneOf", "allOf", "title", "const", "nullable"} & set(node), path
        shapes = ({OPEN} if OPEN in node else {"properties", "additionalProperties"}) & set(node)
        assert len(shapes) == (node["type"] == "object"), (
            f"{path}: of an object exactly one thing is said of what is in it"
        )


@pytest.mark.parametrize("name", CRDS)
def test_every_value_is_bounded_so_that_the_cost_of_rules_can_be_estimated(name: str) -> None:
    bound = {"string": "maxLength", "array": "maxItems", "integer": "minimum"}
    for path, node in ours(name):
        assert "additionalProperties" not in node or "maxProperties" in node, path
        assert node["type"] not in bound or bound[node["type"]] in node or "enum" in node, path


@pytest.mark.parametrize("name", CRDS)
def test_every_field_is_explained_in_one_line(name: str) -> None:
    for path, node in ours(name):
        assert path.endswith("[]") or node.get("description"), path
        assert "\n" not in node.get("description", ""), path


@pytest.mark.parametrize("name", CRDS)
def test_list_maps_have_keys_that_every_entry_must_have(name: str) -> None:
    for path, node in ours(name):
        if node.get("x-kubernetes-list-type") == "map":
            keys = set(node["x-kubernetes-list-map-keys"])
            assert keys, path
            assert keys <= set(node["items"]["required"]) & set(node["items"]["properties"]), path


@pytest.mark.parametrize("name", CRDS)
def test_a_default_is_allowed_where_it_stands_and_only_where_nothing_is_required(name: str) -> None:
    for path, node in ours(name):
        if "default" in node:
            jsonschema.validate(defaulted(node, node["default"]), node)
        assert not any("default" in node["properties"][field] for field in node.get("required", ())), path


@pytest.mark.parametrize("name", CRDS)
def test_names_agree(name: str) -> None:
    crd = CRDS[name]
    names = crd["spec"]["names"]
    assert crd["metadata"]["name"] == f"{names['plural']}.{GROUP}" == f"{name.removesuffix('.yaml')}.{GROUP}"
    assert names["singular"] == names["kind"].lower()
    assert (crd["spec"]["scope"], [version["storage"] for version in crd["spec"]["versions"]]) == (
        "Namespaced",
        [True],
    )


@pytest.mark.parametrize("name", CRDS)
def test_every_column_points_to_a_field_of_its_type(name: str) -> None:
    known = {path: node["type"] for path, node in nodes(schema_of(name))}
    for column in CRDS[name]["spec"]["versions"][0]["additionalPrinterColumns"]:
        if not column["jsonPath"].startswith(".metadata."):
            path = re.sub(r"\[\?\(@\.type=='[A-Za-z]+'\)\]", "[]", column["jsonPath"])
            assert known[path] == column["type"]


def test_an_object_that_nobody_has_reconciled_does_not_look_reconciled() -> None:
    fresh = defaulted(schema_of("ingestbatches.yaml"), {"spec": {"sources": [{"url": "https://a"}]}})
    assert fresh["status"]["observedGeneration"] == -1


def test_every_kind_has_a_status_that_only_its_own_subresource_writes() -> None:
    assert all(crd["spec"]["versions"][0]["subresources"] == {"status": {}} for crd in CRDS.values())


def test_a_batch_with_a_status_of_every_kind_is_accepted() -> None:
    runs = [over(a_run(index), reason, at=NOW + index) for index, reason in enumerate(Reason)] + [
        over(a_run(98)),
        a_run(99),
    ]
    status = rendered(a_planned_batch(100), folded(Ledger(), *runs), None, NOW)
    assert status.breaker is not None
    batch = yaml.safe_load(a_batch().model_copy(update={"status": status}).to_json())
    closed = forbidding_unknown(schema_of("ingestbatches.yaml"))
    jsonschema.validate(batch, closed)
    assert broken(closed, batch) == []


def test_what_the_schema_fills_in_is_what_the_models_fill_in() -> None:
    schema = schema_of("ingestbatches.yaml")["properties"]["spec"]
    written = {"sources": [{"url": "https://media.example.org/talks"}]}
    assert defaulted(schema, written) == yaml.safe_load(a_batch().spec.to_json())


def forbidding_unknown(schema: Json) -> Json:
    """The schema as an API server reads it with strict field validation."""
    closed = dict(schema)
    if "properties" in schema:
        fields = {
            name: field if name == "metadata" else forbidding_unknown(field)
            for name, field in schema["properties"].items()
        }
        closed |= {"properties": fields, "additionalProperties": False}
    if "items" in schema:
        closed["items"] = forbidding_unknown(schema["items"])
    return closed
