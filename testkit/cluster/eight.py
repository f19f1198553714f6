"""One batch of eight recordings with a failure, a retry, a rung of the memory ladder and a skip, lived
through to its end.

The operator is a process with the rights of its own ServiceAccount, and everything that it asks of the API
server goes through a proxy. What came of it is told by others: by the API server's audit log, by the kubelet
that played the pods, and by the batch itself.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest_contract.order import FetchOrder, IngestOrder, PlanOrder
from ingest_operator.kube.api.names import FETCH, INGEST, MANAGER, PLAN
from testkit.cluster.audit import Request
from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.eight_ways import ALONE, COUNT, Way
from testkit.cluster.fixtures import a_namespace
from testkit.cluster.kubelet_order import orders_of
from testkit.cluster.life import Life
from testkit.cluster.lives import sequence
from testkit.cluster.operator_processes import OperatorProcess, OperatorProcesses
from testkit.cluster.program import until
from testkit.cluster.proxy import RunningProxy
from testkit.cluster.proxy_faults import Asked, Fault
from testkit.cluster.proxy_server import Passed
from testkit.cluster.scene import Scene, rows

PATIENCE = 300.0
"""Seconds until a life that goes on is given up: many times what the slowest takes."""

LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch came to, and what it took."""

    status: Json
    passed: tuple[Passed, ...]
    """Every request that reached the proxy."""
    audited: tuple[Request, ...]
    """Every write in the namespace, as the API server has it."""
    played: tuple[tuple[int, int], ...]
    """The (index, try) of every pod that ran."""
    plans: int
    """Pods that planned."""
    starts: int
    """Operators."""
    exits: tuple[int, ...]
    """Exit codes of those that ended unasked and were not killed by the test."""
    seconds: float
    way: Way = ALONE

    @property
    def accepted(self) -> list[Request]:
        """What the operator wrote."""
        return [each for each in self.audited if each.user.endswith(f":{MANAGER}") and each.code < 300]

    @property
    def made(self) -> Counter[str]:
        """How often the operator made an object of each kind and name."""
        return Counter(
            f"{each.resource} {each.name}"
            for each in self.accepted
            if each.verb == "create" and each.resource != "events"
        )

    @property
    def pods(self) -> int:
        """How many the Job controller made."""
        return sum(
            each.resource == "pods" and each.verb == "create" and each.code < 300 for each in self.audited
        )

    def wrong(self, undisturbed: "Outcome") -> list[str]:
        """What is lost, doubled or miscounted; nothing, if all is well."""
        found = [f"the (index, try) that ran are {sorted(self.played)}"] * (
            sorted(self.played) != self.way.runs
        )
        found += [f"{self.plans} pods planned"] * (self.plans != 1)
        found += [f"{name} was made {count} times" for name, count in self.made.items() if count > 1]
        found += [f"{self.pods} pods were made"] * (self.pods != undisturbed.pods)
        ours, theirs = facts(self.status), facts(undisturbed.status)
        return found + [
            f"{name} is {ours[name]}, not {theirs[name]}" for name in theirs if ours[name] != theirs[name]
        ]


def facts(status: Json) -> dict[str, object]:
    """What must be the same whenever things happened, and whichever recording taught the others on which rung
    to begin."""
    sums = {name: value for name, value in status["sums"].items() if name not in _OF_THE_CLOCK}
    plain = {
        name: status.get(name)
        for name in (
            "state",
            "counts",
            "finalRecordings",
            "failures",
            "skips",
            "runs",
            "rtf",
            "plan",
            "learnedRung",
        )
    }
    conditions = {
        each["type"]: (each["status"], each["reason"], each["observedGeneration"])
        for each in status["conditions"]
    }
    shown = {index: tuple(row.get(name) for name in _OF_A_ROW) for index, row in rows(status).items()}
    more = {
        "rung of 2": rows(status)[2].get("rung"),
        "recent": sorted(status.get("recent", ())),
        "breaker": status.get("breaker"),
        "in the cache, MiB": status.get("fetch", {}).get("cachedMib"),
    }
    return plain | {"sums": sums, "conditions": conditions, "recordings": shown} | more


_OF_THE_CLOCK = ("queuedSeconds", "startingSeconds", "pullingSeconds", "gpuSeconds", "heldSeconds")
_OF_A_ROW = ("id", "state", "run", "chargedAttempts", "reason", "message", "disruptions", "rtf")


@dataclass
class Kubelet:
    """The script of the pods; remembers which of them ran."""

    way: Way
    played: list[tuple[int, int]] = field(default_factory=list)
    plans: int = 0

    def __post_init__(self) -> None:
        self._script = sequence(self.way.lives, count=COUNT)

    def __call__(self, pod: Json) -> Life:
        for order in orders_of(pod):
            if isinstance(order, IngestOrder | FetchOrder):
                self.played.append((order.item.index, order.run))
            self.plans += isinstance(order, PlanOrder)
        return self._script(pod)


class Eight:
    """The batch while it lives."""

    def __init__(
        self, scene: Scene, processes: OperatorProcesses, proxy: RunningProxy, webhook: Path | None
    ) -> None:
        self.scene, self._processes, self._proxy, self._webhook = scene, processes, proxy, webhook
        self._kubeconfig = proxy.kubeconfig_of(scene.namespace, MANAGER)
        self._log = scene.plane.folder / f"{scene.namespace}.log"
        self._operator: OperatorProcess | None = None
        self._killed = False
        self._before = 0
        self.starts = 0
        self.exits: list[int] = []

    def kill(self) -> None:
        """When this returns the operator is gone."""
        if self._operator is not None:
            self._killed = True
            self._operator.kill()

    def live(self, done: Callable[[], bool]) -> Json:
        """To the end of the batch, an operator always started again; its last status."""
        operator = self._start()
        while True:
            until(
                self._over,
                "the batch is complete, its Jobs are gone, and an operator has seen it",
                PATIENCE,
                LOOK,
            )
            operator = self._operator or operator
            code = None if done() else operator.end()
            if not self._killed:
                assert code in (None, 0), f"an operator that is asked to end, ends with {code}"
                return self.scene.status()

    def _start(self) -> OperatorProcess:
        arguments = ["--namespace", self.scene.namespace, "--port", "0", "--sweep-seconds", "10"]
        if self._webhook is not None:
            arguments += ["--webhook", str(self._webhook)]
        self._before = len(self._proxy.passed)
        self._killed = False
        self._operator = self._processes.start(self._kubeconfig, self._log, *arguments)
        self.starts += 1
        return self._operator

    def _over(self) -> bool:
        if self._operator is None or not self._operator.runs:
            if self._operator is not None and not self._killed:
                self.exits.append(self._operator.end())
            self._start()
        has_looked = any(each.asked.watch for each in self._proxy.passed[self._before :])
        status = self.scene.status()
        return (
            has_looked
            and status.get("state", "").startswith("Complete")
            and not any(each["delivery"] == "Pending" for each in status.get("notifications", ()))
            and not any(map(self.scene.jobs, (FETCH, INGEST, PLAN)))
        )

    def end_of_log(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


class Meddler:
    """Lets everything pass. Others choose what goes wrong, and when they have done it."""

    kill: Callable[[], None]
    """Kills the operator; set before the first request comes."""

    def __call__(self, asked: Asked) -> Fault | None:
        """The proxy's script."""
        del asked
        return None

    @property
    def done(self) -> bool:
        """Whether nothing is missed if the operator, at the end, is not asked to end, which takes seconds,
        but killed."""
        return False


def lived(
    plane: ControlPlane, processes: OperatorProcesses, meddler: Meddler | None = None, way: Way = ALONE
) -> Outcome:
    """The life of a batch in a namespace of its own."""
    began, mark, kubelet, meddler = time.monotonic(), plane.audit.now(), Kubelet(way), meddler or Meddler()
    with ExitStack() as ends:
        scene = ends.enter_context(_scene(plane, way))
        scene.play(kubelet)
        proxy = ends.enter_context(RunningProxy(plane, meddler))
        eight = Eight(scene, processes, proxy, way.webhook)
        meddler.kill = eight.kill
        try:
            status = eight.live(lambda: meddler.done)
        except (AssertionError, TimeoutError) as error:
            print(
                f"{scene.namespace}: {error}; the operator's last words:\n{eight.end_of_log()}",
                file=sys.stderr,
            )
            raise
        finally:
            eight.kill()
        audited = tuple(plane.audit.writes(mark, namespace=scene.namespace))
        seconds = round(time.monotonic() - began, 1)
        return Outcome(
            status,
            proxy.passed,
            audited,
            tuple(kubelet.played),
            kubelet.plans,
            eight.starts,
            tuple(eight.exits),
            seconds,
            way,
        )


@contextmanager
def _scene(plane: ControlPlane, way: Way) -> Iterator[Scene]:
    """A namespace with a batch in it, and an account that may serve it."""
    with a_namespace(plane) as namespace, ExitStack() as ends:
        scene = Scene(plane, namespace, ends)
        scene.allow()
        scene.secret()
        scene.profile(pods={"keepSucceededSeconds": 0, "keepFailedSeconds": 0, **way.pods})
        scene.batch(parallelism=3)
        yield scene
