"""Twenty batches at once: how long each waits for its first Job.
If one waited for another, the last would be late."""

from datetime import datetime
from statistics import median
from typing import Any, Final

from testkit.cluster.audit import Request
from testkit.cluster.kubelet import RunningKubelet
from testkit.scale.process import USER, RunningOperator
from testkit.scale.scene import Scene, cluster
from testkit.scale.talks import script

COUNT: Final = 20
ITEMS: Final = 30
"""Of each batch."""


def measured() -> dict[str, Any]:
    """The row's figures."""
    names = [f"channel{number:02}" for number in range(COUNT)]
    with cluster() as plane:
        scene = Scene.made(plane)
        with (
            RunningKubelet(plane, script(ITEMS), namespace=scene.namespace),
            RunningOperator(plane, scene.namespace),
        ):
            scene.make("first", parallelism=5)  # from here on the operator is awake
            scene.until_complete("first")
            mark = plane.audit.now()
            for name in names:
                scene.make(name, parallelism=5)
            scene.until_complete(*names)
        requests = list(plane.audit.since(mark, namespace=scene.namespace))
    waits = [_until_first_job(name, requests) for name in names]
    return {
        "batches": COUNT,
        "items_each": ITEMS,
        "first_seconds": min(waits),
        "median_seconds": round(median(waits), 2),
        "last_seconds": max(waits),
    }


def _until_first_job(batch: str, requests: list[Request]) -> float:
    """From the batch's creation to the first Job that ingests."""
    made = next(
        each
        for each in requests
        if (each.verb, each.resource, each.name) == ("create", "ingestbatches", batch)
    )
    jobs = (each for each in requests if (each.user, each.verb, each.resource) == (USER, "create", "jobs"))
    first = next(each for each in jobs if each.name.startswith(f"{batch}-") and "-plan-" not in each.name)
    return round((_moment(first) - _moment(made)).total_seconds(), 2)


def _moment(request: Request) -> datetime:
    return datetime.fromisoformat(request.at)
