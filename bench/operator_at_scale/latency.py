"""From the end of a pod to the status that shows it,
with two hundred of them running: two batches of a hundred."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from statistics import quantiles
from typing import Any, Final

from ingest_contract.intervals import decode
from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.api.resources import BATCHES, PODS
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.kubelet_api import connected
from testkit.cluster.kubelet_watch import PodMirror
from testkit.scale.process import RunningOperator
from testkit.scale.scene import PATIENCE, REPORT_SECONDS, Object, Scene, cluster, say
from testkit.scale.talks import script, spread

NAMES: Final = ("mornings", "evenings")
ITEMS: Final = 500
"""Of each batch."""

JOB_NAME: Final = "batch.kubernetes.io/job-name"

Recording = tuple[str, int]
"""(uid of the batch, index)."""


def measured() -> dict[str, Any]:
    """The row's figures."""
    with cluster() as plane:
        scene = Scene.made(plane)
        sizes = {f"{scene.namespace}/{name}": ITEMS for name in NAMES}
        with (
            RunningKubelet(plane, script(sizes, spread(20, 40)), namespace=scene.namespace),
            RunningOperator(plane, scene.namespace),
        ):
            for name in NAMES:
                scene.make(name, parallelism=100)
            late = asyncio.run(_observed(scene))
    hundredths = quantiles(late, n=100)
    return {
        "running": 200,
        "ends": len(late),
        "p50_seconds": round(hundredths[49], 2),
        "p99_seconds": round(hundredths[98], 2),
        "max_seconds": round(max(late), 2),
    }


async def _observed(scene: Scene) -> Sequence[float]:
    """Both as one client sees them: what its watches lag by, they lag alike."""
    over: dict[Recording, float] = {}
    shown: dict[Recording, float] = {}
    complete = asyncio.Event()

    def pod_changed(pod: Object) -> None:
        recording = _of(pod)
        if recording is not None and pod["status"].get("phase") == "Succeeded":
            over.setdefault(recording, time.monotonic())

    def batch_changed(batch: Object) -> None:
        final = decode(batch.get("status", {}).get("finalRecordings", {}).get("succeeded", ""))
        for index in final:
            shown.setdefault((batch["metadata"]["uid"], index), time.monotonic())
        if len(shown) == ITEMS * len(NAMES):
            complete.set()

    async with connected(scene.plane.kubeconfig) as api:
        mirrors = (
            PodMirror(api, PODS.path(scene.namespace), pod_changed, lambda _: None),
            PodMirror(api, BATCHES.path(scene.namespace), batch_changed, lambda _: None),
        )
        watching = [asyncio.create_task(mirror.run()) for mirror in mirrors]
        async with asyncio.timeout(PATIENCE):
            while not complete.is_set():
                say(f"until all are recorded: {len(shown)} of {ITEMS * len(NAMES)}")
                with suppress(TimeoutError):
                    await asyncio.wait_for(complete.wait(), REPORT_SECONDS)
        for each in watching:
            each.cancel()
    return [max(0.0, shown[each] - over[each]) for each in shown if each in over]


def _of(pod: Object) -> Recording | None:
    """Whose a pod is: its Job's name ends in index and try."""
    labels = pod["metadata"]["labels"]
    *_, what, index, _ = labels[JOB_NAME].split("-")
    return None if what == "plan" else (labels[BATCH_UID], int(index))
