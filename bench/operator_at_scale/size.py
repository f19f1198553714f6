"""One batch of so many recordings, none of which does anything: what the operator writes, and what it takes
of the machine."""

import json
import time
from typing import Any, Final

from bench.operator_at_scale.recorded import record
from ingest_operator.kube.api.resources import JOBS
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.etcd_history import Put, puts, revision
from testkit.cluster.kubelet import RunningKubelet
from testkit.scale.process import RunningOperator
from testkit.scale.scene import Object, Scene, cluster, size
from testkit.scale.talks import script

PARALLELISM: Final = 100
A_DAY: Final = 86_400
KEPT: Final = {100: 30, 1000: 60, 10_000: A_DAY}
"""Seconds for which Jobs that succeeded are kept. Of the largest batch all are there in the end: that is what
memory has to hold."""


def measured(planned: int, recorded: int = 0) -> dict[str, Any]:
    """One row's figures. Some of the recordings may be taken for recorded:
    then it is told what the others cost."""
    count = planned - recorded
    with cluster() as plane:
        scene = Scene.made(plane, keepSucceededSeconds=KEPT[planned])
        beginning = revision(plane.etcd)
        with RunningKubelet(plane, script(planned), namespace=scene.namespace):
            scene.make("talks", parallelism=1 if recorded else PARALLELISM)
            if recorded:
                with RunningOperator(plane, scene.namespace):
                    scene.until(
                        lambda: scene.counts("talks").get("total") == planned,
                        "until it is planned",
                        lambda: "not yet",
                    )
                record(scene, "talks", range(count, planned))
                plane.admin.merge(scene.path("talks"), {"spec": {"parallelism": PARALLELISM}})
            figures = _run(scene, count, wait_for_deletions=KEPT[planned] < A_DAY)
        return {"items": count, "planned": planned, **figures, **sizes(plane, beginning, scene.namespace)}


def _run(scene: Scene, count: int, *, wait_for_deletions: bool) -> dict[str, Any]:
    """An operator from its start to the batch's end."""
    began, put_before = time.monotonic(), scene.plane.etcd.written()
    with RunningOperator(scene.plane, scene.namespace) as operator:
        scene.until_complete("talks")
        complete, cpu = time.monotonic() - began, operator.cpu_seconds
        if wait_for_deletions:
            scene.until(
                lambda: not scene.count(JOBS),
                "until every Job is deleted",
                lambda: f"{scene.count(JOBS)} left",
            )
        writes, left = operator.writes(), scene.count(JOBS)
        return {
            "writes_per_item": round((writes.total() + left) / count, 2),
            "deletions_to_come": left,
            "writes": dict(sorted(writes.items())),
            "refused": dict(operator.refused()),
            "peak_rss_mib": operator.peak_rss_mib,
            "cpu_seconds_per_1000_until_complete": round(1000 * cpu / count, 1),
            "cpu_seconds_per_1000": round(1000 * operator.cpu_seconds / count, 1),
            "bytes_into_etcd_per_item": round((scene.plane.etcd.written() - put_before).bytes / count),
            "seconds_until_complete": round(complete),
        }


def sizes(plane: ControlPlane, after: int, namespace: str) -> dict[str, int]:
    """The largest version of the batch, and of its status; the ConfigMaps of its plan."""
    ours = [put for put in puts(plane.etcd, after, revision(plane.etcd)) if f"/{namespace}/" in put.key]
    versions = [json.loads(put.value) for put in ours if put.kind == "ingestbatches"]
    parts = [put for put in ours if put.kind == "configmaps" and _is_part(put)]
    return {
        "largest_batch_bytes": max(map(size, versions)),
        "largest_status_bytes": max(size(_status(each)) for each in versions),
        "last_status_bytes": size(_status(versions[-1])),
        "plan_config_maps_bytes": sum(put.bytes for put in parts),
        "plan_config_maps": len(parts),
    }


def _status(batch: Object) -> Object:
    return dict(batch.get("status", {}))


def _is_part(put: Put) -> bool:
    return b"plan.json.gz" in put.value
