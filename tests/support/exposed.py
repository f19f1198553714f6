"""What pods expose over some hours, from the real registries and with the labels of the chart's monitors, for
Prometheus' engine (testkit/prometheus)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from ingest_contract.failures import Reason
from ingest_contract.notifications import Delivery, Notification, NotifiedState
from ingest_contract.receipt import Memory
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.outcome import Waits
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.telemetry.metrics import Metrics
from testkit.objects.builders import NOW, a_receipt, a_run, ended_by, over
from testkit.objects.statuses import a_status
from testkit.prometheus.engine import BEGIN, RULES_SECONDS, Alert, Target, alerts
from tests.support.chart import NAMESPACE, Json, case, of_kind

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

KINDS = ("batch", "schedule", "profile", "voice")
"""Of the operator's queues."""

TALKS: Json = {"metadata": {"namespace": "default", "name": "talks"}}

_ADDRESSES = count(1)


def rules() -> list[Json]:
    """The alerts as the chart renders them."""
    (rule,) = of_kind(case("everything"), "PrometheusRule")
    (group,) = rule["spec"]["groups"]
    found: list[Json] = group["rules"]
    return found


def a_target(ending: str, namespace: str = NAMESPACE) -> Target:
    """A new pod that the monitor whose name ends so has scraped."""
    (monitor,) = of_kind(case("everything"), "PodMonitor", ending)
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    number = next(_ADDRESSES)
    labels = {
        "job": f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}",
        "instance": f"10.0.{number // 256}.{number % 256}:8080",
        "namespace": namespace,
        "pod": f"pod-{number}",
    }
    return Target(labels, honor_labels=endpoint.get("honorLabels", False))


def born(text: str, second: int) -> str:
    """An exposition, of a process that began then."""
    began, found = re.subn(
        r"^(process_start_time_seconds) .*$", rf"\1 {BEGIN + second}", text, flags=re.MULTILINE
    )
    assert found == 1
    return began


@dataclass
class OperatorProcess:
    """One process of the operator, in a pod."""

    began: int
    """Second."""
    target: Target
    metrics: Metrics = field(default_factory=Metrics)
    answers: bool = True
    """Whether a scrape gets anything."""

    def __post_init__(self) -> None:
        self.waiting = dict.fromkeys(KINDS, 0)
        for kind in KINDS:
            self.metrics.queue(kind, lambda kind=kind: self.waiting[kind])

    def scraped(self, second: int) -> None:
        """What it counts by now is what scrapes find from this second on."""
        text = born(self.metrics.exposition().decode(), self.began)
        self.target.answer(second, text if self.answers else None)

    def away(self, second: int) -> None:
        """It answers no scrape from here on."""
        self.target.answer(second, None)


@dataclass
class Story:
    """What happens, and what Prometheus makes of it."""

    targets: list[Target] = field(default_factory=list)

    def operator(self, second: int = 0) -> OperatorProcess:
        """The operator begins in a new pod; the first scrape is another call."""
        process = OperatorProcess(second, a_target("-operator-operator"))
        self.targets.append(process.target)
        return process

    def again(self, before: OperatorProcess, second: int) -> OperatorProcess:
        """Its container is restarted: another process at the same address."""
        return OperatorProcess(second, before.target)

    def fires(self, until: int, only: str = "", every: int = RULES_SECONDS) -> list[Alert]:
        """What fired at one evaluation at least; `only` one rule spares the time of the others."""
        asked = [each for each in rules() if only in ("", each["alert"])]
        return [each for each in alerts(self.targets, asked, until, every) if each.fired]


Tell = Callable[[OperatorProcess], None]
"""What an operator sees."""


def with_status(status: IngestBatchStatus) -> Tell:
    return lambda process: process.metrics.accepted(TALKS, None, status)


def given_up(number: int, reason: Reason = Reason.NOT_FOUND) -> Tell:
    """So many recordings of a batch of its own."""
    return with_status(a_status(*(over(a_run(index), reason) for index in range(number)), count=100))


def notified(delivery: Delivery, attempts: int) -> Tell:
    told = Notification(
        id="a" * 32, state=NotifiedState.COMPLETE, reason="Succeeded", at=to_rfc3339(NOW),
        delivery=delivery, attempts=attempts,
    )  # fmt: skip
    return with_status(a_status().model_copy(update={"notifications": (told,)}))


def out_of_memory(number: int, rung: int) -> Tell:
    def tell(process: OperatorProcess) -> None:
        for index in range(number):
            process.metrics.folded(over(a_run(index, rung=rung), Reason.GPU_OUT_OF_MEMORY))

    return tell


def free_at_start(mib: int) -> Tell:
    memory = Memory(peak_rss_mib=1, gpu_uuid="GPU-1", free_vram_at_start_mib=mib)
    return lambda process: process.metrics.folded(
        over(a_run(0), ended=ended_by(None, receipt=a_receipt(memory=memory)))
    )


def waited(seconds: float) -> Tell:
    return lambda process: process.metrics.folded(over(a_run(0, waits=Waits(queued=seconds))))


def missed(process: OperatorProcess) -> None:
    process.metrics.schedule(fired=False, missed=1)


def waiting(keys: int) -> Tell:
    return lambda process: process.waiting.update(batch=keys)


def out_of_reach(*namespaces: str) -> Tell:
    """These are, of the two that it serves."""
    return lambda process: process.metrics.out_of_reach(
        {each: each in namespaces for each in ("default", "media")}
    )


def failing_look(process: OperatorProcess) -> None:
    process.metrics.reconciled("batch", 0.2, "BusyError")


def unanswered(process: OperatorProcess) -> None:
    process.metrics.api_request("get", "ingestbatches", 0, 10.0)


def gone(process: OperatorProcess) -> None:
    process.answers = False
