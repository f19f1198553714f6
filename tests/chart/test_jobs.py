"""Jobs and hooks of a release: where they run, and when they are other objects."""

import pytest

from ingest_contract.profile import IngestProfile
from ingest_worker.models import Role, load_set
from tests.support.chart import NAMESPACE, RELEASE, case, objects_in, of_kind, pods_in, template


def test_jobs_run_where_their_values_say_and_a_label_of_theirs_makes_another_job() -> None:
    placed = {
        "nodeSelector": {"pool": "gpus"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "priorityClassName": "batch",
    }
    settings = {f"jobs.{name}": value for name, value in placed.items()} | {"store.tryOut.enabled": True}
    specs = {
        which: spec
        for which, spec in pods_in(objects_in(template(settings=settings))).items()
        if which.startswith("Job/") or "try-out" in which
    }
    assert len(specs) == 3
    for which, spec in specs.items():
        assert {name: spec[name] for name in placed} == placed, which
    labelled = template(settings=settings | {"jobs.podLabels": {"sidecar.istio.io/inject": "false"}})
    jobs = of_kind(objects_in(labelled), "Job")
    assert all(
        job["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false" for job in jobs
    )
    assert {f"Job/{NAMESPACE}/{job['metadata']['name']}" for job in jobs}.isdisjoint(specs)


def test_a_job_that_is_done_is_another_object_when_its_work_changes_and_the_same_when_it_does_not() -> None:
    def names(**settings: object) -> dict[str, str]:
        jobs = of_kind(objects_in(template(settings=settings)), "Job")
        return {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: each["metadata"]["name"]
            for each in jobs
        }

    first = names()
    assert first == names(**{"operator.sweepSeconds": 60})
    migrated = names(**{"store.migration.dimensions": [384]})
    assert (first["migrate"] != migrated["migrate"], first["fetch"] == migrated["fetch"]) == (True, True)
    newer = names(**{"images.workerLight.tag": "0.2.0"})
    assert all(first[component] != newer[component] for component in ("migrate", "fetch"))


def test_the_profile_is_a_hook_only_as_long_as_nobody_serves_its_kind() -> None:
    (first,) = of_kind(objects_in(template(served=("v1",))), "IngestProfile")
    (later,) = of_kind(case("default"), "IngestProfile")
    annotations = first["metadata"]["annotations"]
    assert annotations.pop("helm.sh/hook") == "post-install,post-rollback"
    assert annotations.pop("helm.sh/hook-delete-policy") == "before-hook-creation"
    assert first == later
    assert annotations == {
        "meta.helm.sh/release-name": RELEASE,
        "meta.helm.sh/release-namespace": NAMESPACE,
        "helm.sh/resource-policy": "keep",
    }


def test_definitions_that_are_to_be_there_already_are_asked_for_by_helm_and_not_by_the_chart() -> None:
    (profile,) = of_kind(
        objects_in(template(served=("v1",), settings={"crds.install": False})), "IngestProfile"
    )
    assert "helm.sh/hook" not in profile["metadata"]["annotations"]


@pytest.mark.parametrize("name", ["default", "multilingual"])
def test_the_profile_of_the_chart_names_models_of_its_set(name: str) -> None:
    objects = objects_in(template(settings={"models.set": name}))
    spec = IngestProfile.from_object(of_kind(objects, "IngestProfile")[0]).spec
    there = {(model.role, model.name) for model in load_set(name).models}
    assert spec.model_set == name
    assert {
        (Role.TRANSCRIPTION, spec.transcription.model),
        (Role.DIARIZATION, spec.diarization.model),
        (Role.EMBEDDING, spec.embedding.model),
    } <= there
    (fetching,) = (
        each
        for each in of_kind(objects, "Job")
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "fetch"
    )
    assert name in fetching["spec"]["template"]["spec"]["containers"][0]["args"]
