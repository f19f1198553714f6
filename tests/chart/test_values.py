"""Every value does something, is explained, has a schema, and is refused in plain words where it is wrong."""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.profile import IngestProfileSpec
from scripts.chart.values import Value, values_in
from tests.support.chart import CASES, CHART, Json, RefusedByHelm, case, helm, objects_in, template

VALUES = values_in((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
EVERYTHING = CHART / "ci" / "everything-values.yaml"

BUCKET: Json = {"cache.from": "ObjectStore", "cache.objectStore.url": "s3://ingest/other"}
NEEDS: dict[str, Json] = {
    "cache.hostPath": {"cache.from": "HostPath", "cache.hostPath": "/srv/fetched"},
    "cache.objectStore.url": BUCKET,
    "cache.objectStore.endpoint": BUCKET,
    "cache.objectStore.secretName": BUCKET,
    "networkPolicy.cache.to": BUCKET,
    "networkPolicy.cache.ports": BUCKET,
    "models.fetch.enabled": {"models.claim.create": False},
    "networkPolicy.proxies.ports": {"networkPolicy.proxies.to": [{"podSelector": {}}]},
    "models.set": {"models.claim.create": False, "models.fetch.enabled": False},
    "models.from": {"models.hostPath": "/srv/models"},
    "models.hostPath": {"models.from": "HostPath", "models.hostPath": "/srv/models"},
    "models.image": {"models.from": "Image", "models.image": "models:1"},
    "monitoring.serviceMonitor.enabled": {"monitoring.podMonitor.enabled": False},
    "monitoring.serviceMonitor.interval": {
        "monitoring.podMonitor.enabled": False,
        "monitoring.serviceMonitor.enabled": True,
    },
    "monitoring.serviceMonitor.labels": {
        "monitoring.podMonitor.enabled": False,
        "monitoring.serviceMonitor.enabled": True,
    },
    "rbac.queues": {"worker.queueName": ""},
    "serviceAccount.create": {"serviceAccount.name": "ingest"},
    "store.migration.enabled": {"store.tryOut.enabled": False},
}
"""What must be set beside a value before it means anything, or before it is allowed."""


def resolved(schema: Json) -> Json:
    if "$ref" in schema:
        return resolved(SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[-1]]) | {
            k: v for k, v in schema.items() if k != "$ref"
        }
    return schema


def schema_of(path: tuple[str, ...]) -> Json:
    here = resolved(SCHEMA)
    for name in path:
        here = resolved(here["properties"][name])
    return here


def other_value(value: Value) -> Any:
    """Another value than the one that it has in the set with everything."""
    schema = schema_of(value.path)
    if schema.get("type") == "boolean":
        return not set_in_everything(value)
    (example,) = schema["examples"]
    return example if example != set_in_everything(value) else value.default


@cache
def everything() -> Json:
    return dict(yaml.safe_load(EVERYTHING.read_text(encoding="utf-8")))


def set_in_everything(value: Value) -> Any:
    here: Any = everything()
    for name in value.path:
        if not isinstance(here, dict) or name not in here:
            return value.default
        here = here[name]
    return here


@cache
def before(needs: str) -> str:
    """What is rendered with what must be set beside a value."""
    return template(EVERYTHING, settings=json.loads(needs))


def named(value: Value) -> str:
    return ".".join(value.path)


def groups(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    schema = resolved(schema)
    if "properties" in schema:
        yield path, schema
        for name, inner in schema["properties"].items():
            yield from groups(inner, (*path, name))


@pytest.mark.parametrize("value", VALUES, ids=named)
def test_a_value_changes_what_is_rendered(value: Value) -> None:
    needs = NEEDS.get(named(value), {})
    assert template(EVERYTHING, settings=needs | {named(value): other_value(value)}) != before(
        json.dumps(needs)
    )


@pytest.mark.parametrize("value", VALUES, ids=named)
def test_a_value_is_explained_in_a_sentence(value: Value) -> None:
    assert value.said.endswith((".", "`.", ":")), value.said
    assert value.said[0].isupper() or value.said.startswith("`")


def test_the_schema_knows_the_values_and_no_others() -> None:
    written = {value.path for value in VALUES}
    leaves = {path for path, _ in groups(SCHEMA)}
    for path in written:
        assert schema_of(path)
    known = {
        (*path, name)
        for path, group in groups(SCHEMA)
        for name in group["properties"]
        if (*path, name) not in leaves
        and not any((*path, name)[: len(one)] == one and len((*path, name)) > len(one) for one in written)
    }
    assert known - {("global",), ("enabled",)} - written == set()


def test_the_schema_leaves_no_group_open() -> None:
    assert [path for path, group in groups(SCHEMA) if group.get("additionalProperties") is not False] == []


def test_the_profile_may_say_what_the_contract_knows() -> None:
    spec = schema_of(("profile", "spec"))
    assert sorted(spec["properties"]) == sorted(IngestProfileSpec.model_json_schema()["properties"])


REFUSED: list[tuple[str, Any, str]] = [
    ("watchNamespace", ["media"], "additional properties 'watchNamespace' not allowed"),
    ("operator.sweepSecond", 5, "additional properties 'sweepSecond' not allowed"),
    ("operator.sweepSeconds", 1, "minimum: got 1, want 10"),
    ("clusterWide", "yes", "got string, want boolean"),
    ("watchNamespaces", "media", "got string, want array"),
    ("watchNamespaces", ["Media"], "'Media' does not match pattern"),
    ("images.worker.digest", "sha256:short", "'sha256:short' does not match pattern"),
    ("images.pullPolicy", "Sometimes", "value must be one of 'IfNotPresent', 'Always', 'Never'"),
    ("models.from", "Hub", "value must be one of 'Claim', 'HostPath', 'Image'"),
    ("gpu.count", -1, "minimum: got -1, want 0"),
    ("gpu.resource", "gpu", "'gpu' does not match pattern"),
    ("models.claim.size", "20GB", "'20GB' does not match pattern"),
    ("store.migration.dimensions", [5000], "maximum: got 5,000, want 4,000"),
    ("networkPolicy.media.private", [{"ipBlock": {"cidr": "10.0.0.0"}}], "'10.0.0.0' does not match pattern"),
    ("profile.spec", {"transcription": {"beamSizes": 3}}, "additional properties 'beamSizes' not allowed"),
    ("profile.spec", {"runtime": {"device": "Tpu"}}, "value must be one of 'Auto', 'Cuda', 'Cpu'"),
    ("models.from", "HostPath", "say in models.hostPath which folder of the nodes holds the models"),
    ("models.from", "Image", "say in models.image which image holds the models"),
    ("store.tryOut", {"enabled": True, "image": ""}, "minLength: got 0, want 1"),
    ("models.set", "small", "knows the sets `default` and `multilingual`, and no set `small`"),
    ("models.fetch.enabled", False, "make the claim, fill it, and set models.claim.create to false"),
    ("prepull.enabled", True, "say in gpu.nodeSelector which ones have GPUs"),
    ("monitoring.podMonitor.enabled", True, "name it in networkPolicy.metricsFrom"),
    ("monitoring.serviceMonitor.enabled", True, "name it in networkPolicy.metricsFrom"),
    ("reader.enabled", True, "kubectl -n media create secret generic reader-token"),
    ("reader", {"enabled": True, "auth": "Ingress"}, "name what is in front of it in networkPolicy"),
    ("reader.prefix", "/corpus/", "'/corpus/' does not match pattern"),
    ("reader.prefix", "corpus", "'corpus' does not match pattern"),
    ("serviceAccount.create", False, "say in serviceAccount.name which one the operator uses"),
]


@pytest.mark.parametrize(
    ("path", "value", "said"), REFUSED, ids=[f"{path}={value}" for path, value, _ in REFUSED]
)
def test_a_wrong_value_is_refused_in_a_sentence_that_names_its_place(
    path: str, value: Any, said: str
) -> None:
    with pytest.raises(RefusedByHelm) as refused:
        template(settings={path: value})
    text = str(refused.value)
    assert said in text
    if "does not meet" in text or "don't meet" in text:
        assert f"/{path.rpartition('.')[0].replace('.', '/')}".rstrip("/") in text


@pytest.mark.parametrize("name", CASES)
def test_values_of_an_older_chart_get_the_defaults_of_what_it_did_not_have(name: str, tmp_path: Path) -> None:
    """As after `helm upgrade --reuse-values`, which forgets what values.yaml says now."""
    older = tmp_path / CHART.name
    shutil.copytree(CHART, older)
    (older / "values.yaml").write_text("{}")
    values = CHART / "ci" / f"{name}-values.yaml"
    assert objects_in(template(values, chart=older)) == case(name)


def test_every_template_begins_with_the_defaults() -> None:
    files = [each for each in (CHART / "templates").rglob("*") if each.suffix in (".yaml", ".txt")]
    assert len(files) > 10
    assert [each for each in files if not each.read_text().startswith('{{- include "vio.filled" . ')] == []


def test_a_group_of_values_that_is_null_has_its_defaults_too() -> None:
    assert objects_in(template(settings={"reader": None, "models.claim": None})) == objects_in(template())
    shown = template(EVERYTHING, settings={"reader.service": None, "reader.embedYouTube": None})
    assert "--no-youtube" not in shown
    assert "--no-youtube" in template(EVERYTHING, settings={"reader.embedYouTube": False})
    assert "--model=" not in shown
    assert "--model=e5" in template(EVERYTHING, settings={"reader.model": "e5"})


def test_helm_has_nothing_to_complain_about() -> None:
    run = helm("lint", "--strict", str(CHART))
    assert run.returncode == 0, run.stdout


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(
        RefusedByHelm, match="clusterWide serves every namespace, and watchNamespaces names some"
    ):
        template(settings={"clusterWide": True, "watchNamespaces": ["media"]})
    both = {"monitoring.podMonitor.enabled": True, "monitoring.serviceMonitor.enabled": True}
    with pytest.raises(RefusedByHelm, match="would both scrape the operator: enable one of them"):
        template(settings=both)
    with pytest.raises(RefusedByHelm, match=r"leave store\.migration\.enabled on"):
        template(settings={"store.tryOut.enabled": True, "store.migration.enabled": False})


READING: Json = {"reader.enabled": True, "reader.token.secretName": "reader"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reader.store.name": "video-ingest-store"}, r"video-ingest-store, whose role writes: make a login"),
        ({"reader.store.name": "video-ingest-store-owner"}, r"owner, whose role writes: make a login"),
        ({"reader.ingress.enabled": True}, r"say in reader\.ingress\.host by which name"),
        ({"reader.httpRoute.enabled": True}, r"say in reader\.httpRoute\.parentRefs which Gateway"),
        (
            {"reader.ingress.enabled": True, "reader.ingress.host": "a.example"},
            r"name what is in front of it in networkPolicy\.reader\.from",
        ),
        (
            {"reader.service.type": "LoadBalancer"},
            r"name what is in front of it in networkPolicy\.reader\.from",
        ),
        ({"reader.service.type": "NodePort"}, r"published the addresses of people, as in \[\{ipBlock: "),
        (
            {"reader.auth": "Ingress", "networkPolicy.enabled": False},
            r"every pod of the cluster reads the corpus past it",
        ),
    ],
    ids=lambda each: next(reversed(each)) if isinstance(each, dict) else "",
)
def test_a_reader_that_would_write_or_that_nobody_or_everybody_would_reach_is_refused(
    settings: Json, said: str
) -> None:
    with pytest.raises(RefusedByHelm, match=said):
        template(settings=READING | settings)
