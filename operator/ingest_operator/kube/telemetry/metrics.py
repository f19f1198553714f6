"""The operator's metrics for Prometheus: its own work, the outcomes of runs and recordings, and the current
state.

Nothing here is read back: a restart begins at zero, as Prometheus expects. Labels are words of the contract,
namespaces, nodes or GPUs; no series has the name of a batch or of a recording. Every metric has its row in
`docs/metrics.md`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_contract.profile_status import IngestProfileStatus, RetentionStatus
from ingest_contract.receipt import Receipt
from ingest_contract.stages import Stage
from ingest_contract.status import RTF_BUCKETS, IngestBatchStatus
from ingest_operator.core.cost import amount
from ingest_operator.core.memory_ladder import LAST_RUNG
from ingest_operator.core.outcome import Run, outcome_of
from ingest_operator.core.phases import Phase
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.telemetry.gauges import CurrentGauges
from ingest_operator.kube.telemetry.status_diff import (
    failed_since,
    notified_since,
    skipped_since,
    succeeded_since,
)

SUCCEEDED: Final = "Succeeded"
"""The `reason` label of a success."""

_REQUEST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds of a request, or of a reconcile, which is made of requests."""

_WORK: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0)
"""Seconds of a stage or of a wait: from a short recording on a GPU to a long one on a CPU."""

_MEMORIES: Final = {Reason.GPU_OUT_OF_MEMORY: "gpu", Reason.HOST_OUT_OF_MEMORY: "host"}


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._shown = _WithoutBirthdays(registry)
        self._gauges = CurrentGauges()
        registry.register(self._gauges)
        ProcessCollector(registry=registry)
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self._reconciles = histogram(
            "video_ingest_reconcile_seconds", "Reconciles of one object.", ["kind"], buckets=_REQUEST
        )
        self._reconcile_errors = counter(
            "video_ingest_reconcile_errors_total", "Reconciles that failed.", ["kind", "error"]
        )
        self._queue = Gauge(
            "video_ingest_queue_keys",
            "Objects that wait for a reconcile.",
            ["kind"],
            registry=registry,
        )
        self._away = Gauge(
            "video_ingest_namespace_out_of_reach",
            "Whether every list in a watched namespace is refused: 1, or 0.",
            ["namespace"],
            registry=registry,
        )
        self._requests = counter(
            "video_ingest_api_requests_total", "Requests to the API server.", ["verb", "resource", "status"]
        )
        self._request_seconds = histogram(
            "video_ingest_api_request_seconds",
            "Requests to the API server, repetitions included.",
            ["verb", "resource"],
            buckets=_REQUEST,
        )
        self._events = counter(
            "video_ingest_events_total", "Kubernetes Events, by what became of them.", ["result"]
        )
        self._fires = counter("video_ingest_schedule_fires_total", "Batches that schedules made.")
        self._missed = counter("video_ingest_schedule_missed_total", "Times of schedules that were missed.")
        self._outcomes = counter("video_ingest_outcomes_total", "Recordings that became final.", ["reason"])
        self._runs = counter(
            "video_ingest_runs_total", "Processes that ended, tried again or not.", ["role", "reason"]
        )
        self._media = counter("video_ingest_media_seconds_total", "Media that came into the store.")
        self._doubted = counter(
            "video_ingest_language_doubted_total", "Recordings in another language than the one ordered."
        )
        self._gpus = counter(
            "video_ingest_gpu_seconds_total", "Time for which processes held GPUs, each GPU counted."
        )
        self._cost = counter(
            "video_ingest_cost_total", "What GPUs cost, where profiles say what an hour does.", ["currency"]
        )
        self._held = counter(
            "video_ingest_held_seconds_total", "Time for which processes held their device, GPU or CPU."
        )
        self._computing = counter(
            "video_ingest_computing_seconds_total", "Time of it in which the device computed."
        )
        self._stages_computing = counter(
            "video_ingest_stage_computing_seconds_total", "The same, by stage.", ["stage"]
        )
        self._waits = histogram(
            "video_ingest_wait_seconds",
            "What a process waited for before it began.",
            ["phase"],
            buckets=_WORK,
        )
        self._rtf = histogram(
            "video_ingest_rtf_ratio", "Processing time over media time of successes.", buckets=RTF_BUCKETS
        )
        self._stages = histogram(
            "video_ingest_stage_seconds", "Computed stages of successes.", ["stage"], buckets=_WORK
        )
        self._overhead = histogram(
            "video_ingest_overhead_seconds", "Time in no stage of successes.", buckets=_WORK
        )
        self._out_of_memory = counter(
            "video_ingest_out_of_memory_total", "Processes that ran out of memory.", ["memory", "rung"]
        )
        self._halvings = counter(
            "video_ingest_batch_halvings_total", "Batches halved in a process to fit into a GPU.", ["stage"]
        )
        self._retention_runs = counter(
            "video_ingest_retention_runs_total", "Runs that enforce retention, by how they ended.", ["reason"]
        )
        self._retained = counter(
            "video_ingest_retention_recordings_total", "Recordings that retention has forgotten."
        )
        self._notifications = counter(
            "video_ingest_notifications_total", "Attempts to tell the webhook, by outcome.", ["result"]
        )
        self._begin()

    def _begin(self) -> None:
        """Initialise series at zero: in a series that begins with its first event,
        `rate` does not see that event."""
        for reason in (SUCCEEDED, *Reason):
            for phase in Phase:
                self._runs.labels(phase.value.lower(), reason)
            self._outcomes.labels(reason)
            self._retention_runs.labels(reason)
        for result in ("delivered", "failed", "given_up"):
            self._notifications.labels(result)
        for stage in Stage:
            self._halvings.labels(stage)
        for memory in _MEMORIES.values():
            for rung in range(LAST_RUNG + 1):
                self._out_of_memory.labels(memory, rung)

    def api_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """A request to the API server was answered, or got no answer (status 0)."""
        self._requests.labels(verb, resource, f"{status // 100}xx" if status else "unanswered").inc()
        self._request_seconds.labels(verb, resource).observe(seconds)

    def reconciled(self, kind: str, seconds: float, error: str | None) -> None:
        """A reconcile of a `batch`, a `schedule` or a `profile` has ended; `error` is the class of its
        exception."""
        self._reconciles.labels(kind).observe(seconds)
        if error is not None:
            self._reconcile_errors.labels(kind, error).inc()

    def queue(self, kind: str, waiting: Callable[[], int]) -> None:
        """Call `waiting` for the length of a queue whenever metrics are read."""
        self._queue.labels(kind).set_function(waiting)

    def out_of_reach(self, namespaces: Mapping[str, bool]) -> None:
        """Whether each watched namespace is out of reach."""
        for namespace, away in namespaces.items():
            self._away.labels(namespace).set(away)

    def event(self, result: str) -> None:
        """An Event was posted, or not."""
        self._events.labels(result).inc()

    def schedule(self, *, fired: bool, missed: int) -> None:
        """The result of a reconcile of a schedule."""
        self._fires.inc(fired)
        self._missed.inc(missed)

    def seen(self, batch: Object, status: IngestBatchStatus | None) -> None:
        """A batch as it was found, with its status: this gives a restarted operator the current state."""
        self._gauges.batch(batch["metadata"]["namespace"], batch["metadata"]["name"], status)

    def accepted(self, batch: Object, before: IngestBatchStatus | None, after: IngestBatchStatus) -> None:
        """A status was accepted that replaces another one."""
        self.seen(batch, after)
        finals = failed_since(before, after) + skipped_since(before, after)
        for reason, count in finals.items():
            self._outcomes.labels(reason).inc(count)
        self._outcomes.labels(SUCCEEDED).inc(succeeded_since(before, after))
        for result, count in notified_since(before, after).items():
            self._notifications.labels(result).inc(count)

    def paid(self, status: IngestBatchStatus, run: Run) -> None:
        """The end of a run was recorded by this status; call this once per run."""
        if status.cost is not None:
            self._cost.labels(status.cost.currency).inc(amount(status.cost.gpu_hour, run.gpu_seconds))

    def forgotten(self, namespace: str, name: str) -> None:
        """A batch is gone."""
        self._gauges.batch(namespace, name, None)

    def profile(self, namespace: str, name: str, status: IngestProfileStatus | None) -> None:
        """The current status of a profile; None when it is gone."""
        self._gauges.profile(namespace, name, status)

    def retained(self, before: IngestProfileStatus, after: IngestProfileStatus) -> None:
        """A profile's status was accepted: what it says anew of its retention."""
        was, now = before.retention or RetentionStatus(), after.retention
        if now is None or now.under_way or not was.under_way:
            return
        self._retention_runs.labels(now.reason or SUCCEEDED).inc()
        self._retained.inc(max(0, now.total_recordings - was.total_recordings))

    def folded(self, run: Run) -> None:
        """The end of a run was recorded; call this once per run."""
        assert run.ended is not None, "only a run that is over has an outcome"  # noqa: S101 -- a mistake of the caller
        outcome = outcome_of(run.ended)
        self._runs.labels(run.phase.value.lower(), outcome.reason or SUCCEEDED).inc()
        self._gpus.inc(run.gpu_seconds)
        self._held.inc(run.held_seconds)
        if outcome.reason in _MEMORIES:
            self._out_of_memory.labels(_MEMORIES[outcome.reason], run.rung).inc()
        if run.waits is not None:
            for phase in ("queued", "starting", "pulling"):
                self._waits.labels(phase).observe(getattr(run.waits, phase))
        if outcome.receipt is not None:
            self._of_receipt(outcome.receipt, run.phase, succeeded=outcome.succeeded)

    def _of_receipt(self, receipt: Receipt, phase: Phase, *, succeeded: bool) -> None:
        """What the worker itself reports."""
        self._computing.inc(receipt.computing_seconds)
        if receipt.memory is not None:
            self._gauges.gpu(receipt.memory)
        for stage, figures in receipt.stages.items():
            self._halvings.labels(stage).inc(figures.halvings)
            self._stages_computing.labels(stage).inc(figures.computing_seconds)
            if succeeded and not figures.resumed:
                self._stages.labels(stage).observe(figures.seconds)
        if succeeded and phase is Phase.INGEST:
            self._media.inc(receipt.media_seconds)
            self._doubted.inc(receipt.quality is not None and receipt.quality.sounds_like is not None)
            self._overhead.observe(receipt.overhead_seconds)
            if receipt.rtf is not None:
                self._rtf.observe(receipt.rtf)

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text form."""
        return generate_latest(self._shown)


class _WithoutBirthdays(Collector):
    """A registry without the `_created` series that would double it;
    the library's own switch for them is global."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @override
    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
