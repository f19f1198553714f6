"""A setup that is broken, and mended: the batch says what is wrong, charges nobody, and goes on by itself."""

from ingest_contract.order import IngestOrder
from testkit.cluster.life import Life, Script
from testkit.cluster.lives import hangs, image_missing, sequence
from testkit.cluster.scene import STORE, Scene, final, rows, stalled_by


def test_without_its_profile_a_batch_is_stalled_until_somebody_makes_it(scene: Scene) -> None:
    kubelet = scene.play()
    scene.operate()
    scene.batch(profileRef={"name": "later"})
    assert "there is no IngestProfile 'later'" in scene.until_stalled("ProfileMissing")["message"]
    assert scene.left() == []
    scene.profile("later")
    scene.until_state("Complete")
    assert kubelet.runs() == [(0, 1), (1, 1), (2, 1)]


def test_without_its_secret_nothing_begins_until_somebody_makes_it(scene: Scene) -> None:
    scene.admin.delete(f"/api/v1/namespaces/{scene.namespace}/secrets/{STORE.name}")
    kubelet = scene.play()
    scene.operate()
    scene.batch()
    stalled = scene.until_stalled("PodMisconfigured")
    assert f'secret "{STORE.name}" not found' in stalled["message"]
    scene.secret()
    status = scene.until_state("Complete")
    assert stalled_by(status) is None
    assert kubelet.runs() == [(0, 1), (1, 1), (2, 1)]


def without_image(good: str) -> Script:
    """Every pod waits for its image unless it is the good one."""
    healthy = sequence({})

    def choose(pod: dict) -> Life:
        image = pod["spec"]["containers"][0]["image"]
        return healthy(pod) if image == good else image_missing(image)

    return choose


def test_an_image_that_is_not_there_stalls_planning_until_the_profile_names_another(scene: Scene) -> None:
    scene.profile(pods={"image": "worker:typo"})
    scene.play(without_image("worker:1"))
    scene.operate()
    scene.batch()
    assert 'failed to resolve reference "worker:typo"' in scene.until_stalled("ImageUnavailable")["message"]
    scene.profile(pods={"image": "worker:1"})
    status = scene.until_state("Complete")
    assert {(row["run"], row.get("chargedAttempts", 0)) for row in rows(status).values()} == {(1, 0)}


def test_an_image_only_workers_lack_stalls_the_batch_charges_nobody_and_is_probed_when_the_profile_is_fixed(
    scene: Scene,
) -> None:
    scene.profile(pods={"image": "worker:typo", "planImage": "worker:1", "startDeadlineSeconds": 3600})
    scene.play(without_image("worker:1"))
    scene.operate()
    scene.batch(parallelism=2)
    status = scene.until(
        lambda status: stalled_by(status) == "ImageUnavailable" and status["counts"]["running"] == 2,
        "both wait",
    )
    assert "Check its name" in str(status["conditions"])
    scene.profile(pods={"image": "worker:1", "startDeadlineSeconds": 1})
    status = scene.until_state("Complete")
    assert final(status) == {"succeeded": 3, "skipped": 0, "failed": 0}
    assert {row.get("chargedAttempts", 0) for row in rows(status).values()} == {0}


def test_a_template_that_is_none_stalls_the_batch_with_the_place_until_it_is_fixed(scene: Scene) -> None:
    scene.profile(pods={"template": {"spec": {"tolerations": "all"}}})
    scene.play()
    scene.operate()
    scene.batch()
    assert (
        "profile's pods.template.spec.tolerations: must be a list"
        in scene.until_stalled("TemplateInvalid")["message"]
    )
    scene.profile()
    scene.until_state("Complete")


def test_a_template_that_the_api_server_refuses_stalls_the_batch_with_its_words_until_it_is_fixed(
    scene: Scene,
) -> None:
    scene.profile(pods={"template": {"spec": {"nodeSelector": {"not a label": "x"}}}})
    scene.play()
    scene.operate()
    scene.batch()
    assert "name part must consist of alphanumeric characters" in scene.until_stalled("Invalid")["message"]
    scene.profile()
    scene.until_state("Complete")


def test_a_batch_keeps_the_pipeline_that_it_was_planned_with_and_says_that_its_profile_has_another(
    scene: Scene,
) -> None:
    scene.profile(modelSet="one", pods={"image": "worker:1"})
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate()
    scene.batch()
    kubelet.until_running(0, 1)
    before = scene.status()["profile"]
    assert before["differs"] is False
    scene.profile(modelSet="two", pods={"image": "worker:2"})
    status = scene.until(lambda status: status["profile"].get("differs"), "it says that its profile differs")
    assert status["profile"]["generation"] == before["generation"] + 1
    kubelet.finish(0, 1)
    scene.until_state("Complete")
    orders = [order for order in kubelet.orders() if isinstance(order, IngestOrder)]
    assert [order.settings.model_set for order in orders] == ["one", "one", "one"]
    images = {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in scene.jobs()}
    assert images == {"worker:1", "worker:2"}
