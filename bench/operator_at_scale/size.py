"""One batch of so many recordings, none of which does anything: what the operator writes, and what it takes of the machine."""

import json
import time
from typing import Any, Final

from bench.operator_at_scale.process import RunningOperator
from bench.operator_at_scale.scene import Object, Scene, cluster, size
from bench.operator_at_scale.talks import script
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.etcd_history import Put, puts, revision
from tests.support.cluster.kubelet import RunningKubelet

PARALLELISM: Final = 100
A_DAY: Final = 86_400
KEPT: Final = {100: 30, 1000: 60, 10_000: A_DAY}
"""Seconds for which Jobs that succeeded are kept. Of the largest batch all are there in the end: that is what memory has to hold."""


def measured(count: int) -> dict[str, Any]:
    """One row's figures."""
    with cluster() as plane:
        scene = Scene.made(plane, keepSucceededSeconds=KEPT[count])
        before, put_before = revision(plane.etcd), plane.etcd.written()
        with RunningKubelet(plane, script(count), namespace=scene.namespace), RunningOperator(plane, scene.namespace) as operator:
            began = time.monotonic()
            scene.make("talks", parallelism=PARALLELISM)
            scene.until_complete("talks")
            complete, cpu = time.monotonic() - began, operator.cpu_seconds
            if KEPT[count] < A_DAY:
                scene.until(lambda: not scene.jobs(), "until every Job is deleted", lambda: f"{scene.jobs()} left")
            writes, left = operator.writes(), scene.jobs()
            return {
                "items": count,
                "writes_per_item": round((writes.total() + left) / count, 2),
                "deletions_to_come": left,
                "writes": dict(sorted(writes.items())),
                "refused": dict(operator.refused()),
                **sizes(plane, before, scene.namespace),
                "peak_rss_mib": operator.peak_rss_mib,
                "cpu_seconds_per_1000_until_complete": round(1000 * cpu / count, 1),
                "cpu_seconds_per_1000": round(1000 * operator.cpu_seconds / count, 1),
                "bytes_into_etcd_per_item": round((plane.etcd.written() - put_before).bytes / count),
                "seconds_until_complete": round(complete),
            }


def sizes(plane: ControlPlane, after: int, namespace: str) -> dict[str, int]:
    """The largest version of the batch, and of its status; the ConfigMaps of its plan and of its orders."""
    ours = [put for put in puts(plane.etcd, after, revision(plane.etcd)) if f"/{namespace}/" in put.key]
    versions = [json.loads(put.value) for put in ours if put.kind == "ingestbatches"]
    maps = [put for put in ours if put.kind == "configmaps"]
    return {
        "largest_batch_bytes": max(map(size, versions)),
        "largest_status_bytes": max(size(_status(each)) for each in versions),
        "last_status_bytes": size(_status(versions[-1])),
        "plan_config_maps_bytes": sum(put.bytes for put in maps if _is_part(put)),
        "plan_config_maps": sum(_is_part(put) for put in maps),
    }


def _status(batch: Object) -> Object:
    return dict(batch.get("status", {}))


def _is_part(put: Put) -> bool:
    return b"plan.json.gz" in put.value
