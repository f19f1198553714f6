"""A stand-in for kubelets and the scheduler: it plays the pods of a real control plane as a script says,
without running anything.

It lives in a thread of its own, so that a test, or an operator that it started, goes on beside it. What goes
wrong inside is raised at its end, and by whatever asks it next.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from ingest_contract.order import FetchOrder, IngestOrder, WorkOrder
from testkit.cluster.control_plane import LOOPBACK, ControlPlane
from testkit.cluster.in_thread import InThread
from testkit.cluster.kubelet_api import Object
from testkit.cluster.kubelet_loop import Setup, StandIn, play
from testkit.cluster.kubelet_pod import PlayedPod
from testkit.cluster.life import Life, Script
from testkit.cluster.lives import by_default
from testkit.cluster.program import until

T = TypeVar("T")


class RunningKubelet(InThread):
    """`with RunningKubelet(control_plane, script) as kubelet:`. The other options are those of `Setup`."""

    def __init__(self, control_plane: ControlPlane, script: Script | None = None, **options: Any) -> None:
        super().__init__("stand-in kubelet")
        pair = control_plane.certificates.server(LOOPBACK)
        self._setup = Setup(
            kubeconfig=control_plane.kubeconfig, pair=pair, script=script or by_default(), **options
        )
        self._stand_in: StandIn | None = None

    def pods(self) -> list[Object]:
        """The pods that have one of its nodes, as it saw them last."""
        return self._ask(lambda stand_in: [played.pod for played in stand_in.played.values()])

    def writes(self) -> Counter[str]:
        """How often it wrote, by what for: a measurement of somebody else's subtracts them."""
        return self._ask(lambda stand_in: Counter(stand_in.house.api.writes))

    def orders(self) -> list[WorkOrder]:
        """What every worker that ran was told, in the order of their beginnings: each try, and each plan."""
        return self._ask(lambda stand_in: [order for order in stand_in.house.begun if order is not None])

    def runs(self, batch: str | None = None) -> list[tuple[int, int]]:
        """(index, try) of every worker of an item that ran, in the order of their beginnings. `batch` is
        `<namespace>/<name>`."""
        mine = (
            each
            for each in self.orders()
            if isinstance(each, FetchOrder | IngestOrder) and batch in (None, each.batch)
        )
        return [(each.item.index, each.run) for each in mine]

    def release(self, pod: str | None = None) -> None:
        """What the pod of this name waits for is there, or its node is back; without a name: of every pod."""

        def release(stand_in: StandIn) -> None:
            for each in stand_in.played.values():
                if pod in (None, each.pod["metadata"]["name"]):
                    each.release()

        self._ask(release)

    def finish(self, index: int, number: int, life: Life | None = None, *, batch: str | None = None) -> None:
        """A try ends now, as its life says, or as another one does. Waits until the try runs. `batch` is
        `<namespace>/<name>`."""
        self.until_running(index, number, batch=batch)

        def finish(stand_in: StandIn) -> None:
            for each in stand_in.played.values():
                if _is(each, index, number, batch):
                    each.finish(life)

        self._ask(finish)

    def until_running(self, index: int, number: int, *, batch: str | None = None) -> None:
        """Return once a try runs; `TimeoutError` says which one never did."""

        def runs() -> bool:
            return self._ask(
                lambda stand_in: any(
                    each.began and _is(each, index, number, batch) for each in stand_in.played.values()
                )
            )

        until(runs, f"try {number} of item {index} runs")

    def forget_maps(self) -> None:
        """Ask for every ConfigMap anew, as a kubelet does that has no pod of it any more."""
        self._ask(lambda stand_in: stand_in.house.resolver.forget())

    def _ask(self, question: Callable[[StandIn], T]) -> T:
        """Answered in its own thread: nothing in there is made for two."""

        async def answer() -> T:
            assert self._stand_in is not None
            return question(self._stand_in)

        self.complain()
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(self.patience)

    async def _serve(self, stop: asyncio.Event) -> None:
        def ready(stand_in: StandIn) -> None:
            self._stand_in = stand_in
            self._ready.set()

        await play(self._setup, ready, stop)


def _is(played: PlayedPod, index: int, number: int, batch: str | None) -> bool:
    order = played.order
    if not isinstance(order, FetchOrder | IngestOrder) or played.over:
        return False
    return (order.item.index, order.run) == (index, number) and batch in (None, order.batch)
