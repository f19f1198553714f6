"""What the real API server makes of our definitions: it accepts them, fills in what the models fill in, and
refuses what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.base import ContractModel
from ingest_contract.batch import IngestBatchSpec
from ingest_contract.documents import KINDS
from ingest_contract.failures import Reason
from ingest_contract.names import API_VERSION
from ingest_contract.schedule import IngestScheduleStatus
from ingest_contract.speaker_profile import SpeakerProfileStatus
from ingest_contract.status import RTF_BUCKETS, IngestBatchStatus
from ingest_operator.core.ledger import Ledger
from testkit.cluster.client import Refused
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import definitions
from testkit.objects.builders import NOW, a_planned_batch, a_run, folded, over, rendered

Json = dict[str, Any]

EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.yaml"))
BATCH: Json = {"sources": [{"url": "https://media.example.org/talks"}]}
SMALLEST: dict[str, Json] = {
    "IngestBatch": BATCH,
    "IngestProfile": {},
    "IngestSchedule": {"schedule": "30 2 * * *", "template": {"spec": BATCH}},
    "SpeakerProfile": {"recordings": [{"url": "https://media.example.org/ann.wav"}]},
}
"""Of each kind, what must be written."""


def an_object(kind: str, namespace: str, **spec: Any) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "talks", "namespace": namespace},
        "spec": SMALLEST[kind] | spec,
    }


def test_every_definition_is_accepted_without_a_warning_and_served(control_plane: ControlPlane) -> None:
    control_plane.admin.warnings.clear()
    control_plane.install(*definitions())
    assert control_plane.admin.warnings == []


def test_every_kind_is_shown_here() -> None:
    assert sorted(KINDS) == sorted(crd["spec"]["names"]["kind"] for crd in definitions()) == sorted(SMALLEST)


@pytest.mark.parametrize("kind", SMALLEST)
def test_what_the_server_fills_in_is_what_the_models_fill_in(
    control_plane: ControlPlane, namespace: str, kind: str
) -> None:
    made = control_plane.admin.create(an_object(kind, namespace))
    document = KINDS[kind].from_object(an_object(kind, namespace))
    assert said(made["spec"]) == said(json.loads(document.to_json())["spec"])


def said(value: Any) -> Any:
    """The value without empty objects: the schema gives none to a field that may hold anything, and the
    models read nothing as empty."""
    if isinstance(value, dict):
        fields = {name: said(field) for name, field in value.items()}
        return {name: field for name, field in fields.items() if field != {}}
    return [said(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("IngestBatch", IngestBatchStatus),
        ("IngestSchedule", IngestScheduleStatus),
        ("SpeakerProfile", SpeakerProfileStatus),
    ],
)
def test_what_nobody_has_reconciled_does_not_look_reconciled(
    control_plane: ControlPlane, namespace: str, kind: str, status: type[ContractModel]
) -> None:
    made = control_plane.admin.create(an_object(kind, namespace))
    seen = control_plane.admin.get(control_plane.admin.path_of(made))
    assert seen["status"] == json.loads(status().to_json())
    assert (seen["status"]["observedGeneration"], seen["metadata"]["generation"]) == (-1, 1)


@pytest.mark.parametrize("kind", SMALLEST)
def test_an_unknown_field_is_refused_by_kubectl_and_dropped_for_those_who_do_not_ask(
    control_plane: ControlPlane, namespace: str, kind: str
) -> None:
    misspelt = an_object(kind, namespace, paralelism=4)
    with pytest.raises(Refused, match=r'unknown field "spec.paralelism"'):
        control_plane.admin.create(misspelt, fieldValidation="Strict")
    refused = control_plane.kubectl("apply", "-f", "-", text=json.dumps(misspelt), check=False)
    assert refused.returncode != 0
    assert 'unknown field "spec.paralelism"' in refused.stderr
    assert "paralelism" not in control_plane.admin.create(misspelt, fieldValidation="Ignore")["spec"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_can_be_applied(control_plane: ControlPlane, namespace: str, path: Path) -> None:
    for options in (["--dry-run=server"], ["--server-side"]):
        control_plane.kubectl("apply", "--namespace", namespace, *options, "-f", str(path))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        where = f"{control_plane.admin.path(document, namespace)}/{document['metadata']['name']}"
        assert is_within(document["spec"], control_plane.admin.get(where)["spec"])


def is_within(written: Any, stored: Any) -> bool:
    """Whether everything that was written is stored, beside what was filled in."""
    if isinstance(written, dict):
        return all(name in stored and is_within(value, stored[name]) for name, value in written.items())
    if isinstance(written, list):
        return len(written) == len(stored) and all(map(is_within, written, stored))
    return bool(written == stored)


def test_a_pod_template_is_kept_as_it_was_written(control_plane: ControlPlane, namespace: str) -> None:
    template = {
        "spec": {
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "nodeSelector": {"video-ingest.dev/pool": "a"},
        }
    }
    made = control_plane.admin.create(
        an_object("IngestProfile", namespace, pods={"template": template}), fieldValidation="Strict"
    )
    assert made["spec"]["pods"]["template"] == template


def test_a_status_of_every_kind_comes_back_as_it_was_written(
    control_plane: ControlPlane, namespace: str
) -> None:
    runs = [over(a_run(index), reason, at=NOW + index) for index, reason in enumerate(Reason)] + [
        over(a_run(98)),
        a_run(99),
    ]
    status = json.loads(rendered(a_planned_batch(100), folded(Ledger(), *runs), None, NOW).to_json())
    made = control_plane.admin.create(an_object("IngestBatch", namespace))
    where = f"{control_plane.admin.path_of(made)}/status"
    written = control_plane.admin.request("PUT", where, made | {"status": status}, fieldValidation="Strict")
    assert written["status"] == status
    assert written["metadata"]["generation"] == made["metadata"]["generation"]


def test_the_spec_and_the_status_are_written_apart(control_plane: ControlPlane, namespace: str) -> None:
    made = control_plane.admin.create(an_object("IngestBatch", namespace))
    path = control_plane.admin.path_of(made)
    change = {"spec": {"parallelism": 7}, "status": {"state": "Running"}}
    changed = control_plane.admin.merge(path, change)
    assert (changed["spec"]["parallelism"], changed["status"]["state"]) == (7, "Pending")
    changed = control_plane.admin.merge(
        f"{path}/status", {"spec": {"parallelism": 8}, "status": {"state": "Running"}}
    )
    assert (changed["spec"]["parallelism"], changed["status"]["state"]) == (7, "Running")


def test_kubectl_explains_fields_with_the_words_of_the_models(control_plane: ControlPlane) -> None:
    said = " ".join(
        control_plane.kubectl("explain", "ingestbatch.spec.select.minDurationSeconds").stdout.split()
    )
    assert "Shorter recordings are left out. One whose length is not known stays in." in said
    select = IngestBatchSpec.model_json_schema()["properties"]["select"]
    assert select["description"] in " ".join(
        control_plane.kubectl("explain", "ingestbatch.spec.select").stdout.split()
    )


def test_kubectl_shows_how_far_a_batch_is(control_plane: ControlPlane, namespace: str) -> None:
    made = control_plane.admin.create(an_object("IngestBatch", namespace))
    status = {
        "state": "Running",
        "progressPercent": 41,
        "etaSeconds": 120,
        "rtf": {"p50": "0.02", "p95": "0.04", "histogram": [0] * (len(RTF_BUCKETS) + 1)},
    }
    counts = {"total": 10, "succeeded": 4, "failed": 1, "skipped": 2}
    control_plane.admin.merge(
        f"{control_plane.admin.path_of(made)}/status", {"status": status | {"counts": counts}}
    )
    header, row = (
        line.split() for line in control_plane.kubectl("get", "ib", "-n", namespace).stdout.splitlines()
    )
    assert header == ["NAME", "STATE", "DONE", "FAILED", "TOTAL", "PROGRESS", "RTF", "ETA", "AGE"]
    assert row[:-1] == ["talks", "Running", "4", "1", "10", "41", "0.02", "120"]
    wide = control_plane.kubectl("get", "ib", "-n", namespace, "-o", "wide").stdout.splitlines()[1].split()
    assert wide[3] == "2"


def test_kubectl_lists_all_our_kinds_by_one_word(control_plane: ControlPlane, namespace: str) -> None:
    for kind in SMALLEST:
        control_plane.admin.create(an_object(kind, namespace))
    listed = control_plane.kubectl("get", "ingest", "-n", namespace, "-o", "name").stdout.split()
    assert sorted(listed) == sorted(
        f"{crd['spec']['names']['singular']}.video-ingest.dev/talks" for crd in definitions()
    )
