"""Helm itself with the chart on a real API server that knows nothing of us yet: install, upgrade, uninstall,
install again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from testkit.cluster.client import Refused
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.program import until
from tests.support.chart import CHART, NAMESPACE, RELEASE, Json, helm

pytestmark = pytest.mark.control_plane

KINDS = ("ingestbatches", "ingestprofiles", "ingestschedules", "speakerprofiles")
BATCH: Json = {
    "apiVersion": "video-ingest.dev/v1alpha1",
    "kind": "IngestBatch",
    "metadata": {"name": "talks", "namespace": NAMESPACE},
    "spec": {"sources": [{"url": "https://media.example.org/talks"}]},
}


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """A control plane without our definitions."""
    with starting() as plane:
        yield plane


def carried_out(plane: ControlPlane, *arguments: str) -> str:
    run = helm(*arguments, f"--namespace={NAMESPACE}", kubeconfig=plane.kubeconfig)
    assert run.returncode == 0, run.stderr
    return run.stdout


def install(plane: ControlPlane, *settings: str, chart: Path = CHART) -> str:
    """Without `--wait`: nothing runs pods here, so nothing would ever be ready."""
    return carried_out(plane, "upgrade", "--install", RELEASE, str(chart), "--create-namespace", *settings)


def first_install(plane: ControlPlane) -> str:
    """In a cluster that serves none of our kinds, without `--wait`: once, as a person does it."""
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=plane.kubeconfig)
    for kind in KINDS:
        plane.admin.send(
            "DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.video-ingest.dev"
        )
    until(lambda: not served(plane), "none of our kinds is served")
    return carried_out(plane, "install", RELEASE, str(CHART), "--create-namespace")


def served(plane: ControlPlane) -> set[str]:
    """The plurals of our group that can be asked for."""
    status, body = plane.admin.send("GET", "/apis/video-ingest.dev/v1alpha1")
    return {each["name"] for each in json.loads(body)["resources"]} if status == 200 else set()


def jobs(plane: ControlPlane) -> set[str]:
    return {
        each["metadata"]["name"]
        for each in plane.admin.get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")["items"]
    }


def delete_migration(plane: ControlPlane) -> None:
    (name,) = {name for name in jobs(plane) if "-migrate-" in name}
    plane.admin.send(
        "DELETE", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}?propagationPolicy=Background"
    )
    until(lambda: name not in jobs(plane), "the migration's Job is gone")


def profile(plane: ControlPlane) -> Json:
    return plane.admin.get(f"/apis/video-ingest.dev/v1alpha1/namespaces/{NAMESPACE}/ingestprofiles/default")


def test_a_release_lives_and_leaves_what_must_stay(bare: ControlPlane) -> None:
    notes = first_install(bare)
    assert f"helm test {RELEASE} -n {NAMESPACE}" in notes
    assert profile(bare)["spec"]["pods"]["image"] == "video-ingest-worker:0.1.0"
    first = jobs(bare)
    assert len(first) == 2

    batch = bare.admin.create(BATCH)
    install(bare, "--set=operator.sweepSeconds=60")
    before = profile(bare)
    assert jobs(bare) == first
    delete_migration(bare)
    install(bare, "--reuse-values")
    assert jobs(bare) == first, "one that was deleted so that it runs again is made again"
    assert "IngestProfile" in carried_out(bare, "get", "manifest", RELEASE)

    install(bare, "--set=worker.cpus=8", "--set=images.workerLight.tag=0.2.0")
    assert profile(bare)["metadata"]["uid"] == before["metadata"]["uid"]
    assert profile(bare)["spec"]["pods"]["cpus"] == 8
    assert len(jobs(bare)) == 2
    assert jobs(bare) & first == set()

    carried_out(bare, "rollback", RELEASE, "3")
    assert jobs(bare) == first
    assert profile(bare)["spec"]["pods"]["cpus"] == 4

    carried_out(bare, "uninstall", RELEASE)
    assert bare.admin.get(bare.admin.path_of(BATCH))["metadata"]["uid"] == batch["metadata"]["uid"]
    bare.admin.get(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/video-ingest-models")
    with pytest.raises(Refused, match="not found"):
        bare.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}")

    install(bare)
    assert profile(bare)["spec"]["pods"]["cpus"] == 4
    assert json.loads(carried_out(bare, "list", "--output=json"))[0]["status"] == "deployed"
    assert bare.admin.get(bare.admin.path_of(BATCH))["metadata"] == batch["metadata"]


def test_the_profile_is_what_the_values_of_a_revision_say_whatever_the_way_to_it(bare: ControlPlane) -> None:
    """Its life begins as a hook, when nobody serves its kind yet."""

    def cpus() -> int:
        return int(profile(bare)["spec"]["pods"]["cpus"])

    first_install(bare)
    install(bare, "--set=worker.cpus=2")
    assert cpus() == 2, "the first upgrade changes what the hook had made"
    install(bare, "--set=worker.cpus=3")
    assert cpus() == 3
    for revision, expected in (("1", 4), ("3", 3), ("2", 2), ("1", 4), ("2", 2)):
        carried_out(bare, "rollback", RELEASE, revision)
        assert cpus() == expected, f"revision {revision}"
    for way_there in ("1", "2"):
        carried_out(bare, "rollback", RELEASE, way_there)
        carried_out(bare, "uninstall", RELEASE)
        assert cpus() > 0, "batches are left, and with them what they use"
        install(bare, "--set=worker.cpus=5")
        assert cpus() == 5, "what an uninstall had left is replaced"
        install(bare, "--set=worker.cpus=4")
    uid = profile(bare)["metadata"]["uid"]
    install(bare, "--set=worker.cpus=6")
    assert (cpus(), profile(bare)["metadata"]["uid"]) == (6, uid), (
        "an upgrade changes it and puts no other in its place"
    )


def next_chart(folder: Path) -> Path:
    """The chart of a version to come: its profile has a field more, and a value for it."""
    chart = Path(shutil.copytree(CHART, folder / CHART.name))
    path = chart / "files" / "crds" / "ingestprofiles.yaml"
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    fields = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"][
        "properties"
    ]
    fields["pods"]["properties"]["colour"] = {"type": "string", "default": "grey"}
    path.write_text(yaml.safe_dump(definition), encoding="utf-8")
    template = chart / "templates" / "profile.yaml"
    text, cpus = template.read_text(encoding="utf-8"), "  cpus: {{ .Values.worker.cpus }}\n"
    assert cpus in text
    template.write_text(text.replace(cpus, f"{cpus}  colour: red\n"), encoding="utf-8")
    return chart


def test_a_field_that_comes_with_the_next_chart_is_in_the_profile_after_every_way_to_it(
    bare: ControlPlane, tmp_path: Path
) -> None:
    """The API server drops a field that comes before its definition, and Helm never sends it again."""

    def pods() -> Json:
        found: Json = profile(bare)["spec"]["pods"]
        return found

    chart = next_chart(tmp_path)
    first_install(bare)
    install(bare, chart=chart)
    assert pods()["colour"] == "red", "the first upgrade brings it"
    for revision, expected in (("1", None), ("2", "red")):
        carried_out(bare, "rollback", RELEASE, revision)
        assert pods().get("colour") == expected, f"revision {revision}"
    install(bare)
    assert "colour" not in pods()
    install(bare, "--set=worker.cpus=3", chart=chart)
    assert (pods()["colour"], pods()["cpus"]) == ("red", 3), "and the next one, with what it changes besides"
    uid = profile(bare)["metadata"]["uid"]
    install(bare, "--set=worker.cpus=5", chart=chart)
    assert (pods()["colour"], pods()["cpus"], profile(bare)["metadata"]["uid"]) == ("red", 5, uid)
    carried_out(bare, "uninstall", RELEASE)
    install(bare)
    install(bare, chart=chart)
    assert pods()["colour"] == "red", "over what an uninstall has left"


def test_a_reader_comes_and_goes_with_its_value_and_the_notes_say_where_it_is(bare: ControlPlane) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}-reader"
    settings = (
        "--set=reader.enabled=true",
        "--set=reader.token.secretName=reader",
        "--set=reader.prefix=/corpus",
    )
    notes = install(bare, *settings)
    assert f"http://{RELEASE}-reader.{NAMESPACE}.svc:80/corpus/" in notes
    assert f"port-forward service/{RELEASE}-reader 8300:80" in notes
    assert bare.admin.get(path)["spec"]["replicas"] == 1
    assert "port-forward" not in install(bare, "--set=reader.enabled=false")
    with pytest.raises(Refused, match="not found"):
        bare.admin.get(path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_definitions_that_the_chart_installs_are_those_of_the_project(
    bare: ControlPlane, kind: str
) -> None:
    install(bare)
    found = bare.admin.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.video-ingest.dev")
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    given = bare.admin.apply(
        yaml.safe_load((CHART.parents[1] / "crds" / f"{kind}.yaml").read_text(encoding="utf-8")), dryRun="All"
    )
    assert given["spec"] == found["spec"]
