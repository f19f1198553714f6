"""`python -m tests.queues.etcd_cost [RECORDINGS]`: the bytes that each recording puts into etcd in a queue of
the real Kueue and without one, counted as `bench.operator_at_scale` counts them."""

import sys
import time
from contextlib import ExitStack
from typing import Final

from ingest_operator.kube.api.resources import JOBS, PODS
from testkit.cluster.etcd_history import costs, puts, revision
from testkit.cluster.kubelet import RunningKubelet
from testkit.scale.process import RunningOperator
from testkit.scale.scene import Scene, cluster
from testkit.scale.talks import LOCKSTEP, script
from tests.support.kueue.running import kueue, queue

IN_FLIGHT: Final = 50
KEPT_SECONDS: Final = 20
AFTER_SECONDS: Final = 5.0


def measured(count: int, *, queued: bool) -> str:
    """One row: the whole in bytes per recording, then each kind with its writes."""
    with ExitStack() as ends:
        plane = ends.enter_context(cluster())
        if queued:
            ends.enter_context(kueue(plane))
        named = {"queueName": "gpus"} if queued else {}
        scene = Scene.made(plane, keepSucceededSeconds=KEPT_SECONDS, **named)
        if queued:
            queue(plane, scene.namespace, "gpus", IN_FLIGHT)
        before = revision(plane.etcd)
        ends.enter_context(RunningKubelet(plane, script(count, LOCKSTEP), namespace=scene.namespace))
        ends.enter_context(RunningOperator(plane, scene.namespace))
        scene.make("talks", parallelism=IN_FLIGHT)
        scene.until_complete("talks")
        scene.until(
            lambda: not scene.count(JOBS) + scene.count(PODS),
            "until all are deleted",
            lambda: f"{scene.count(PODS)} pods left",
        )
        time.sleep(AFTER_SECONDS)
        history = puts(plane.etcd, before, revision(plane.etcd))
        found = costs(put for put in history if f"/{scene.namespace}/" in put.key)
    kinds = ", ".join(
        f"{kind} {cost.bytes / count / 1000:.2f} kB in {cost.puts / count:.2f} writes"
        for kind, cost in sorted(found.items())
    )
    return f"{sum(cost.bytes for cost in found.values()) / count / 1000:.1f} kB per recording: {kinds}"


if __name__ == "__main__":
    recordings = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for with_queue in (False, True):
        print(f"{'queue' if with_queue else 'plain'}: {measured(recordings, queued=with_queue)}", flush=True)
