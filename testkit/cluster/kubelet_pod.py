"""One pod as its kubelet plays it: from the moment it has a node until nobody asks about it any more."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace

from ingest_contract.order import WorkOrder
from ingest_operator.kube.manifests.ingest_job import QUEUE
from testkit.cluster.kubelet_api import GoneError, KubeletApi, Object
from testkit.cluster.kubelet_order import Resolver, UnresolvedError, orders_of
from testkit.cluster.kubelet_servers import progress
from testkit.cluster.kubelet_status import StatusWriter, disruption
from testkit.cluster.life import SIGKILLED, Exit, Life, Script, Stuck, Taken

RESOLVE_AGAIN = 0.2
"""Seconds after which what was not there is looked for again."""

KILLED = Exit(code=SIGKILLED)
PAST_DEADLINE = "Pod was active on the node longer than the specified deadline"
PREEMPTING = ("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod")
TAINTED = ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")


@dataclass(frozen=True, slots=True)
class House:
    """What all pods of a kubelet share."""

    api: KubeletApi
    resolver: Resolver
    script: Script
    clocks: Mapping[str, float] = field(default_factory=dict)
    """Seconds by which a node's clock is ahead."""
    begun: list[WorkOrder | None] = field(default_factory=list)
    """The orders of every pod whose container ran, in the order of their beginnings."""


class PlayedPod:
    """One pod."""

    def __init__(self, pod: Object, address: str, house: House) -> None:
        self.pod, self.house = pod, house
        self.order: WorkOrder | None = None
        """Once it could be read; of several the first."""
        self.orders: tuple[WorkOrder, ...] = ()
        self.life: Life | None = None
        """Once the order could be read."""
        self.released = self.finished = self.over = self.confirmed = False
        self.lost = False
        """Whether its node stopped answering."""
        self._writer = StatusWriter(pod, address, self._now())
        self._stirred = asyncio.Event()

    @property
    def began(self) -> bool:
        return self._writer.started is not None

    @property
    def _told(self) -> Life:
        """Its life, once it is prepared."""
        assert self.life is not None
        return self.life

    @property
    def deleted(self) -> bool:
        """Whether somebody asked for its end."""
        return "deletionTimestamp" in self.pod["metadata"]

    def see(self, pod: Object) -> None:
        """It changed in the API."""
        self.pod = pod
        self._stirred.set()

    def release(self) -> None:
        """What it waits for is there; a lost node is back."""
        self.released = True
        self._stirred.set()

    def finish(self, life: Life | None = None) -> None:
        """It ends now, as it would have, or as this life does."""
        self.finished = True
        if life is not None and self.life is not None:
            self.life = replace(life, log=life.log or self.life.log)
        self._stirred.set()

    async def play(self) -> None:
        with suppress(GoneError):  # nobody asks about it any more
            if not await self._prepared():
                await self._end(KILLED)
            elif self._told.refused is not None:
                await self._refuse(self._told.refused)
            elif self._told.instant and not self.deleted:
                self.house.begun.extend(self.orders or (None,))
                assert isinstance(self._told.end, Exit), "what is instant ends by itself"
                await self._end(self._told.end, begun=True)
            else:
                await self._end(await self._run())

    async def confirm(self) -> None:
        """Nothing of it is left, as a kubelet says it: once, whoever notices first."""
        if self.confirmed:
            return
        self.over = self.confirmed = True
        if self.pod["metadata"].get("deletionGracePeriodSeconds") != 0:
            with suppress(GoneError):
                uid = {"uid": self.pod["metadata"]["uid"]}
                await self.house.api.delete("removal", self._path(), gracePeriodSeconds=0, preconditions=uid)

    async def _prepared(self) -> bool:
        """Whether its container could be made, sooner or later; not if its end was asked for before."""
        said = None
        while True:
            try:
                resolved = await self.house.resolver.resolved(self.pod)
            except UnresolvedError as error:
                if said != error.stuck:
                    await self._say_stuck(said := error.stuck)
                await self._until(lambda: self.deleted, RESOLVE_AGAIN)
                if self.deleted:
                    return False
            else:
                self.orders = orders_of(resolved)
                self.order = self.orders[0] if self.orders else None
                self.life = self.house.script(resolved)
                break
        for stuck in self._told.stuck:
            await self._say_stuck(stuck)
        if self._told.stuck:
            await self._until(lambda: self.released or self.deleted)
        return self.released or not self._told.stuck

    async def _run(self) -> Exit:
        """How it ends."""
        begun = time.monotonic()
        self.house.begun.extend(self.orders or (None,))
        await self._write(self._writer.running(self._now()))
        async with AsyncExitStack() as serving:
            if self._told.progress is not None:
                report = self._told.progress
                await serving.enter_async_context(
                    progress(self._writer.address, lambda: report(time.monotonic() - begun))
                )
            allowed = self.pod["spec"].get("activeDeadlineSeconds")
            limits = [each for each in (self._told.seconds, allowed) if each is not None]
            await self._until(lambda: self.finished or self.deleted, min(limits, default=None))
            if self.deleted:
                return await self._asked()
            in_time = self.finished or (self._told.seconds is not None and self._told.seconds == min(limits))
            end = self._told.end if in_time else Taken.PAST_DEADLINE
            return end if isinstance(end, Exit) else await self._taken(end, serving)

    async def _refuse(self, why: Stuck) -> None:
        """A kubelet writes nothing but this of a pod that it does not admit (`pkg/kubelet/kubelet.go`,
        `rejectPod`)."""
        await self._write(
            {"phase": "Failed", "reason": why.reason, "message": f"Pod was rejected: {why.message}"}
        )
        self.over = True
        if self.deleted:
            await self.confirm()

    async def _taken(self, how: Taken, serving: AsyncExitStack) -> Exit:
        if how is Taken.PAST_DEADLINE:
            end = self._told.to_sigterm or KILLED
            return replace(end, pod_reason="DeadlineExceeded", pod_message=PAST_DEADLINE)
        if how is Taken.DRAINED:
            eviction = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": self.pod["metadata"]["name"]},
            }
            await self.house.api.create("eviction", self._path("eviction"), eviction)
        elif how is Taken.QUEUE:
            metadata = self.pod["metadata"]
            owner = metadata["ownerReferences"][0]
            job = f"/apis/batch/v1/namespaces/{metadata['namespace']}/jobs/{owner['name']}"
            await self.house.api.patch(
                "queue", job, {"metadata": {"labels": {QUEUE: "gpus"}}, "spec": {"suspend": True}}
            )
        elif how is not Taken.SILENT:
            await self._write(
                {
                    "conditions": [
                        disruption(self._now(), *(PREEMPTING if how is Taken.PREEMPTED else TAINTED))
                    ]
                }
            )
            await self.house.api.delete("removal", self._path())
        if how in {Taken.NODE_LOST, Taken.SILENT}:
            self.lost = True
            await serving.aclose()
            await self._until(lambda: self.released)
            self.lost = False
        await self._until(lambda: self.deleted)
        return await self._asked()

    async def _asked(self) -> Exit:
        """SIGTERM, and SIGKILL where that does not help in time."""
        if self._told.to_sigterm is not None:
            return self._told.to_sigterm
        await self._until(lambda: False, self.pod["metadata"]["deletionGracePeriodSeconds"])
        return KILLED

    async def _end(self, end: Exit, *, begun: bool = False) -> None:
        now = self._now()
        ended = self._writer.ended if begun or self.began else self._writer.never_ran
        await self._write(ended(now, end))
        self.over = True
        if self.deleted:
            await self.confirm()

    async def _say_stuck(self, stuck: Stuck) -> None:
        stands = stuck.pulls or stuck.reason != "ContainerCreating"
        await self._write(self._writer.waiting(self._now(), stuck.reason, stuck.message, sandbox=stands))

    def _now(self) -> float:
        """By the clock of its node."""
        return time.time() + self.house.clocks.get(self.pod["spec"]["nodeName"], 0.0)

    async def _write(self, status: Object) -> None:
        """The uid keeps it from another pod of the same name."""
        body = {"metadata": {"uid": self.pod["metadata"]["uid"]}, "status": status}
        await self.house.api.patch("status", self._path("status"), body)

    async def _until(self, holds: Callable[[], bool], seconds: float | None = None) -> None:
        """Return once it holds, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    self._stirred.clear()
                    await self._stirred.wait()

    def _path(self, subresource: str = "") -> str:
        path = f"/api/v1/namespaces/{self.pod['metadata']['namespace']}/pods/{self.pod['metadata']['name']}"
        return f"{path}/{subresource}" if subresource else path
