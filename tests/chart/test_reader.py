"""The reader as a release has it: beside the batches, behind what the values name, ended without cutting
anybody off."""

from ingest_reader.__main__ import GRACE_SECONDS
from ingest_worker.store.reading.pool import STATEMENT_TIMEOUT_SECONDS
from tests.support.chart import Json, case, objects_in, of_kind, template

READING: Json = {"reader.enabled": True, "reader.token.secretName": "reader"}


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


def test_without_a_word_nothing_of_it_is_there() -> None:
    assert [
        each["metadata"]["name"] for each in case("default") if "reader" in each["metadata"]["name"]
    ] == []
