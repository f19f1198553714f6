"""The overlays on a real API server: they are accepted, applied again they change nothing, and the operator's
writes are no drift."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.documents import KINDS
from testkit.cluster.binaries import program
from testkit.cluster.control_plane import ControlPlane
from tests.gitops.states import BATCHES
from tests.support.chart import objects_in, of_kind, template

GITOPS = Path(__file__).parents[2] / "examples" / "gitops"
OVERLAYS = ("staging", "production")

Json = dict[str, Any]


def built(overlay: str) -> list[Json]:
    run = subprocess.run(
        [program("kubectl"), "kustomize", str(GITOPS / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(yaml.safe_load_all(run.stdout))


@pytest.fixture
def overlay(tmp_path: Path, namespace: str) -> Path:
    """The production overlay in the namespace of the test."""
    documents = [
        each | {"metadata": each["metadata"] | {"namespace": namespace}} for each in built("production")
    ]
    path = tmp_path / "production.yaml"
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return path


def stored(plane: ControlPlane, namespace: str) -> dict[str, Json]:
    listed = json.loads(
        plane.kubectl("get", "ingest", "-n", namespace, "-o", "json", "--show-managed-fields").stdout
    )["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in listed}


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_made_of_valid_documents_of_its_environment(name: str) -> None:
    documents = built(name)
    assert sorted(each["kind"] for each in documents) == ["IngestBatch", "IngestProfile", "IngestSchedule"]
    for each in documents:
        assert KINDS[each["kind"]].from_object(each)
        assert each["metadata"]["labels"]["video-ingest.example.org/environment"] == name
    assert len({each["metadata"]["namespace"] for each in documents}) == 1


def test_both_tools_install_the_chart_with_values_that_it_has(tmp_path: Path) -> None:
    (_, release), (application,) = (
        list(yaml.safe_load_all((GITOPS / tool / "operator.yaml").read_text())) for tool in ("flux", "argocd")
    )
    values = release["spec"]["values"]
    assert values == application["spec"]["source"]["helm"]["valuesObject"]
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    made = objects_in(template(path))
    namespaces = {built(name)[0]["metadata"]["namespace"] for name in OVERLAYS}
    assert {role["metadata"]["namespace"] for role in of_kind(made, "Role")} == namespaces
    assert of_kind(made, "IngestProfile") == [], "the overlays bring it"
    for overlay in OVERLAYS:
        (profile,) = of_kind(built(overlay), "IngestProfile")
        assert all(
            profile["spec"]["pods"][image].startswith(f"{values['images']['registry']}/")
            for image in ("image", "planImage")
        )


def test_the_two_environments_do_not_share_a_namespace() -> None:
    assert len({built(name)[0]["metadata"]["namespace"] for name in OVERLAYS}) == 2


@pytest.mark.parametrize("how", [("apply",), ("apply", "--server-side")], ids=" ".join)
def test_applying_again_changes_nothing(
    control_plane: ControlPlane, namespace: str, overlay: Path, how: tuple[str, ...]
) -> None:
    looks = []
    for _ in range(3):
        control_plane.kubectl(*how, "-f", str(overlay))
        looks.append(stored(control_plane, namespace))
    assert len(looks[0]) == 3
    assert [without_version(each) for each in looks] == [without_version(looks[0])] * 3
    assert looks[2] == looks[1]


def without_version(objects: dict[str, Json]) -> dict[str, Json]:
    """As a person sees them. The first write after the creation gives a new version to what looks the same:
    only then does the API server write down the status that it has filled in since."""
    about = {
        name: {k: v for k, v in each["metadata"].items() if k != "resourceVersion"}
        for name, each in objects.items()
    }
    return {name: each | {"metadata": about[name]} for name, each in objects.items()}


@pytest.mark.parametrize("state", ["running", "complete with failures"])
def test_what_the_operator_writes_is_no_drift(
    control_plane: ControlPlane, namespace: str, overlay: Path, state: str
) -> None:
    for _ in range(2):
        control_plane.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", str(overlay))
    batch = stored(control_plane, namespace)["IngestBatch/backfill-2024"]
    control_plane.admin.request(
        "PUT", f"{control_plane.admin.path_of(batch)}/status", batch | {"status": BATCHES[state]["status"]}
    )
    written = stored(control_plane, namespace)
    assert written["IngestBatch/backfill-2024"]["status"]["state"] == BATCHES[state]["status"]["state"]

    compared = control_plane.kubectl(
        "diff", "--server-side", "--field-manager=gitops", "-f", str(overlay), check=False
    )
    assert (compared.returncode, compared.stdout) == (0, ""), compared.stderr
    control_plane.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", str(overlay))
    assert stored(control_plane, namespace) == written


def test_a_change_in_git_would_be_seen_as_one(control_plane: ControlPlane, overlay: Path) -> None:
    control_plane.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", str(overlay))
    overlay.write_text(
        overlay.read_text(encoding="utf-8").replace("parallelism: 8", "parallelism: 9"), encoding="utf-8"
    )
    compared = control_plane.kubectl(
        "diff", "--server-side", "--field-manager=gitops", "-f", str(overlay), check=False
    )
    assert (compared.returncode, "parallelism: 9" in compared.stdout) == (1, True)


def test_what_may_not_change_is_refused_in_a_sentence(control_plane: ControlPlane, overlay: Path) -> None:
    control_plane.kubectl("apply", "-f", str(overlay))
    overlay.write_text(
        overlay.read_text(encoding="utf-8").replace("@channel/videos", "@another/videos"), encoding="utf-8"
    )
    refused = control_plane.kubectl("apply", "-f", str(overlay), check=False)
    assert refused.returncode != 0
    assert "sources may be added behind the others, never removed, changed or moved" in refused.stderr
