"""What recordings cost the API server and etcd, as upper bounds: `make bench-operator` measures it at size.

The operator is a process of its own, the control plane the real one. Counts and bytes do not depend on the
machine.
"""

import secrets

from ingest_operator.kube.api.resources import JOBS
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.etcd_history import costs, puts, revision
from testkit.cluster.kubelet import RunningKubelet
from testkit.scale.process import RunningOperator
from testkit.scale.scene import Scene
from testkit.scale.talks import script

COUNT = 40


def test_a_recording_costs_few_writes_and_few_bytes(control_plane: ControlPlane) -> None:
    scene = Scene.made(control_plane, f"cost-{secrets.token_hex(4)}", keepSucceededSeconds=1)
    before, node = revision(control_plane.etcd), (f"{scene.namespace}-1",)
    with (
        RunningKubelet(control_plane, script(COUNT), namespace=scene.namespace, nodes=node),
        RunningOperator(control_plane, scene.namespace) as operator,
    ):
        scene.make("talks", parallelism=20)
        scene.until_complete("talks")
        scene.until(
            lambda: not scene.count(JOBS), "until every Job is deleted", lambda: f"{scene.count(JOBS)} left"
        )
        writes = operator.writes()
    history = puts(control_plane.etcd, before, revision(control_plane.etcd))
    found = costs(put for put in history if f"/{scene.namespace}/" in put.key)
    control_plane.admin.delete(f"/api/v1/namespaces/{scene.namespace}")
    assert writes.total() <= 3 * COUNT, writes
    assert writes["update ingestbatches/status"] <= COUNT / 2
    # A version each: made, begun, ready, over, counted; and of the pod made, placed, running, over, released,
    # deleted.
    assert found["jobs"].puts <= 6 * (COUNT + 1)
    assert found["pods"].puts <= 7 * (COUNT + 1)
    assert found["jobs"].bytes <= 4_350 * found["jobs"].puts, found
    assert found["pods"].bytes <= 5_600 * found["pods"].puts, found
