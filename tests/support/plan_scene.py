"""A batch that is planned on a real control plane: the looks of an operator that may die at any call, and
pods that are played.

Only the logs do not come from a kubelet: they are given.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ingest_contract.batch import Source
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import Item, PlannedSource, PlanOrder, read_order
from ingest_contract.plan_document import PlanDocument, frames
from ingest_contract.pods import PodProfile
from ingest_contract.receipt import Receipt, encode
from ingest_operator.core.orders import Orders
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.names import BATCH_UID, Owner, plan_order_map_name
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, JOBS, PODS, Object
from ingest_operator.kube.planning.attempts import PlanAttempt
from ingest_operator.kube.planning.freeze import read_frozen
from ingest_operator.kube.planning.frozen_plan import FrozenPlan
from ingest_operator.kube.planning.planner import PlanContext, PlanResult, reconcile_plans
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.objects.manifests import orders_for

PAGE = Source(url="https://media.example.org/first")
OTHER = Source(url="https://media.example.org/second")


class Died(Exception):  # noqa: N818 -- what happened to the operator
    """The operator was killed."""


class Mortal:
    """The API, with logs that are given, for an operator that dies right after one of its calls."""

    def __init__(self, api: Api, logs: dict[str, str | Exception]) -> None:
        self._api, self._logs = api, logs
        self.calls: list[str] = []
        self.dies_after: int | None = None

    def __getattr__(self, verb: str) -> Any:
        async def call(*arguments: Any, **options: Any) -> Any:
            try:
                answer = await getattr(self._api, verb)(*arguments, **options)
            finally:
                self._count(f"{verb} {arguments[0].plural}")
            return answer

        return call

    async def log(self, namespace: str, pod: str, container: str) -> str:
        given = self._logs.get(pod)
        self._count("log")
        if given is None:
            return await self._api.log(namespace, pod, container)
        if isinstance(given, Exception):
            raise given
        return given

    def _count(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.dies_after:
            raise Died


class NoSites:
    """A gate that lets everybody through and remembers nothing."""

    async def hear(self, attempts: Mapping[int, Iterable[PlanAttempt]]) -> None:
        del attempts

    async def admit(
        self, sources: Sequence[PlannedSource], plan: int, run: int, before: Iterable[PlanAttempt]
    ) -> None:
        del sources, plan, run, before


class PlanScene:
    """One batch, and everything that an operator remembers of it."""

    def __init__(self, api: Api, owner: Owner) -> None:
        self._api, self.owner = api, owner
        self.logs: dict[str, str | Exception] = {}
        self.operator = Mortal(api, self.logs)
        self.pods = PodProfile(config_maps=("backlog",))
        self.sources: tuple[Source, ...] = (PAGE,)
        self.profile: dict[str, Any] = {}
        self.frozen: tuple[FrozenPlan, ...] = ()
        self.last: PlanResult | None = None

    @classmethod
    async def made(cls, api: Api, namespace: str, name: str = "talks") -> "PlanScene":
        """A batch in the API: what it owns would be collected without it."""
        sources = [{"url": PAGE.url}]
        body = {
            "apiVersion": BATCHES.api_version,
            "kind": BATCHES.kind,
            "metadata": {"name": name},
            "spec": {"sources": sources},
        }
        batch = await api.create(BATCHES, namespace, body)
        return cls(api, Owner(namespace, name, batch["metadata"]["uid"]))

    @property
    def orders(self) -> Orders:
        return orders_for(self.pods, batch={"sources": self.sources}, **self.profile)

    async def reconcile(self, after: float = 0.0) -> PlanResult:
        """One look, `after` so many seconds."""
        jobs, pods = await self.jobs(), await self.made_pods()
        now = time.time() + after
        seen = JobsAndPods()
        for job in jobs:
            seen.jobs.offer(job)
        for pod in pods:
            seen.pods.offer(pod)
        shown = seen.jobs.of(self.owner.identity), seen.pods_of(self.owner.identity)
        reconcile = await reconcile_plans(
            self.operator,
            PlanContext(self.owner, self.orders, *shown, self.frozen, NoSites()),
            now,
            self.last,
        )
        self.last, self.frozen = reconcile, reconcile.frozen
        return reconcile

    async def restart(self) -> None:
        """Another operator, which knows what is in the API."""
        self.operator = Mortal(self._api, self.logs)
        self.last = None
        self.frozen = await read_frozen(self._api, self.owner)

    def sources_planned(self) -> int:
        """As the last look says."""
        found = self.last.planned if self.last else None
        return found.status.sources if found else 0

    async def jobs(self) -> list[Object]:
        return (await self._api.list(JOBS, self.owner.namespace, labels=f"{BATCH_UID}={self.owner.uid}"))[0]

    async def made_pods(self) -> list[Object]:
        return (await self._api.list(PODS, self.owner.namespace, labels=f"{BATCH_UID}={self.owner.uid}"))[0]

    async def config_maps(self) -> list[str]:
        """The names of those that the batch owns."""
        listed, _ = await self._api.list(
            CONFIG_MAPS, self.owner.namespace, labels=f"{BATCH_UID}={self.owner.uid}"
        )
        return sorted(each["metadata"]["name"] for each in listed)

    async def live_pod(self) -> Object | None:
        """The pod that a kubelet would be running."""
        return next((pod for pod in await self.made_pods() if pod["status"]["phase"] == "Pending"), None)

    async def plan(self, pod: Object, begins: int = 0, waiting: tuple[int, ...] = ()) -> PlanDocument:
        """Play a worker that plans: one recording per source, none that is known, and none of the entries
        that are left out."""
        order = await self.order(
            int(pod["metadata"]["labels"]["batch.kubernetes.io/job-name"].split("-")[-2])
        )
        there = [source for source in order.sources if source.entry not in waiting]
        fresh = [source.url for source in there if _id(source.url) not in order.known]
        items = [
            Item(index=order.first_index + begins + place, id=_id(url), url=url, duration_seconds=60)
            for place, url in enumerate(fresh)
        ]
        document = PlanDocument(items=tuple(items), waiting=waiting or None)
        self.logs.setdefault(
            pod["metadata"]["name"], "\n".join(("a line of another kind", *frames(document)))
        )
        await self.end(pod, Receipt(result="Succeeded", seconds=1.0, plan=document.summary))
        return document

    async def fail(self, pod: Object, reason: Reason) -> None:
        await self.end(pod, Receipt(result="Failed", reason=reason, message="as asked", seconds=1.0))

    async def end(self, pod: Object, receipt: Receipt) -> None:
        """The pod's last status, as a kubelet writes it."""
        code = FAILURES[receipt.reason].exit_code if receipt.reason else 0
        at = to_rfc3339(int(time.time()))
        ended = {
            "exitCode": code,
            "reason": "Ended",
            "message": encode(receipt).decode(),
            "startedAt": at,
            "finishedAt": at,
        }
        container = {
            "name": "worker",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": ended},
        }
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}
        await self._api.patch(
            PODS, self.owner.namespace, pod["metadata"]["name"], {"status": status}, subresource="status"
        )

    async def order(self, number: int) -> PlanOrder:
        found = await self._api.get(
            CONFIG_MAPS, self.owner.namespace, plan_order_map_name(self.owner, number)
        )
        order = read_order(found["data"]["order.json"])
        assert isinstance(order, PlanOrder)
        return order

    async def offer_list(self, text: str, name: str = "backlog") -> None:
        """A ConfigMap of somebody else, with a list of addresses."""
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"urls.txt": text},
        }
        await self._api.create(CONFIG_MAPS, self.owner.namespace, body)


async def pod_of(scene: PlanScene) -> Object:
    """The pod of the live plan Job, once the Job controller has made it."""
    async with asyncio.timeout(30):
        while (pod := await scene.live_pod()) is None:  # noqa: ASYNC110 -- another process makes it
            await asyncio.sleep(0.05)
    return pod


async def planned(scene: PlanScene) -> None:
    """Look and play the worker until every source is planned and nothing is left to clear."""
    async with asyncio.timeout(60):
        while scene.sources_planned() < len(scene.sources) or await scene.jobs():
            await scene.reconcile()
            if (pod := await scene.live_pod()) is not None:
                await scene.plan(pod)
            await asyncio.sleep(0.05)


def _id(url: str) -> str:
    return f"url:{url.rsplit('/', 1)[-1]}"
