"""What there would be without an operator: Jobs made by hand, so many in flight, each with the least of a
pod. The measure of the rest."""

import asyncio
from typing import Final

from testkit.cluster.kubelet_api import GoneError, KubeletApi, connected
from testkit.cluster.kubelet_watch import PodMirror
from testkit.scale.scene import Object, Scene

JOB_NAME: Final = "batch.kubernetes.io/job-name"


def run(scene: Scene, count: int, in_flight: int) -> None:
    """Make the Jobs, the next one whenever a pod is over, and delete each as the operator does."""
    asyncio.run(_run(scene, count, in_flight))


async def _run(scene: Scene, count: int, in_flight: int) -> None:
    slots, over = asyncio.Semaphore(in_flight), set()
    done = asyncio.Event()

    def changed(pod: Object) -> None:
        name = pod["metadata"]["labels"][JOB_NAME]
        if pod["status"].get("phase") in ("Succeeded", "Failed") and name not in over:
            over.add(name)
            slots.release()
            if len(over) == count:
                done.set()

    async with connected(scene.plane.kubeconfig) as api:
        mirror = PodMirror(api, f"/api/v1/namespaces/{scene.namespace}/pods", changed, lambda _: None)
        watching = asyncio.create_task(mirror.run())
        await mirror.synced.wait()
        for number in range(count):
            await slots.acquire()
            await api.create("job", f"/apis/batch/v1/namespaces/{scene.namespace}/jobs", _job(number))
        await done.wait()
        await asyncio.sleep(2)
        await asyncio.gather(*(_delete(api, scene, number) for number in range(count)))
        watching.cancel()


async def _delete(api: KubeletApi, scene: Scene, number: int) -> None:
    path = f"/apis/batch/v1/namespaces/{scene.namespace}/jobs/{_name(number)}"
    try:
        await api.delete("job", path, propagationPolicy="Background")
    except GoneError:
        return


def _name(number: int) -> str:
    return f"plain-{number}"


def _job(number: int) -> Object:
    container = {"name": "worker", "image": "busybox", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": _name(number)}}
    return body | {"spec": {"backoffLimit": 0, "template": template}}
