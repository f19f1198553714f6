"""What may be written in a schedule, for a cluster and for a person alike."""

import json
from typing import Any

import jsonschema
import pytest

from ingest_contract.documents import InvalidDocumentError, parse
from ingest_contract.schedule import MAX_SCHEDULE_NAME_CHARACTERS, IngestScheduleSpec
from tests.contract.made import CRDS
from tests.support.cel import broken, defaulted

Json = dict[str, Any]

SCHEMA: Json = CRDS["ingestschedules.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SOURCES = [{"url": "https://media.example.org/talks"}]


def a_schedule(name: str = "nightly", **spec: Any) -> Json:
    written = {"schedule": "30 2 * * *", "template": {"spec": {"sources": SOURCES}}} | spec
    return {
        "apiVersion": "video-ingest.dev/v1alpha1",
        "kind": "IngestSchedule",
        "metadata": {"name": name},
        "spec": written,
    }


def accepted_by(schedule: Json) -> tuple[bool, bool]:
    """(by the cluster's schema and rules, by the models)."""
    try:
        jsonschema.validate(schedule, SCHEMA)
        by_schema = not broken(SCHEMA, schedule)
    except jsonschema.ValidationError:
        by_schema = False
    try:
        parse(schedule)
    except InvalidDocumentError:
        return by_schema, False
    return by_schema, True


@pytest.mark.parametrize(
    "spec",
    [
        {"schedule": "0 3 * * MON#2"}, {"schedule": "*/15  1-5 L 1,JUL *"},
        {"timeZone": "America/Argentina/Buenos_Aires"}, {"timeZone": "Etc/GMT+5"},
        {"startingDeadlineSeconds": 10}, {"successfulHistoryLimit": 0, "failedHistoryLimit": 100},
        {"template": {"metadata": {"labels": {"team": "media", "empty": ""}}, "spec": {"sources": SOURCES}}},
        {"template": {
            "metadata": {"annotations": {"why": "any text: it is ours"}}, "spec": {"sources": SOURCES},
        }},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_meant_is_accepted_by_cluster_and_command_alike(spec: Json) -> None:
    assert accepted_by(a_schedule(**spec)) == (True, True)


@pytest.mark.parametrize(
    "spec",
    [
        {"schedule": ""}, {"schedule": "30 2 * *"}, {"schedule": "0 30 2 * * *"}, {"schedule": "@daily"},
        {"schedule": "CRON_TZ=UTC 0 2 * * *"}, {"schedule": "x" * 129},
        {"timeZone": ""}, {"timeZone": "../etc/passwd"}, {"timeZone": "/etc/localtime"},
        {"concurrencyPolicy": "forbid"}, {"startingDeadlineSeconds": 9}, {"successfulHistoryLimit": -1},
        {"failedHistoryLimit": 101}, {"template": {}}, {"template": {"spec": {}}},
        {"template": {"spec": {"sources": [{}]}}},
        {"template": {"metadata": {"labels": {"team": 7}}, "spec": {"sources": SOURCES}}},
        {"template": {"metadata": {"labels": {"team": "not a label"}}, "spec": {"sources": SOURCES}}},
        {"template": {
            "metadata": {"labels": {f"l{n}": "" for n in range(33)}}, "spec": {"sources": SOURCES},
        }},
    ],
    ids=lambda spec: str(spec)[:60],
)  # fmt: skip
def test_a_mistake_is_refused_by_cluster_and_command_alike(spec: Json) -> None:
    assert accepted_by(a_schedule(**spec)) == (False, False)


@pytest.mark.parametrize(
    ("length", "accepted"), [(MAX_SCHEDULE_NAME_CHARACTERS, True), (MAX_SCHEDULE_NAME_CHARACTERS + 1, False)]
)
def test_a_name_leaves_room_for_the_minute(length: int, accepted: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert accepted_by(a_schedule("n" * length)) == (accepted, accepted)


def test_a_template_may_be_changed_in_every_field() -> None:
    before = a_schedule(
        template={"spec": {"sources": SOURCES, "profileRef": {"name": "small"}, "reprocess": "Always"}}
    )
    after = a_schedule(template={"spec": {"sources": [{"url": "https://media.example.org/others"}]}})
    assert broken(SCHEMA, defaulted(SCHEMA, after), defaulted(SCHEMA, before)) == []


def test_what_the_schema_fills_in_is_what_the_models_fill_in() -> None:
    written = a_schedule()["spec"]
    filled = IngestScheduleSpec.from_object(written).to_json()
    assert defaulted(SCHEMA["properties"]["spec"], written) == json.loads(filled)


def test_nobody_has_reconciled_a_new_schedule() -> None:
    assert defaulted(SCHEMA, a_schedule())["status"] == {
        "observedGeneration": -1,
        "active": 0,
        "missed": 0,
        "conditions": [],
        "activeBatches": [],
    }


def test_a_schedule_without_what_it_is_for_is_refused() -> None:
    assert accepted_by({field: value for field, value in a_schedule().items() if field != "spec"}) == (
        False,
        False,
    )
