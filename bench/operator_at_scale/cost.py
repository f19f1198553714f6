"""The bytes that each recording puts into etcd, everything counted: the batch, ConfigMaps, Jobs, pods,
Events; ours beside plain Jobs."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from bench.operator_at_scale import plain
from ingest_operator.kube.api.resources import JOBS, PODS
from testkit.cluster.etcd_history import costs, puts, revision
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.life import Exit, Life
from testkit.scale.process import RunningOperator
from testkit.scale.scene import Scene, cluster
from testkit.scale.talks import LOCKSTEP, Seconds, script, spread

IN_FLIGHT: Final = 50
KEPT: Final = 20
"""Seconds for which Jobs that succeeded are kept: they are deleted while the row is measured, which puts one
more version of each pod."""

AFTER: Final = 5.0
"""Seconds for what the control plane still writes when all is done."""

KINDS: Final = ("ingestbatches", "configmaps", "jobs", "pods", "events")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the recordings."""

    seconds: Seconds
    """How long pods run."""
    is_ours: bool = True
    """Else each is a plain Job with the least of a pod, made by hand."""
    is_untracked: bool = False
    """Whether the cluster keeps no managedFields of our objects."""


WAYS: Final = {
    "plain-lockstep": Way(LOCKSTEP, is_ours=False),
    "lockstep": Way(LOCKSTEP),
    "untracked-lockstep": Way(LOCKSTEP, is_untracked=True),
    "plain-spread": Way(spread(), is_ours=False),
    "spread": Way(spread()),
    "untracked-spread": Way(spread(), is_untracked=True),
}


def measured(way: Way, count: int = 1000) -> dict[str, Any]:
    """One row's figures."""
    life = (
        script(count, way.seconds) if way.is_ours else lambda _: Life(end=Exit(code=0), seconds=way.seconds())
    )
    with cluster(is_untracked=way.is_untracked) as plane:
        scene = Scene.made(plane, keepSucceededSeconds=KEPT)
        before, began = revision(plane.etcd), time.monotonic()
        operator = RunningOperator(plane, scene.namespace) if way.is_ours else nullcontext()
        with RunningKubelet(plane, life, namespace=scene.namespace), operator:
            if way.is_ours:
                scene.make("talks", parallelism=IN_FLIGHT)
                scene.until_complete("talks")
            else:
                plain.run(scene, count, IN_FLIGHT)
            seconds = time.monotonic() - began
            scene.until(
                lambda: not scene.count(JOBS) + scene.count(PODS),
                "until all are deleted",
                lambda: f"{scene.count(PODS)} pods left",
            )
            time.sleep(AFTER)
        history = puts(plane.etcd, before, revision(plane.etcd))
        found = costs(put for put in history if f"/{scene.namespace}/" in put.key)
    return {
        "items": count,
        "in_flight": IN_FLIGHT,
        "bytes_per_item": round(sum(cost.bytes for cost in found.values()) / count),
        "by_kind": {kind: round(found[kind].bytes / count) for kind in KINDS if kind in found},
        "puts": {kind: round(found[kind].puts / count, 2) for kind in KINDS if kind in found},
        "seconds": round(seconds),
    }
