"""The reader as a release has it: beside the batches, behind what the values name, ended without cutting
anybody off."""

import pytest

from ingest_reader.__main__ import GRACE_SECONDS
from ingest_reader.api import routes
from ingest_reader.app import PrefixError, application
from ingest_reader.corpus import Corpus
from ingest_reader.guard import Access
from ingest_reader.pages import routes as pages
from ingest_worker.store.reading.pool import STATEMENT_TIMEOUT_SECONDS, ReadingPool
from tests.support.chart import Json, RefusedByHelm, case, objects_in, of_kind, template

READING: Json = {"reader.enabled": True, "reader.token.secretName": "reader"}

OWN = {
    str(getattr(each, "path", "/")).split("/")[1] for each in (*routes.router.routes, *pages.router.routes)
} - {""} | {"healthz", "mcp", "readyz", "static"}
"""How the reader's own paths begin."""


def deployment(objects: list[Json]) -> Json:
    (found,) = of_kind(objects, "Deployment", "-reader")
    return found


def test_a_running_answer_is_ended_before_the_pod_is() -> None:
    spec = deployment(case("everything"))["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert STATEMENT_TIMEOUT_SECONDS < GRACE_SECONDS
    assert pause + GRACE_SECONDS < spec["terminationGracePeriodSeconds"]


def test_every_way_to_it_leads_to_its_service_below_its_prefix() -> None:
    objects = case("everything")
    (service,) = of_kind(objects, "Service", "-reader")
    labels = deployment(objects)["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    (ingress,), (route,) = of_kind(objects, "Ingress"), of_kind(objects, "HTTPRoute")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/corpus", "Prefix")
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/corpus"}}]
    assert rule["backendRefs"] == [{"name": service["metadata"]["name"], "port": 80}]
    assert route["spec"]["parentRefs"] == [{"name": "public"}]
    (container,) = deployment(objects)["spec"]["template"]["spec"]["containers"]
    assert "--prefix=/corpus" in container["args"]
    (check,) = of_kind(objects, "Pod", "-reader-check")
    name = service["metadata"]["name"]
    assert check["spec"]["containers"][0]["args"] == [f"http://{name}.media.svc:80/readyz"]


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_prefix_that_begins_as_an_own_path_does_is_refused_wherever_it_is_said(name: str) -> None:
    corpus = Corpus(ReadingPool("dbname=none"), lambda _: None)
    for prefix in (f"/{name}", f"/{name}/more"):
        with pytest.raises(PrefixError, match=f"begins as this reader's own /{name} does"):
            application(corpus, Access(), prefix)
    for prefix in (f"/{name}-of-ours", f"/corpus/{name}"):
        application(corpus, Access(), prefix)
    with pytest.raises(RefusedByHelm, match=f"begins as the reader's own /{name} does"):
        template(settings=READING | {"reader.prefix": f"/{name}"})


def test_a_prefix_is_refused_by_its_first_name_and_the_whole_of_it() -> None:
    with pytest.raises(RefusedByHelm, match="begins as the reader's own /api does"):
        template(settings=READING | {"reader.prefix": "/api/v1"})
    for prefix in ("/api-of-ours", "/corpus/api"):
        assert f"--prefix={prefix}" in template(settings=READING | {"reader.prefix": prefix})


def test_people_reach_pages_alone_whatever_their_service_is_and_prometheus_has_its_own() -> None:
    published = {"reader.service.type": "LoadBalancer", "reader.service.port": 8301}
    anybody = [{"namespaceSelector": {}}]
    behind = {"networkPolicy.reader.from": anybody, "networkPolicy.metricsFrom": anybody}
    scraped = {"monitoring.serviceMonitor.enabled": True}
    objects = objects_in(template(settings=READING | published | behind | scraped))
    (people,), (metrics,) = (
        of_kind(objects, "Service", "-reader"),
        of_kind(objects, "Service", "-reader-metrics"),
    )
    assert (people["spec"]["type"], metrics["spec"].get("type", "ClusterIP")) == ("LoadBalancer", "ClusterIP")
    assert [(each["name"], each["port"]) for each in people["spec"]["ports"]] == [("http", 8301)]


def test_two_are_spread_and_not_evicted_at_once_and_one_may_be() -> None:
    (budget,) = of_kind(case("everything"), "PodDisruptionBudget")
    two, one = deployment(case("everything")), deployment(case("service-monitor"))
    labels = two["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert "topologySpreadConstraints" in two["spec"]["template"]["spec"]
    assert "topologySpreadConstraints" not in one["spec"]["template"]["spec"]
    assert of_kind(case("service-monitor"), "PodDisruptionBudget") == []


def test_it_is_where_batches_are_and_finds_the_models_that_their_profile_names() -> None:
    theirs = {"profile.spec": {"pods": {"models": {"hostPath": "/srv/models"}}}}
    objects = objects_in(template(settings=READING | theirs | {"watchNamespaces": ["research", "other"]}))
    found = deployment(objects)
    assert found["metadata"]["namespace"] == "research"
    models = found["spec"]["template"]["spec"]["volumes"][0]
    assert models == {"name": "models", "hostPath": {"path": "/srv/models", "type": "Directory"}}


def test_a_store_that_is_not_for_keeps_gets_a_login_that_only_reads() -> None:
    objects = case("everything")
    (scripts,) = of_kind(objects, "ConfigMap", "-try-out")
    assert scripts["data"]["reader.sql"].startswith("create role reader login")
    (secret,) = of_kind(objects, "Secret", "-reader")
    assert secret["stringData"]["dsn"].startswith("postgresql://reader:")
    (migration,) = [each for each in of_kind(objects, "Job") if "-migrate-" in each["metadata"]["name"]]
    (container,) = migration["spec"]["template"]["spec"]["containers"]
    granted = [each for each in container["args"] if each.startswith("--grant-reading=")]
    assert granted == ["--grant-reading=somebody", "--grant-reading=reader"]


def test_a_store_that_is_not_for_keeps_is_the_same_before_a_reader_comes() -> None:
    """Its database is made once, and goes with its pod: neither what makes it nor the pod may change."""
    tried: Json = {"store.tryOut.enabled": True}
    before, after = (objects_in(template(settings=each)) for each in (tried, tried | READING))
    for kind in ("ConfigMap", "Deployment"):
        assert of_kind(before, kind, "-try-out") == of_kind(after, kind, "-try-out")
    (scripts,) = of_kind(before, "ConfigMap", "-try-out")
    assert scripts["data"]["reader.sql"].startswith("create role reader login")


def test_without_a_word_nothing_of_it_is_there() -> None:
    assert [
        each["metadata"]["name"] for each in case("default") if "reader" in each["metadata"]["name"]
    ] == []
