"""What somebody takes from a batch while it is at work:
its Jobs, their labels, their pods, what they are told."""

from dataclasses import replace

import pytest

from ingest_operator.core import retries
from ingest_operator.kube import requeueing
from ingest_operator.kube.api.names import BATCH_UID, INGEST, MANAGED_BY, PLAN, ROLE
from testkit.cluster.client import Json
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.life import Life, Script
from testkit.cluster.lives import deaf, hangs, is_plan, plans, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, condition, final, rows, stalled_by
from testkit.objects.builders import items


def the_job(scene: Scene, ending: str) -> Json:
    """The Job whose name ends so, as soon as it is there."""
    path = f"/apis/batch/v1/namespaces/{scene.namespace}/jobs"
    found: list[Json] = []

    def there() -> bool:
        named = [job for job in scene.admin.get(path)["items"] if job["metadata"]["name"].endswith(ending)]
        found[:] = [job for job in named if ("-plan-" in job["metadata"]["name"]) is ("-plan-" in ending)]
        return bool(found)

    until(there, f"there is a Job {ending}")
    return {"apiVersion": "batch/v1", "kind": "Job"} | found[0]


def looked_at(scene: Scene, parallelism: int) -> Json:
    """The status after a look that began later than this."""
    generation = scene.change(parallelism=parallelism)["metadata"]["generation"]
    return scene.until(lambda status: status["observedGeneration"] == generation, "it was looked at")


def plan_runs(*plan_lives: Life) -> Script:
    """The pods of plan Jobs live so, by the number at the end of their Job's name: a Job that is deleted
    before its pod was seen takes no life from the next."""
    otherwise = sequence({})

    def choose(pod: Json) -> Life:
        if not is_plan(pod):
            return otherwise(pod)
        number = int(pod["metadata"]["labels"]["batch.kubernetes.io/job-name"].rsplit("-", 1)[1])
        return plan_lives[number - 1]

    return choose


def test_plan_jobs_that_vanish_wait_longer_each_time_and_are_reported(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DISRUPTION_WAIT_SECONDS", 5.0)
    scene.play(plan_runs(hangs(), hangs(), plans(items(3))))
    scene.operate()
    scene.batch()
    for number in (1, 2):
        scene.admin.delete(
            scene.admin.path_of(the_job(scene, f"-plan-0-{number}")), propagationPolicy="Background"
        )
    message = scene.until_stalled("JobVanished")["message"]
    assert "2 plan Jobs were deleted before their plan was read" in message
    assert "Planning is tried again at" in message
    assert scene.jobs(PLAN) == []
    until(lambda: any("JobVanished" in note for note in scene.events("Stalled")), "an Event says so")
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], stalled_by(status)) == (3, None)


def test_a_job_that_vanishes_again_and_again_is_reported_and_holds_up_nobody_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DISRUPTION_WAIT_SECONDS", 5.0)
    kubelet = scene.play(sequence({0: [hangs(), hangs()]}))
    scene.operate()
    scene.batch(parallelism=1)
    for number in (1, 2):
        kubelet.until_running(0, number)
        scene.until(
            lambda status, one=number: rows(status).get(0, {}).get("run") == one, "it is known to run"
        )
        scene.admin.delete(
            scene.admin.path_of(the_job(scene, f"-0-{number}")), propagationPolicy="Background"
        )
    assert (
        "The Job of 1 recording was deleted before it was over"
        in scene.until_stalled("JobVanished")["message"]
    )
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], stalled_by(status)) == (3, None)
    assert sorted(kubelet.runs()) == [(0, 1), (0, 2), (0, 3), (1, 1), (2, 1)]
    assert kubelet.runs()[-1] == (0, 3), "nobody waited for it"


def test_a_pod_that_is_left_without_its_job_is_ended_before_its_recording_is_tried_again(
    scene: Scene,
) -> None:
    scene.profile(pods={"template": {"spec": {"terminationGracePeriodSeconds": 3}}})
    kubelet = scene.play(sequence({0: [deaf()]}, count=1))
    scene.operate()
    scene.batch()
    kubelet.until_running(0, 1)
    scene.until(lambda status: status["counts"]["running"] == 1, "it is known to run")
    scene.admin.delete(scene.admin.path_of(the_job(scene, "-0-1")), propagationPolicy="Orphan")
    assert "ran on without its Job" in scene.until_stalled("JobOrphaned")["message"]
    looked_at(scene, 3)
    pods = [pod for pod in scene.pods() if pod["metadata"]["labels"][ROLE] == INGEST]
    assert ["deletionTimestamp" in pod["metadata"] for pod in pods] == [True]
    assert kubelet.runs() == [(0, 1)], "nobody else works on it meanwhile"
    assert final(scene.until_state("Complete")) == {"succeeded": 1, "skipped": 0, "failed": 0}
    assert kubelet.runs() == [(0, 1), (0, 2)]


@pytest.mark.parametrize(
    "labels",
    [{MANAGED_BY: "Helm"}, {MANAGED_BY: "Helm", BATCH_UID: None, ROLE: None}],
    ids=["adopted", "stripped"],
)
def test_jobs_that_are_relabelled_are_the_batchs_all_the_same(
    scene: Scene, labels: dict[str, str | None]
) -> None:
    """Who manages a Job selects nothing: `adopted` guards the watches' selectors. What they select by is gone
    from `stripped`, so its Jobs are asked for by name."""
    kubelet = scene.play(sequence({0: [hangs()]}, plan=replace(plans(items(2)), seconds=3.0), count=2))
    scene.operate()
    scene.batch(parallelism=1)
    scene.admin.merge(scene.admin.path_of(the_job(scene, "-plan-0-1")), {"metadata": {"labels": labels}})
    kubelet.until_running(0, 1)
    scene.admin.merge(scene.admin.path_of(the_job(scene, "-0-1")), {"metadata": {"labels": labels}})
    assert looked_at(scene, 2)["counts"]["running"] >= 1
    kubelet.until_running(0, 1)
    kubelet.finish(0, 1)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], condition(status, "Stalled")["status"]) == (2, "False")
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1)]


def test_what_jobs_share_of_their_orders_is_made_again_for_those_that_start_and_for_one_that_waits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    kubelet = scene.play(sequence({0: [hangs()], 1: [hangs()]}), gpus=1)
    scene.operate()
    scene.batch(parallelism=1)
    kubelet.until_running(0, 1)
    scene.change(parallelism=2)
    the_job(scene, "-1-1")  # there is no GPU for it yet, and it will be the last to start but one
    take_the_order(scene, kubelet)
    kubelet.finish(0, 1)
    kubelet.until_running(1, 1)
    the_job(scene, "-2-1")  # the last one: nothing starts after it
    take_the_order(scene, kubelet)
    kubelet.finish(1, 1)
    assert final(scene.until_state("Complete"))["succeeded"] == 3
    assert sorted(kubelet.runs()) == [(0, 1), (1, 1), (2, 1)]


def test_a_pod_whose_order_only_another_profile_could_make_again_gives_way_to_one_with_todays_order(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    kubelet = scene.play(sequence({0: [hangs()]}, count=2), gpus=1)
    scene.operate()
    scene.batch(parallelism=1)
    kubelet.until_running(0, 1)
    scene.change(parallelism=2)
    the_job(scene, "-1-1")  # there is no GPU for it yet
    generation = scene.status()["profile"]["generation"]
    scene.profile(runtime={"transcriptionBatch": 2})
    scene.until(lambda status: status["profile"]["generation"] > generation, "the new profile is known")
    take_the_order(scene, kubelet)
    kubelet.finish(0, 1)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], stalled_by(status)) == (2, None)
    assert sorted(kubelet.runs()) == [(0, 1), (1, 2)]
    assert (rows(status)[1]["chargedAttempts"], rows(status)[1].get("disruptions")) == (0, None)


def test_a_refused_order_holds_up_a_batch_only_until_it_can_be_made_though_nothing_starts_after_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 1.0)
    kubelet = scene.play(sequence({}, otherwise=hangs(), count=2), gpus=1)
    scene.operate()
    scene.batch(parallelism=2)
    until(lambda: len(kubelet.runs()) == 1, "one of them has the GPU")
    ((first, _),) = kubelet.runs()
    other = 1 - first
    the_job(scene, f"-{other}-1")  # the last one: nothing starts after it
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}}
    scene.apply(quota | {"spec": {"hard": {"count/configmaps": "1"}}})
    path = f"/api/v1/namespaces/{scene.namespace}/resourcequotas/team"
    until(lambda: scene.admin.get(path).get("status", {}).get("used"), "the quota holds")
    take_the_order(scene, kubelet)
    kubelet.finish(first, 1)
    scene.until_stalled("QuotaExceeded")
    scene.admin.delete(path)
    kubelet.until_running(other, 1)
    scene.until(lambda status: stalled_by(status) is None, "nothing is in its way any more")
    kubelet.finish(other, 1)
    assert final(scene.until_state("Complete"))["succeeded"] == 2


def take_the_order(scene: Scene, kubelet: RunningKubelet) -> None:
    path = f"/api/v1/namespaces/{scene.namespace}/configmaps"
    (found,) = [
        each
        for each in scene.admin.get(path)["items"]
        if each["metadata"].get("labels", {}).get(ROLE) == INGEST
    ]
    scene.admin.delete(f"{path}/{found['metadata']['name']}")
    kubelet.forget_maps()
