"""The stand-in at work: one watch of pods, a scheduler, nodes, and a task for each pod that has one of the
nodes."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from testkit.cluster.certificates import Pair
from testkit.cluster.kubelet_api import Object, connected
from testkit.cluster.kubelet_nodes import Nodes
from testkit.cluster.kubelet_order import Resolver
from testkit.cluster.kubelet_pod import House, PlayedPod
from testkit.cluster.kubelet_scheduler import FINAL, Scheduler
from testkit.cluster.kubelet_servers import SilentError, an_address, logs
from testkit.cluster.kubelet_watch import PodMirror
from testkit.cluster.life import Script

GOODBYE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a stand-in is given."""

    kubeconfig: Path
    """Of somebody who may do what kubelets and schedulers do."""
    pair: Pair
    """Its certificate as a server."""
    script: Script
    namespace: str | None = None
    """The only one whose pods it plays; None: all."""
    nodes: tuple[str, ...] = ("gpu-1",)
    gpu_resource: str = "nvidia.com/gpu"
    gpus: int = 1000
    """Of each node."""
    clocks: Mapping[str, float] = field(default_factory=dict)
    """Seconds by which the clock of a node is ahead of everybody else's."""


@dataclass
class StandIn:
    """Everything below runs in one event loop."""

    setup: Setup
    tasks: asyncio.TaskGroup
    house: House
    scheduler: Scheduler
    played: dict[str, PlayedPod] = field(default_factory=dict)
    """By uid; those that ended stay until their pods are gone, for their logs."""
    playing: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def changed(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        self.scheduler.see(pod)
        played = self.played.get(uid)
        if played is not None:
            played.see(pod)
            if played.over and played.deleted:
                self.tasks.create_task(played.confirm())
        elif pod["spec"].get("nodeName") in self.setup.nodes and pod["status"].get("phase") not in FINAL:
            played = self.played[uid] = PlayedPod(pod, an_address(), self.house)
            self.playing[uid] = self.tasks.create_task(played.play())
            self.playing[uid].add_done_callback(lambda _: self.playing.pop(uid, None))

    def removed(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        self.scheduler.forget(pod)
        played = self.played.pop(uid, None)
        if uid in self.playing and not (
            played and played.over
        ):  # one that is over has only to hear that it is gone
            self.playing[uid].cancel()

    def log(self, namespace: str, name: str) -> tuple[str | None, bool]:
        for played in self.played.values():
            where = played.pod["metadata"]
            if (where["namespace"], where["name"]) == (namespace, name):
                if played.lost:
                    raise SilentError
                return played.life.log if played.began and played.life else None, played.over
        raise LookupError(f'pod "{name}" not found in namespace "{namespace}"')


async def play(setup: Setup, ready: Callable[[StandIn], None], stop: asyncio.Event) -> None:
    """From the registration of the nodes to their removal."""
    async with AsyncExitStack() as exits:
        api = await exits.enter_async_context(connected(setup.kubeconfig))
        tasks = await exits.enter_async_context(asyncio.TaskGroup())
        scheduler = Scheduler(api, setup.gpu_resource, dict.fromkeys(setup.nodes, setup.gpus))
        stand_in = StandIn(setup, tasks, House(api, Resolver(api), setup.script, setup.clocks), scheduler)
        port = await exits.enter_async_context(logs(stand_in.log, setup.pair))
        nodes = Nodes(api, setup.nodes, setup.gpu_resource, setup.gpus, port)
        where = f"/api/v1/namespaces/{setup.namespace}/pods" if setup.namespace else "/api/v1/pods"
        mirror = PodMirror(api, where, stand_in.changed, stand_in.removed)
        await nodes.register()
        background = [tasks.create_task(each.run()) for each in (mirror, scheduler)] + [
            tasks.create_task(nodes.keep_alive())
        ]
        await mirror.synced.wait()
        ready(stand_in)
        await stop.wait()
        for task in [*background, *stand_in.playing.values()]:
            task.cancel()
        with suppress(TimeoutError):  # of a control plane that is gone nothing has to be removed
            async with asyncio.timeout(GOODBYE):
                await nodes.remove()
