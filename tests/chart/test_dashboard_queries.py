"""The queries of the dashboard, evaluated by Prometheus' own engine on what the operator and the reader
expose: each shows something, and the first event of a new process too."""

import json
import re
from collections.abc import Sequence
from functools import cache
from math import isnan

import pytest
import yaml
from prometheus_client import generate_latest

from ingest_contract.cost import CostStatus
from ingest_contract.failures import Reason
from ingest_contract.notifications import Delivery
from ingest_contract.profile_status import IngestProfileStatus, RetentionStatus
from ingest_contract.receipt import Memory, StageFigures
from ingest_contract.stages import Stage
from ingest_operator.core.conditions import ConditionType, as_conditions
from ingest_operator.core.outcome import Waits
from ingest_operator.core.profile_readiness import ready
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_reader.metrics import Metrics as ReaderMetrics
from testkit.objects.builders import NOW, a_receipt, a_run, ended_by, in_another_language, over
from testkit.objects.statuses import a_status
from testkit.prometheus.engine import SCRAPE_SECONDS, values
from tests.support.chart import CHART, Json, case, objects_in, of_kind, template
from tests.support.exposed import (
    HOUR,
    MINUTE,
    TALKS,
    OperatorProcess,
    Story,
    Tell,
    a_target,
    born,
    notified,
    out_of_reach,
)

EXPRESSIONS = [
    target["expr"]
    for panel in yaml.safe_load((CHART / "files" / "dashboard.yaml").read_text(encoding="utf-8"))["panels"]
    for target in panel["targets"]
]


def dashboard(objects: Sequence[Json]) -> list[tuple[str, Json]]:
    """(title of its panel, query) of every query."""
    (found,) = of_kind(objects, "ConfigMap", "-dashboard")
    board = json.loads(found["data"]["video-ingest.json"])
    return [(panel["title"], target) for panel in board["panels"] for target in panel["targets"]]


@cache
def queries() -> list[tuple[str, Json]]:
    return dashboard(case("everything"))


def seconds(interval: str) -> int:
    return int(interval[:-1]) * {"s": 1, "m": MINUTE, "h": HOUR}[interval[-1]]


def asked(target: Json) -> str:
    """As Grafana asks when it is zoomed in as far as it goes."""
    step = seconds(target.get("interval", "15s"))
    expression: str = target["expr"]
    return expression.replace("$__rate_interval", f"{4 * step}s")


def retained(process: OperatorProcess, reason: Reason | None = None) -> None:
    kept = (ConditionType.RETENTION_KEPT, reason is None, reason or "Kept", "")
    conditions = tuple(as_conditions([kept, ready((), ())], NOW, 1))
    before = RetentionStatus(run=1, started_at=to_rfc3339(NOW))
    after = before.model_copy(update={"ended_at": to_rfc3339(NOW), "total_recordings": 4, "reason": reason})
    status = IngestProfileStatus(conditions=conditions, retention=after)
    process.metrics.retained(status.model_copy(update={"retention": before}), status)
    process.metrics.profile("default", "gpus", status)


def ran(process: OperatorProcess) -> None:
    """A run that leaves something of everything that a Receipt can say."""
    stages = {stage: StageFigures(seconds=40, halvings=1, computing_seconds=30) for stage in Stage}
    memory = Memory(peak_rss_mib=1, gpu_uuid="GPU-1", free_vram_at_start_mib=40_000)
    receipt = a_receipt(stages=stages, memory=memory, computing_seconds=300)
    waits = Waits(queued=100, starting=2, pulling=1)
    run = over(
        a_run(0, waits=waits, gpu_seconds=140.0, held_seconds=70.0), ended=ended_by(None, receipt=receipt)
    )
    process.metrics.folded(run)
    cost = CostStatus(currency="EUR", gpu_hour="2.49", total="2.49")
    process.metrics.paid(a_status().model_copy(update={"cost": cost}), run)
    process.metrics.folded(over(a_run(1, rung=1), Reason.GPU_OUT_OF_MEMORY))
    process.metrics.folded(over(a_run(2), ended=in_another_language()))


def worked(process: OperatorProcess) -> None:
    """Some minutes of everything."""
    metrics: Metrics = process.metrics
    ran(process)
    notified(Delivery.DELIVERED, 1)(process)
    retained(process)
    broken = over(a_run(1, node="gpu-7"), Reason.GPU_BROKEN)
    metrics.accepted(TALKS, None, a_status(over(a_run(0), Reason.BOT_CHECK), broken, over(a_run(2))))
    process.waiting["batch"] = 3
    out_of_reach("media")(process)
    metrics.reconciled("batch", 0.2, None)
    metrics.reconciled("batch", 0.3, "BusyError")
    metrics.api_request("create", "jobs", 201, 0.1)
    metrics.event("posted")
    metrics.schedule(fired=True, missed=1)


def read(metrics: ReaderMetrics) -> None:
    metrics.requests.labels("/api/v1/search", "200").inc()
    metrics.request_seconds.labels("/api/v1/search").observe(0.1)
    metrics.search_seconds.labels("found").observe(0.1)
    metrics.store_errors.labels(Reason.DATABASE_UNAVAILABLE.value).inc()


@cache
def shown() -> dict[str, list[float]]:
    """What every query of the dashboard gives after a busy hour."""
    story, reader, reading = Story(), a_target("-reader"), ReaderMetrics()
    process = story.operator()
    story.targets.append(reader)
    for second in range(0, HOUR, MINUTE):
        worked(process)
        process.scraped(second)
        read(reading)
        reader.answer(second, born(generate_latest(reading.registry).decode(), 0))
    expressions = [asked(target) for _, target in queries()]
    found = values(story.targets, expressions, HOUR + SCRAPE_SECONDS // 2)
    return {
        expression: [value for _, value in each] for expression, each in zip(expressions, found, strict=True)
    }


@pytest.mark.parametrize("number", range(len(EXPRESSIONS)), ids=EXPRESSIONS)
def test_a_query_of_the_dashboard_shows_something_of_a_busy_hour(number: int) -> None:
    _, target = queries()[number]
    assert target["expr"] == EXPRESSIONS[number]
    found = shown()[asked(target)]
    assert found, "it is empty"
    assert not any(isnan(value) for value in found), "it has holes"
    assert any(value > 0 for value in found), "it shows zeros only"


def test_legends_name_labels_that_the_results_have() -> None:
    story = Story()
    process = story.operator()
    worked(process)
    process.scraped(0)
    worked(process)
    process.scraped(MINUTE)
    reader, reading = a_target("-reader"), ReaderMetrics()
    story.targets.append(reader)
    for second in (0, MINUTE):
        read(reading)
        reader.answer(second, born(generate_latest(reading.registry).decode(), 0))
    targets = [target for _, target in queries()]
    for target, found in zip(
        targets, values(story.targets, [asked(each) for each in targets], MINUTE + 10), strict=True
    ):
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert found
        assert all(named <= set(labels) for labels, _ in found), target["expr"]


@pytest.mark.parametrize("values_of", ["everything", "service-monitor"])
def test_rates_are_of_four_scrapes_of_the_monitor(values_of: str) -> None:
    ours = objects_in(
        template(CHART / "ci" / f"{values_of}-values.yaml", settings={"monitoring.dashboard.enabled": True})
    )
    monitors = [each["spec"] for kind in ("PodMonitor", "ServiceMonitor") for each in of_kind(ours, kind)]
    scraped = {
        endpoint["interval"]
        for spec in monitors
        for endpoint in spec.get("podMetricsEndpoints") or spec["endpoints"]
    }
    rates = [target for _, target in dashboard(ours) if "$__rate_interval" in target["expr"]]
    assert {each.get("interval") for each in rates} == scraped


FIRST: dict[str, Tell] = {
    "video_ingest_outcomes_total": lambda it: it.metrics.accepted(TALKS, None, a_status(over(a_run(0)))),
    "video_ingest_runs_total": ran,
    "video_ingest_out_of_memory_total": ran,
    "video_ingest_batch_halvings_total": ran,
    "video_ingest_language_doubted_total": ran,
    "video_ingest_schedule_fires_total": lambda it: it.metrics.schedule(fired=True, missed=0),
    "video_ingest_notifications_total": notified(Delivery.DELIVERED, 1),
    "video_ingest_retention_runs_total": retained,
    "video_ingest_retention_recordings_total": retained,
}


@pytest.mark.parametrize("metric", FIRST)
def test_the_first_event_that_an_operator_counts_is_seen(metric: str) -> None:
    story = Story()
    process = story.operator()
    process.scraped(0)
    FIRST[metric](process)
    process.scraped(10 * MINUTE)
    (expression,) = (asked(target) for _, target in queries() if f"increase({metric}[" in target["expr"])
    (found,) = values(story.targets, [expression], 20 * MINUTE)
    assert any(value > 0 for _, value in found)


def test_the_first_answer_that_a_store_owes_a_reader_is_seen() -> None:
    reader, reading = a_target("-reader"), ReaderMetrics()
    reader.answer(0, born(generate_latest(reading.registry).decode(), 0))
    read(reading)
    reader.answer(10 * MINUTE, born(generate_latest(reading.registry).decode(), 0))
    (expression,) = (asked(each) for _, each in queries() if "reader_store_errors" in each["expr"])
    ((labels, value),) = values([reader], [expression], 20 * MINUTE)[0]
    assert (labels, round(value)) == ({"reason": "DatabaseUnavailable"}, 1)
