"""Fetching ahead on a real control plane: two Jobs per recording, of which only one asks for a GPU."""

from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import FetchOrder, IngestOrder
from ingest_operator.kube.api.names import FETCH, INDEX, INGEST
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.lives import fails, fetches, hangs, sequence
from testkit.cluster.scene import Scene, final

CACHE = {"claimName": "fetched"}
COUNT = 6


def ahead(scene: Scene, recordings: int = 3) -> None:
    fetch = {"ahead": {"recordings": recordings, "gib": 50}}
    scene.profile(pods={"cache": CACHE}, fetch=fetch)


def kinds(kubelet: RunningKubelet) -> dict[int, list[str]]:
    """What each recording's processes were for, by run."""
    orders = [each for each in kubelet.orders() if isinstance(each, FetchOrder | IngestOrder)]
    return {
        index: [each.kind for each in sorted(orders, key=lambda each: each.run) if each.item.index == index]
        for index in sorted({each.item.index for each in orders})
    }


def wants_gpu(job: dict[str, Any]) -> bool:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return "nvidia.com/gpu" in container["resources"]["limits"]


def test_each_recording_is_fetched_by_a_job_without_a_gpu_and_ingested_by_one_with(scene: Scene) -> None:
    kubelet = scene.play(sequence({}, count=COUNT))
    ahead(scene)
    scene.operate()
    scene.batch(parallelism=2)
    status = scene.until_state("Complete")
    assert kinds(kubelet) == {index: ["Fetch", "Ingest"] for index in range(COUNT)}
    assert status["sums"]["mediaSeconds"] == str(600 * COUNT), "each counts once"
    assert status["fetch"]["cachedMib"] == 0
    limits = {
        role: [
            job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
            for job in scene.jobs(role)
        ]
        for role in (FETCH, INGEST)
    }
    assert ["nvidia.com/gpu" in each for each in limits[FETCH]] == [False] * COUNT
    assert ["nvidia.com/gpu" in each for each in limits[INGEST]] == [True] * COUNT


def test_fetching_goes_as_far_ahead_as_the_profile_says_while_a_gpu_is_busy(scene: Scene) -> None:
    scene.play(sequence({0: [fetches(), hangs()]}, count=COUNT))
    ahead(scene, recordings=3)
    scene.operate()
    scene.batch(parallelism=1)
    status = scene.until(
        lambda status: status["counts"]["running"] == 1 and status["counts"]["fetched"] == 3,
        "one is ingested and three are fetched",
    )
    assert status["counts"]["pending"] == 2
    assert status["fetch"]["cachedMib"] == 40
    assert sorted(int(job["metadata"]["labels"][INDEX]) for job in scene.jobs(FETCH)) == [0, 1, 2, 3]


def test_an_operator_that_starts_again_fetches_nothing_twice(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [fetches(), hangs()]}, count=COUNT))
    ahead(scene)
    first = scene.operate()
    scene.batch(parallelism=1)
    scene.until(lambda status: status["counts"]["fetched"] == 3, "three are fetched")
    first.stop()
    scene.operate()
    scene.until(lambda status: status["counts"]["running"] == 1, "the second looks at it")
    kubelet.finish(0, 2)
    scene.until_state("Complete")
    assert kinds(kubelet) == {index: ["Fetch", "Ingest"] for index in range(COUNT)}


def test_what_nobody_may_have_ends_before_it_asks_for_a_gpu(scene: Scene) -> None:
    kubelet = scene.play(sequence({1: [fails(Reason.PRIVATE)], 2: [fails(Reason.DRM_PROTECTED)]}, count=4))
    ahead(scene)
    scene.operate()
    scene.batch()
    status = scene.until_state("CompleteWithFailures")
    assert final(status) == {"succeeded": 2, "skipped": 1, "failed": 1}
    assert kinds(kubelet) == {0: ["Fetch", "Ingest"], 1: ["Fetch"], 2: ["Fetch"], 3: ["Fetch", "Ingest"]}


def test_what_is_not_in_the_cache_any_more_is_fetched_again_and_charged_to_nobody(scene: Scene) -> None:
    kubelet = scene.play(sequence({0: [fetches(), fails(Reason.NOT_IN_CACHE)]}, count=1))
    ahead(scene)
    scene.operate()
    scene.batch(retry={"backoffSeconds": 0, "maxAttempts": 1})
    scene.until_state("Complete")
    assert kinds(kubelet) == {0: ["Fetch", "Ingest", "Fetch", "Ingest"]}


def test_a_site_that_wants_no_robots_holds_up_no_gpu(scene: Scene) -> None:
    kubelet = scene.play(sequence({2: [fails(Reason.BOT_CHECK)]}, count=4))
    ahead(scene, recordings=2)
    scene.operate()
    scene.batch(parallelism=1)
    scene.until(
        lambda status: status["counts"]["succeeded"] >= 2 and status["counts"]["waiting"] == 1,
        "what is fetched is ingested while the site is left alone",
    )
    scene.until_state("Complete")
    assert kinds(kubelet)[2] == ["Fetch", "Fetch", "Ingest"]


@pytest.mark.parametrize("mode", ["Auto", "Inline"])
def test_without_a_cache_or_against_the_profile_one_job_does_both(scene: Scene, mode: str) -> None:
    kubelet = scene.play(sequence({}, count=2))
    scene.profile(fetch={"mode": mode}, pods={"cache": CACHE} if mode == "Inline" else {})
    scene.operate()
    scene.batch()
    scene.until_state("Complete")
    assert kinds(kubelet) == {0: ["Ingest"], 1: ["Ingest"]}
