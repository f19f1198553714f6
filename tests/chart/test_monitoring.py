"""Monitors, alerts and the dashboard:
what they name is what the operator exposes, and every alert has its page."""

import json
import re

import pytest
import yaml
from prometheus_client import generate_latest

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_operator.core.actions import Start
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_reader.metrics import Metrics as ReaderMetrics
from testkit.objects.manifests import ITEM, OWNER, orders_for
from tests.support.chart import CHART, NAMESPACE, Json, case, of_kind

HOUSE = CHART.parents[1]
ALERTS: list[Json] = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD: Json = yaml.safe_load((CHART / "files" / "dashboard.yaml").read_text(encoding="utf-8"))
SERIES = re.compile(r"video_ingest_\w+")
ROW = re.compile(r"\| `(video_ingest_\w+)` \| (\w+) \| (.*?) \|")
PAGE = {
    name: (kind, set(re.findall(r"`(\w+)`", labels)))
    for name, kind, labels in ROW.findall((HOUSE / "docs/metrics.md").read_text("utf-8"))
}


def expressions() -> list[str]:
    return [alert["expr"] for alert in ALERTS] + [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
    ]


def series() -> set[str]:
    """Every series that the documented metrics have."""
    endings = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + ending for name, (kind, _) in PAGE.items() for ending in endings.get(kind, ("",))}


def test_the_page_of_metrics_is_that_of_the_operator_and_the_reader() -> None:
    exposed = set(re.findall(r"^# TYPE (video_ingest_\w+)", Metrics().exposition().decode(), re.MULTILINE))
    read = set(
        re.findall(
            r"^# TYPE (video_ingest_\w+)", generate_latest(ReaderMetrics().registry).decode(), re.MULTILINE
        )
    )
    assert exposed | read == set(PAGE)


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_names_series_and_labels_that_there_are(expression: str) -> None:
    named = set(SERIES.findall(expression))
    assert named
    assert named <= series()
    labels = {
        label
        for name in named
        for label in PAGE[re.sub(r"_(bucket|sum|count)$", "", name) if name not in PAGE else name][1]
    } | {"le", "namespace"}  # the second is Prometheus' own: of the pod that was scraped
    grouped = {
        label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")
    }
    chosen = set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!=|=|!~)", expression))
    assert grouped | chosen <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in SERIES.findall(target["expr"])
    }
    assert {name for name in PAGE if not any(each.startswith(name) for each in shown)} == set()


def test_the_dashboard_is_whole() -> None:
    (found,) = [
        each
        for each in of_kind(case("everything"), "ConfigMap")
        if each["metadata"]["name"].endswith("-dashboard")
    ]
    board = json.loads(found["data"]["video-ingest.json"])
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))
    places = {
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"])
        for panel in board["panels"]
        for x in range(panel["gridPos"]["w"])
    }
    assert len(places) == sum(panel["gridPos"]["w"] for panel in board["panels"])
    assert max(x for x, _ in places) < 24


def test_every_alert_says_what_it_is_and_has_its_page() -> None:
    headings = re.findall(r"^## (\w+)$", (HOUSE / "docs/alerts.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [alert["alert"] for alert in ALERTS]
    (rule,) = of_kind(case("everything"), "PrometheusRule")
    (group,) = rule["spec"]["groups"]
    assert group["rules"][0]["expr"] == f'absent(video_ingest_queue_keys{{namespace="{NAMESPACE}"}})'
    for alert in group["rules"]:
        assert alert["labels"]["severity"] in ("info", "warning", "critical")
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["description"].endswith(".")
        assert (
            alert["annotations"]["runbook_url"]
            == f"https://git.example.org/ingest/blob/main/docs/alerts.md#{alert['alert'].lower()}"
        )


def test_states_and_reasons_in_expressions_are_words_that_there_are() -> None:
    states = {
        "Planning",
        "Running",
        "Stalled",
        "Suspended",
        "Suspending",
        "Failed",
        "Complete",
        "CompleteWithFailures",
        "DryRun",
        "Pending",
    }
    for expression in expressions():
        assert set(re.findall(r'state="(\w+)"', expression)) <= states
        assert set(re.findall(r'reason="(\w+)"', expression)) <= {
            "Succeeded",
            *(reason.value for reason in Reason),
        }


def test_what_is_skipped_is_not_reported_as_given_up() -> None:
    (expression,) = (each["expr"] for each in ALERTS if each["alert"] == "VideoIngestRecordingsGivenUp")
    (left_out,) = set(re.findall(r'reason!~"([\w|]+)"', expression))
    skipped = {reason.value for reason, row in FAILURES.items() if row.verdict is Verdict.SKIP}
    assert set(left_out.split("|")) == {"Succeeded", *skipped}


@pytest.mark.parametrize("alert", ALERTS, ids=[each["alert"] for each in ALERTS])
def test_an_alert_about_single_events_counts_what_a_new_process_counted_before_it_was_first_asked(
    alert: Json,
) -> None:
    """`rate` over a while of trouble does not need that: trouble that lasts is seen in the next minutes."""
    lasting = {"VideoIngestReconcileErrors", "VideoIngestApiServerRefuses", "VideoIngestWaitsForGpu"}
    counted = re.findall(r"(?:increase|rate)\((video_ingest\w+)(\{.*?\})?\[(\d+)([mhd])\]\)", alert["expr"])
    if not counted or alert["alert"] in lasting:
        assert not counted or "for" in alert
        return
    ((name, chosen, number, unit),) = set(counted)
    seconds = int(number) * {"m": 60, "h": 3_600, "d": 86_400}[unit]
    young = f"({name}{chosen} and on (job, instance) (time() - process_start_time_seconds < {seconds}))"
    rise = f"increase({name}{chosen}[{number}{unit}])"
    assert f"({young} > {rise} or {rise})" in alert["expr"]
    exposed = Metrics().exposition().decode()
    assert re.search(r"^process_start_time_seconds \d", exposed, re.MULTILINE)
    assert re.search(rf"^{name}(\{{.*\}})? 0\.0$", exposed, re.MULTILINE), "it begins at zero"


def test_the_monitors_find_the_pods_that_they_are_for() -> None:
    everything = case("everything")
    (deployment,) = of_kind(everything, "Deployment", "-ingest-operator")
    (operator,) = of_kind(everything, "PodMonitor", "-operator-operator")
    assert (
        operator["spec"]["selector"]["matchLabels"].items()
        <= deployment["spec"]["template"]["metadata"]["labels"].items()
    )
    assert operator["metadata"]["labels"]["release"] == "prometheus"
    (workers,) = of_kind(everything, "PodMonitor", "-worker")
    job = run_job(
        OWNER, orders_for(), ITEM, Start(index=0, number=1, charged_attempts=0, rung=0, disruptions=0)
    )
    assert (
        workers["spec"]["selector"]["matchLabels"].items()
        <= job["spec"]["template"]["metadata"]["labels"].items()
    )
    (service,) = of_kind(case("service-monitor"), "Service", "-ingest-operator")
    (monitor,) = of_kind(case("service-monitor"), "ServiceMonitor", "-ingest-operator")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    assert monitor["spec"]["endpoints"] == [
        {"port": port["name"], "path": "/metrics", "interval": "1m", "honorLabels": True}
    ]


def test_the_reader_is_scraped_on_a_port_that_its_pod_has_and_no_ingress_leads_to() -> None:
    (deployment,) = of_kind(case("everything"), "Deployment", "-reader")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    (pods,) = of_kind(case("everything"), "PodMonitor", "-reader")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert pods["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert [each["port"] for each in pods["spec"]["podMetricsEndpoints"]] == ["metrics"]
    (monitor,) = of_kind(case("service-monitor"), "ServiceMonitor", "-reader")
    chosen = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = [
        each
        for each in of_kind(case("service-monitor"), "Service")
        if chosen <= each["metadata"]["labels"].items()
    ]
    (scraped,) = of_kind(case("service-monitor"), "Deployment", "-reader")
    labels = scraped["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["metrics"]
    assert [each["port"] for each in monitor["spec"]["endpoints"]] == [
        each["name"] for each in service["spec"]["ports"]
    ]
    (policy,) = of_kind(case("service-monitor"), "NetworkPolicy", "-reader")
    people, prometheus = policy["spec"]["ingress"]
    assert (people["ports"][0]["port"], prometheus["ports"][0]["port"]) == (ports["http"], ports["metrics"])
    (ingress,) = of_kind(case("service-monitor"), "Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["port"] == {"name": "http"}


def test_a_batch_is_counted_where_it_is_and_not_where_the_operator_is() -> None:
    """Without `honorLabels` Prometheus calls the label `exported_namespace`, and its own `namespace` is that
    of the pod it asked."""
    ours = {name for name, (_, labels) in PAGE.items() if "namespace" in labels}
    assert ours == {
        "video_ingest_batches", "video_ingest_namespace_out_of_reach", "video_ingest_profiles",
        "video_ingest_recordings", "video_ingest_retention_profiles",
    }  # fmt: skip
    (operator,) = of_kind(case("everything"), "PodMonitor", "-operator-operator")
    (endpoint,) = operator["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True
