"""The CustomResourceDefinitions, made from the models:
names, columns, rules and schema, one value per kind. Pure."""

from typing import Any, Final

from ingest_contract.base import ContractModel
from ingest_contract.batch import IngestBatchSpec
from ingest_contract.names import BATCH_KIND, GROUP, PROFILE_KIND, SCHEDULE_KIND, SPEAKER_KIND, VERSION
from ingest_contract.profile import IngestProfileSpec
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.schedule import SHORT_NAME_RULE, IngestScheduleSpec, IngestScheduleStatus
from ingest_contract.schema import structural
from ingest_contract.speaker_profile import SpeakerProfileSpec, SpeakerProfileStatus
from ingest_contract.status import IngestBatchStatus

Crd = dict[str, Any]


def _column(name: str, path: str, kind: str = "string", **more: object) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, **more}


_BATCH_COLUMNS: Final = [
    _column("State", ".status.state"),
    _column("Done", ".status.counts.succeeded", "integer"),
    _column("Skipped", ".status.counts.skipped", "integer", priority=1),
    _column("Failed", ".status.counts.failed", "integer"),
    _column("Total", ".status.counts.total", "integer"),
    _column("Progress", ".status.progressPercent", "integer"),
    _column("RTF", ".status.rtf.p50"),
    _column("ETA", ".status.etaSeconds", "integer"),
    _column("Computing", ".status.computingPercent", "integer", priority=1),
    _column("Cost/h", ".status.cost.mediaHour", priority=1),
    _column("Age", ".metadata.creationTimestamp", "date"),
]

_SCHEDULE_COLUMNS: Final = [
    _column("Schedule", ".spec.schedule"),
    _column("Zone", ".spec.timeZone"),
    _column("Suspend", ".spec.suspend", "boolean"),
    _column("Last", ".status.lastScheduledTime"),
    _column("State", ".status.lastBatch.state"),
    _column("Next", ".status.nextScheduledTime"),
    _column("Active", ".status.active", "integer"),
    _column("Missed", ".status.missed", "integer", priority=1),
    _column("Age", ".metadata.creationTimestamp", "date"),
]

_SPEAKER_COLUMNS: Final = [
    _column("Voice", ".spec.displayName"),
    _column("State", ".status.state"),
    _column("Used", ".status.used", "integer"),
    _column("Refused", ".status.refused", "integer"),
    _column("Seconds", ".status.seconds", priority=1),
    _column("Age", ".metadata.creationTimestamp", "date"),
]

_READY_COLUMNS: Final = [
    _column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
    _column("Reason", ".status.conditions[?(@.type=='Ready')].reason"),
    _column("Message", ".status.conditions[?(@.type=='Ready')].message", priority=1),
]

_RETENTION_COLUMNS: Final = [
    _column("Keeps", ".spec.retention.days", "integer", priority=1),
    _column("Kept", ".status.conditions[?(@.type=='RetentionKept')].status", priority=1),
    _column("Forgotten", ".status.retention.totalRecordings", "integer", priority=1),
    _column("Next", ".status.retention.nextAt", priority=1),
]


def _definition(kind: str, *, short: str, schema: Crd, columns: list[dict[str, Any]], status: bool) -> Crd:
    plural = f"{kind.lower()}s" if not kind.lower().endswith("ch") else f"{kind.lower()}es"
    version: Crd = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": columns,
    }
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "plural": plural,
                "singular": kind.lower(),
                "listKind": f"{kind}List",
                "shortNames": [short],
                "categories": ["ingest"],
            },
            "versions": [version],
        },
    }


def _object(
    description: str,
    spec: type[ContractModel],
    status: type[ContractModel] | None = None,
    *,
    spec_required: bool,
) -> Crd:
    properties: Crd = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": structural(spec.model_json_schema()),
    }
    if status is not None:
        # An object that no operator has seen yet must not look reconciled: -1 is below every generation.
        properties["status"] = structural(status.model_json_schema()) | {
            "default": {"observedGeneration": -1}
        }
    return {"type": "object", "description": description, "properties": properties} | (
        {"required": ["spec"]} if spec_required else {}
    )


def definitions() -> dict[str, Crd]:
    """File name to CustomResourceDefinition, for every kind."""
    batch = _object(
        "These recordings, transcribed, attributed to their speakers, embedded and searchable.",
        IngestBatchSpec,
        IngestBatchStatus,
        spec_required=True,
    )
    profile = _object(
        "What a platform team decides once for many batches.",
        IngestProfileSpec,
        IngestProfileStatus,
        spec_required=False,
    )
    schedule = (
        _object("A batch whenever it is due.", IngestScheduleSpec, IngestScheduleStatus, spec_required=True)
        | SHORT_NAME_RULE
    )
    speaker = _object(
        "A person who is recognised by voice.", SpeakerProfileSpec, SpeakerProfileStatus, spec_required=True
    )
    age = [_column("Age", ".metadata.creationTimestamp", "date")]
    return {
        "ingestbatches.yaml": _definition(
            BATCH_KIND, short="ib", schema=batch, columns=_BATCH_COLUMNS, status=True
        ),
        "ingestprofiles.yaml": _definition(
            PROFILE_KIND,
            short="iprofile",
            schema=profile,
            columns=[_column("Models", ".spec.modelSet"), *_READY_COLUMNS, *_RETENTION_COLUMNS, *age],
            status=True,
        ),
        "ingestschedules.yaml": _definition(
            SCHEDULE_KIND, short="ischedule", schema=schedule, columns=_SCHEDULE_COLUMNS, status=True
        ),
        "speakerprofiles.yaml": _definition(
            SPEAKER_KIND, short="sp", schema=speaker, columns=_SPEAKER_COLUMNS, status=True
        ),
    }
