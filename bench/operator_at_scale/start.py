"""From the start of the operator's process to its first write, with a thousand Jobs running and ten thousand
recordings behind it."""

import time
from datetime import datetime
from statistics import median
from typing import Any, Final

from bench.operator_at_scale.recorded import record
from testkit.cluster.audit import Request
from testkit.cluster.kubelet import RunningKubelet
from testkit.scale.process import RunningOperator
from testkit.scale.scene import Scene, cluster
from testkit.scale.talks import script

RUNNING: Final = 100
"""Of each batch."""

SIZES: Final = {"all-years": 10_000} | {f"year-{number}": 250 for number in range(1, 10)}
LEFT: Final = 50
"""Recordings of each batch that nobody has tried: there is something to do next."""

REPEATS: Final = 5

Started = tuple[float, float, float]
"""Seconds until the first write, seconds until every batch had one, processor seconds until then."""


def measured() -> dict[str, Any]:
    """The row's figures."""
    with cluster() as plane:
        scene = Scene.made(plane)
        sizes = {f"{scene.namespace}/{name}": count for name, count in SIZES.items()}
        with RunningKubelet(plane, script(sizes, lambda: None), namespace=scene.namespace) as kubelet:
            with RunningOperator(plane, scene.namespace):
                for name in SIZES:
                    scene.make(name, parallelism=RUNNING)
                scene.until(
                    lambda: running(scene) == RUNNING * len(SIZES),
                    "until all Jobs run",
                    lambda: str(running(scene)),
                )
            for name, count in SIZES.items():
                record(scene, name, range(RUNNING, count - LEFT))
            recorded = sum(scene.counts(name)["succeeded"] for name in SIZES)
            starts = [_start(scene, kubelet, number) for number in range(REPEATS)]
    first, every, cpu = zip(*starts, strict=True)
    return {
        "live_jobs": RUNNING * len(SIZES),
        "recorded": recorded,
        "repeats": REPEATS,
        "first_write_median_seconds": round(median(first), 2),
        "first_write_max_seconds": round(max(first), 2),
        "every_batch_median_seconds": round(median(every), 2),
        "every_batch_max_seconds": round(max(every), 2),
        "cpu_seconds_until_every_batch": round(median(cpu), 2),
    }


def running(scene: Scene) -> int:
    """Pods under way, as the statuses tell."""
    return sum(scene.counts(name).get("running", 0) for name in SIZES)


def _start(scene: Scene, kubelet: RunningKubelet, number: int) -> Started:
    """While nobody looks, one recording of each batch ends; then how long the operator takes."""
    for name in SIZES:
        kubelet.finish(number, 1, batch=f"{scene.namespace}/{name}")
    time.sleep(2)
    began = time.time()
    with RunningOperator(scene.plane, scene.namespace) as operator:

        def firsts() -> dict[str, float]:
            """The first status of each batch."""
            return {
                each.name: _moment(each) - began
                for each in reversed(operator.accepted())
                if each.resource == "ingestbatches/status"
            }

        scene.until(
            lambda: firsts().keys() >= SIZES.keys(),
            "until every batch has a new status",
            lambda: f"{len(firsts())} have",
        )
        return (
            min(_moment(each) - began for each in operator.accepted()),
            max(firsts().values()),
            operator.cpu_seconds,
        )


def _moment(request: Request) -> float:
    return datetime.fromisoformat(request.at).timestamp()
