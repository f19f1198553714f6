"""A batch of what is in the store, on a real control plane: Jobs without a GPU, progress and counts like any
batch, and no word about a speed that means nothing."""

import json
from pathlib import Path
from typing import Any

import yaml

from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder, PlanOrder
from ingest_operator.kube.api.names import INGEST, PLAN, RELABEL, ROLE
from testkit.cluster.lives import evicted, fails, sequence, succeeds
from testkit.cluster.scene import Scene, final, rows

COUNT = 5
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "relabel.yaml"
FROM_STORE: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["spec"]
GPU_NODES: dict[str, Any] = {"spec": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}}
PODS: dict[str, Any] = {
    "gpu": {"count": 1},
    "cache": {"claimName": "fetched"},
    "workerTemplate": GPU_NODES,
    "relabel": {"recordings": 2},
}


def test_what_is_in_the_store_is_done_again_without_a_gpu_and_counted_like_any_batch(scene: Scene) -> None:
    lives = {
        1: [fails(Reason.HEARING_NOT_KEPT)],
        3: [fails(Reason.DATABASE_REJECTED), succeeds(media=0)],
    }
    others = {index: [succeeds(media=0)] for index in (0, 2, 4)}
    kubelet = scene.play(sequence(lives | others, count=COUNT))
    scene.profile(pods=PODS)
    scene.operate()
    scene.batch(**FROM_STORE)
    status = scene.until_state("CompleteWithFailures")
    assert final(status) == {"succeeded": COUNT - 1, "skipped": 0, "failed": 1}
    assert [each["reason"] for each in status["failures"]] == ["HearingNotKept"]
    assert "rtf" not in status
    assert status["sums"]["gpuSeconds"] == "0"
    made = [*scene.jobs(INGEST), *scene.jobs(PLAN)]
    assert made
    assert "nvidia" not in json.dumps([job["spec"] for job in made])
    assert {job["spec"]["template"]["metadata"]["labels"][ROLE] for job in made} == {RELABEL}
    told = kubelet.orders()
    assert [order.sources[0].store is not None for order in told if isinstance(order, PlanOrder)] == [True]
    runs = [order for order in told if isinstance(order, IngestOrder)]
    assert {(each.from_store, each.runtime.device, each.place.cache) for each in runs} == {
        (True, "cpu", None)
    }
    assert sorted((each.item.index, each.run) for each in runs) == [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 1),
        (3, 2),
        (4, 1),
    ]


def test_what_is_interrupted_goes_on_and_nothing_is_lost_or_counted_twice(scene: Scene) -> None:
    lives = {0: [evicted(), succeeds(media=0)]} | {1: [succeeds(media=0)]}
    scene.play(sequence(lives, count=2))
    scene.profile(pods=PODS | {"relabel": {"recordings": 1}})
    scene.operate()
    scene.batch(**FROM_STORE)
    status = scene.until_state("Complete")
    assert final(status) == {"succeeded": 2, "skipped": 0, "failed": 0}
    assert rows(status)[0].get("chargedAttempts", 0) == 0
