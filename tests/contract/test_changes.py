"""What may change about a batch: the rules for the API server and the rules in Python say the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest_contract.batch import FROZEN, MUTABLE, IngestBatchSpec
from ingest_contract.changes import refused_changes
from tests.contract.made import CRDS
from tests.support.cel import broken, defaulted, holds

Json = dict[str, Any]
SCHEMA: Json = CRDS["ingestbatches.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
    "spec"
]
A, B = {"url": "https://a"}, {"configMap": {"name": "b"}}

CHANGES = {
    "nothing": ({}, {}, True),
    "more at once": ({}, {"parallelism": 9}, True),
    "suspended": ({}, {"suspend": True, "suspendMode": "Kill"}, True),
    "another pass": ({}, {"retryFailed": "monday", "retryRecordings": "0,3-4"}, True),
    "a source added": ({}, {"sources": [A, B]}, True),
    "a source added that is there already": ({}, {"sources": [A, A]}, True),
    "one of two equal sources changed": ({"sources": [A, A]}, {"sources": [A, B]}, False),
    "a source in front": ({}, {"sources": [B, A]}, False),
    "sources in another order": ({"sources": [A, B]}, {"sources": [B, A]}, False),
    "a default written out": ({}, {"retry": {"maxAttempts": 3}, "reprocess": "Never", "select": {}}, True),
    "a default of a source written out": ({}, {"sources": [{"url": "https://a", "speakers": {}}]}, True),
    "a source removed": ({"sources": [A, B]}, {"sources": [A]}, False),
    "a source changed": ({}, {"sources": [{"url": "https://a", "speakers": {"max": 2}}]}, False),
    "another profile": ({}, {"profileRef": {"name": "other"}}, False),
    "another selection": ({}, {"select": {"limit": 5}}, False),
    "a language": ({}, {"transcription": {"language": "en"}}, False),
    "no language any more": ({"transcription": {"language": "en"}}, {}, False),
    "voices": ({}, {"speakers": {"profiles": ["ann"]}}, False),
    "redoing": ({}, {"reprocess": "Always"}, False),
    "more attempts": ({}, {"retry": {"maxAttempts": 5}}, False),
    "no dry run any more": ({"dryRun": True}, {"dryRun": False}, False),
}
"""What was written, what is written now, and whether that is allowed."""


def spec(fields: Json) -> Json:
    return {"sources": [A]} | fields


def model(fields: Json) -> IngestBatchSpec:
    return IngestBatchSpec.from_object(spec(fields))


@pytest.mark.parametrize(("before", "after", "allowed"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_judged_alike_by_cluster_and_workstation(
    before: Json, after: Json, *, allowed: bool
) -> None:
    by_rules = broken(SCHEMA, defaulted(SCHEMA, spec(after)), defaulted(SCHEMA, spec(before)))
    by_python = refused_changes(model(before), model(after))
    assert (not by_rules, not by_python) == (allowed, allowed)


def test_every_refused_field_has_a_line_of_its_own() -> None:
    lines = refused_changes(
        model({}), model({"profileRef": {"name": "p"}, "retry": {"maxAttempts": 9}, "sources": [B]})
    )
    assert [line.split(":")[0] for line in lines] == ["spec.profileRef", "spec.retry", "spec.sources"]


def test_every_field_is_mutable_or_frozen() -> None:
    names = {field.alias or name for name, field in IngestBatchSpec.model_fields.items()}
    assert sorted((*MUTABLE, *FROZEN)) == sorted(names)


SOURCES = st.fixed_dictionaries(
    {},
    optional={
        "url": st.sampled_from(["https://a", "https://b"]),
        "configMap": st.just({"name": "b"}),
        "volume": st.just({"claimName": "c"}),
        "speakers": st.fixed_dictionaries({}, optional={"min": st.integers(1, 4), "max": st.integers(1, 4)}),
    },
)
SELECT = st.fixed_dictionaries(
    {},
    optional={
        "minDurationSeconds": st.integers(0, 3), "maxDurationSeconds": st.integers(0, 3),
        "publishedAfter": st.sampled_from(["2025-01-01", "2025-06-01"]),
        "publishedBefore": st.sampled_from(["2025-01-01", "2025-06-01"]),
    },
)  # fmt: skip


@given(st.lists(SOURCES, min_size=1, max_size=3), SELECT)
def test_a_spec_is_judged_alike_by_cluster_and_workstation(sources: list[Json], select: Json) -> None:
    written = {"sources": sources, "select": select}
    try:
        model(written)
    except ValidationError:
        accepted = False
    else:
        accepted = True
    assert (broken(SCHEMA, defaulted(SCHEMA, spec(written))) == []) is accepted


def test_a_form_of_rule_that_is_not_understood_is_never_taken_for_one_that_holds() -> None:
    with pytest.raises(ValueError, match="form that this does not know"):
        holds("self.name.matches('^a') ? true : false", {"name": "a"})
