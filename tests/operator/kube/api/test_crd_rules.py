"""Every CEL rule of our kinds, asked of the real API server: one object or change that it lets through, and
one that it refuses."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ingest_contract.batch import MAX_SOURCES
from ingest_contract.names import API_VERSION
from ingest_contract.schedule import MAX_SCHEDULE_NAME_CHARACTERS
from testkit.cluster.client import Client, Refused
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import definitions

Json = dict[str, Any]

URL: Json = {"url": "https://media.example.org/talks"}
BATCH: Json = {"sources": [URL]}


@dataclass(frozen=True)
class Case:
    """A rule, and a spec on either side of it; of a rule about changes, what the spec is before."""

    kind: str
    message: str
    where: str
    """The field that the refusal names."""
    accepted: Json
    refused: Json
    before: Json | None = None

    @property
    def rule(self) -> tuple[str, str, str]:
        return self.kind, self.where.replace("[0]", "[]"), self.message

    def as_template(self) -> "Case":
        """The same rule about the batches of a schedule."""
        where = self.where.replace("spec", "spec.template.spec", 1)
        return Case("IngestSchedule", self.message, where, nightly(self.accepted), nightly(self.refused))


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def nightly(spec: Json) -> Json:
    """The spec of a schedule whose batches are of this one."""
    return {"schedule": "30 2 * * *", "template": {"spec": spec}}


def a_source(wrong: Json, *right: Json) -> tuple[Json, Json]:
    return {"sources": [*right]}, {"sources": [wrong]}


def frozen(field: str, written_out: Any, other: Any) -> Case:
    """A field that may be written out as it is by default, and no more."""
    message = f"{field} cannot change once the batch exists: make a new batch"
    return Case(
        "IngestBatch", message, "spec", BATCH | {field: written_out}, BATCH | {field: other}, before=BATCH
    )


def selecting(lower: str, upper: str, small: Any, large: Any) -> Case:
    message = f"{lower} must not be above {upper}"
    accepted, refused = (
        BATCH | {"select": {lower: small, upper: large}},
        BATCH | {"select": {lower: large, upper: small}},
    )
    return Case("IngestBatch", message, "spec.select", accepted, refused)


STORED: Json = {"sources": [{"store": {}}], "reprocess": "IfPipelineChanged"}

STORE_CASES = [
    Case(
        "IngestBatch",
        "recordings of the store keep the speakers that were heard: omit speakers",
        "spec.sources[0]",
        STORED,
        STORED | {"sources": [{"store": {}, "speakers": {"max": 2}}]},
    ),
    Case(
        "IngestBatch",
        "sources of the store must not stand beside others: make two batches",
        "spec",
        STORED | {"sources": [{"store": {"channels": ["A"]}}, {"store": {"batches": ["talks"]}}]},
        STORED | {"sources": [{"store": {}}, URL]},
    ),
    Case(
        "IngestBatch",
        "sources of the store are taken where something has changed: set reprocess to IfPipelineChanged",
        "spec",
        STORED,
        STORED | {"reprocess": "Always"},
    ),
    Case(
        "IngestBatch",
        "recordings of the store keep the words that were heard: omit transcription",
        "spec",
        STORED | {"transcription": {"vocabulary": []}},
        STORED | {"transcription": {"vocabulary": ["pgvector"]}},
    ),
]
BATCH_CASES = [
    *STORE_CASES,
    frozen("profileRef", {"name": "default"}, {"name": "other"}),
    frozen("select", {"limit": 10_000, "order": "LongestFirst"}, {"limit": 30}),
    frozen("transcription", {"vocabulary": []}, {"language": "en"}),
    frozen("speakers", {}, {"profiles": ["ann"]}),
    frozen("reprocess", "Never", "Always"),
    frozen("retry", {"maxAttempts": 3}, {"maxAttempts": 4}),
    frozen("dryRun", written_out=False, other=True),
    Case(
        "IngestBatch",
        "sources may be added behind the others, never removed, changed or moved",
        "spec",
        accepted={"sources": [URL, {"volume": {"claimName": "more"}}]},
        refused={"sources": [{"url": "https://media.example.org/others"}]},
        before=BATCH,
    ),
    Case(
        "IngestBatch",
        "sources may be added behind the others, never removed, changed or moved",
        "spec",
        accepted={"sources": [URL, URL]},
        refused={"sources": [{"volume": {"claimName": "more"}}, URL]},
        before=BATCH,
    ),
    Case(
        "IngestBatch",
        "exactly one of url, configMap, secret, volume, objectStore and store must be set",
        "spec.sources[0]",
        *a_source(
            {**URL, "volume": {"claimName": "a"}},
            URL,
            {"configMap": {"name": "a"}},
            {"volume": {"claimName": "a"}},
        ),
    ),
    Case(
        "IngestBatch",
        "min must not be above max",
        "spec.sources[0].speakers",
        *a_source(
            {**URL, "speakers": {"min": 3, "max": 2}},
            *({**URL, "speakers": one} for one in ({"min": 2, "max": 2}, {"min": 9}, {"max": 1})),
        ),
    ),
    selecting("minDurationSeconds", "maxDurationSeconds", 60, 600),
    selecting("publishedAfter", "publishedBefore", "2025-01-01", "2025-12-31"),
]
CASES = [
    *BATCH_CASES,
    # A template may change, for the batches to come; what it says must make sense on its own.
    *(case.as_template() for case in BATCH_CASES if case.before is None),
    Case(
        "IngestProfile",
        "at most one of claimName, hostPath and image may be set",
        "spec.pods.models",
        accepted={"pods": {"models": {"claimName": "models"}}},
        refused={"pods": {"models": {"claimName": "models", "hostPath": "/models"}}},
    ),
    Case(
        "IngestProfile",
        "perHour or minGapSeconds must be set",
        "spec.fetch.sites[0].pace",
        accepted={"fetch": {"sites": [{"name": "youtube", "pace": {"perHour": 200}}]}},
        refused={"fetch": {"sites": [{"name": "youtube", "pace": {"jitterSeconds": 3}}]}},
    ),
    Case(
        "IngestProfile",
        "one of claimName, hostPath and objectStore must be set",
        "spec.pods.cache",
        accepted={"pods": {"cache": {"objectStore": {"url": "s3://ingest/fetched"}}}},
        refused={"pods": {"cache": {"claimName": "fetched", "hostPath": "/fetched"}}},
    ),
    Case(
        "IngestProfile",
        "one of claimName and hostPath must be set",
        "spec.pods.cudaCache",
        accepted={"pods": {"cudaCache": {"hostPath": "/var/cache/cuda"}}},
        refused={"pods": {"cudaCache": {"claimName": "compiled", "hostPath": "/var/cache/cuda"}}},
    ),
    Case(
        "IngestProfile",
        "fetch.mode Ahead needs a place for what is fetched: set pods.cache",
        "spec",
        accepted={"fetch": {"mode": "Ahead"}, "pods": {"cache": {"claimName": "fetched"}}},
        refused={"fetch": {"mode": "Ahead"}},
    ),
    Case(
        "IngestProfile",
        "fetch.allow.folders and pods.claims must not have more than 32 entries together",
        "spec",
        accepted={
            "fetch": {"allow": {"folders": numbered("/media", 31)}},
            "pods": {"claims": ["recordings"]},
        },
        refused={
            "fetch": {"allow": {"folders": numbered("/media", 16)}},
            "pods": {"claims": numbered("claim", 17)},
        },
    ),
]


TOKEN = {"serviceAccountToken": {"path": "token"}}


def projecting(source: Json) -> Json:
    return {
        "spec": {
            "volumes": [
                {"name": "other", "emptyDir": {}},
                {"name": "identity", "projected": {"sources": [source]}},
            ]
        }
    }


CASES += [
    Case(
        "IngestProfile",
        "no volume may project a service account's token: a pod of ours has none",
        f"spec.pods.{template}",
        accepted={
            "pods": {
                template: projecting({"configMap": {"name": "trust"}}) | {"metadata": {"labels": {"a": "b"}}}
            }
        },
        refused={"pods": {template: projecting(TOKEN)}},
    )
    for template in ("template", "workerTemplate", "fetchTemplate", "planTemplate")
]


CASES.append(
    Case(
        "IngestProfile",
        "no volume may project a service account's token: a pod of ours has none",
        "spec.pods.relabel.template",
        accepted={"pods": {"relabel": {"template": projecting({"configMap": {"name": "trust"}})}}},
        refused={"pods": {"relabel": {"template": projecting(TOKEN)}}},
    )
)

SAID: Json = {"url": "https://media.example.org/ada.mp3"}
STRETCH: Json = {"recording": "url:abc", "startSeconds": 4, "endSeconds": 9}


def voice(message: str, where: str, accepted: Json, refused: Json) -> Case:
    return Case("SpeakerProfile", message, where, accepted, refused)


def heard_in(message: str, accepted: Json, refused: Json) -> Case:
    """A rule about one recording of a voice."""
    return voice(message, "spec.recordings[0]", {"recordings": [accepted]}, {"recordings": [refused]})


CASES += [
    voice(
        "displayName must not begin with 'unknown #': voices without a name are called so",
        "spec",
        accepted={"displayName": "Unknown Ada", "recordings": [SAID]},
        refused={"displayName": "unknown #7", "recordings": [SAID]},
    ),
    voice(
        "recordings must not name one source twice",
        "spec",
        accepted={"recordings": [SAID, STRETCH]},
        refused={"recordings": [STRETCH, SAID, STRETCH]},
    ),
    heard_in("exactly one of url and recording must be set", SAID, STRETCH | SAID),
    heard_in(
        "startSeconds and endSeconds belong to recording, and both must be set",
        STRETCH,
        {"recording": "url:abc", "startSeconds": 4},
    ),
    heard_in("endSeconds must be above startSeconds", STRETCH, STRETCH | {"endSeconds": 4}),
]


def rules(kind: str, schema: Json, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(kind, path, message) of every rule in a schema."""
    yield from ((kind, path, rule["message"]) for rule in schema.get("x-kubernetes-validations", ()))
    for name, field in schema.get("properties", {}).items():
        yield from rules(kind, field, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from rules(kind, schema["items"], f"{path}[]")


NAME_RULE = (
    "IngestSchedule",
    "",
    f"metadata.name must have at most {MAX_SCHEDULE_NAME_CHARACTERS} characters",
)


def test_no_rule_is_without_a_case() -> None:
    shipped = [
        rule
        for crd in definitions()
        for rule in rules(
            crd["spec"]["names"]["kind"], crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        )
    ]
    assert sorted({*(case.rule for case in CASES), NAME_RULE}) == sorted(shipped)


def test_a_schedule_has_a_name_that_leaves_room_for_the_time_in_the_names_of_its_batches(
    control_plane: ControlPlane, namespace: str
) -> None:
    longest = an_object("IngestSchedule", namespace, nightly(BATCH), name="n" * MAX_SCHEDULE_NAME_CHARACTERS)
    assert control_plane.admin.create(longest)["spec"]
    with pytest.raises(Refused) as refusal:
        control_plane.admin.create(
            an_object(
                "IngestSchedule", namespace, nightly(BATCH), name="n" * (MAX_SCHEDULE_NAME_CHARACTERS + 1)
            )
        )
    assert [message for _, message in refusal.value.causes] == [f"Invalid value: {NAME_RULE[2]}"]


def test_the_template_of_a_schedule_may_change(control_plane: ControlPlane, namespace: str) -> None:
    made = control_plane.admin.create(an_object("IngestSchedule", namespace, nightly(BATCH)))
    for case in BATCH_CASES:
        if case.before is not None:
            made = control_plane.admin.replace(made | {"spec": nightly(case.refused)})
            assert made["spec"]["template"]["spec"]


def an_object(kind: str, namespace: str, spec: Json, name: str | None = None) -> Json:
    metadata = {"name": name or f"a-{secrets.token_hex(4)}", "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def offer(admin: Client, case: Case, namespace: str, spec: Json) -> Json:
    """Make an object of this spec, or give it to one that is of the spec before."""
    if case.before is None:
        return admin.create(an_object(case.kind, namespace, spec), fieldValidation="Strict")
    made = admin.create(an_object(case.kind, namespace, case.before))
    return admin.replace(made | {"spec": spec}, fieldValidation="Strict")


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case.rule))
def test_a_rule_lets_through_what_it_should(control_plane: ControlPlane, namespace: str, case: Case) -> None:
    assert offer(control_plane.admin, case, namespace, case.accepted)["spec"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case.rule))
def test_a_rule_refuses_what_it_should_and_is_the_only_one_to_do_so(
    control_plane: ControlPlane, namespace: str, case: Case
) -> None:
    with pytest.raises(Refused) as refusal:
        offer(control_plane.admin, case, namespace, case.refused)
    assert (refusal.value.status, refusal.value.causes) == (
        422,
        [(case.where, f"Invalid value: {case.message}")],
    )


@pytest.mark.parametrize(
    "change",
    [
        {"parallelism": 9},
        {"suspend": True},
        {"suspendMode": "Kill"},
        {"retryFailed": "again", "retryRecordings": "3,7-9"},
    ],
)
def test_what_may_change_at_any_time_may(control_plane: ControlPlane, namespace: str, change: Json) -> None:
    made = control_plane.admin.create(an_object("IngestBatch", namespace, BATCH))
    changed = control_plane.admin.replace(made | {"spec": made["spec"] | change})
    assert changed["metadata"]["generation"] == made["metadata"]["generation"] + 1


def test_the_largest_list_of_sources_stays_inside_the_cost_that_a_rule_may_have(
    control_plane: ControlPlane, namespace: str
) -> None:
    # The worst for a comparison: as long as allowed, and different in the last letter only.
    sources = [{"url": f"https://{'x' * 2037}{number:03}"} for number in range(MAX_SOURCES)]
    made = control_plane.admin.create(an_object("IngestBatch", namespace, {"sources": sources}))
    path = control_plane.admin.path_of(made)
    assert control_plane.admin.merge(path, {"spec": {"sources": sources, "parallelism": 2}})["spec"]
    with pytest.raises(
        Refused, match="sources may be added behind the others, never removed, changed or moved"
    ):
        control_plane.admin.merge(path, {"spec": {"sources": sources[1:]}})
