"""What the operator counts: each thing once, from what was accepted, in a form that Prometheus reads and a
page that names all of it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest_contract.conditions import ConditionType
from ingest_contract.cost import CostStatus
from ingest_contract.failures import Reason
from ingest_contract.profile_status import IngestProfileStatus, RetentionStatus
from ingest_contract.receipt import Memory, StageFigures
from ingest_contract.stages import Stage
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Run, Waits
from ingest_operator.core.phases import Phase
from ingest_operator.core.profile_readiness import Finding, ready
from ingest_operator.core.status import MAX_LISTED_FAILURES
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.telemetry.gauges import GPUS
from ingest_operator.kube.telemetry.metrics import Metrics
from testkit.objects.builders import (
    NOW,
    a_failure,
    a_receipt,
    a_run,
    ended_by,
    folded,
    in_another_language,
    over,
)
from testkit.objects.statuses import a_status

PAGE = Path(__file__).resolve().parents[4] / "docs/metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def a_batch(name: str = "talks", namespace: str = "default") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}}


def values(metrics: Metrics, name: str) -> Mapping[tuple[str, ...], float]:
    """The values of one series, by its labels' values; those that are zero left out."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.value
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_items_and_batches_stand_as_the_newest_statuses_say_and_go_with_their_batches(
    metrics: Metrics,
) -> None:
    metrics.accepted(a_batch("a"), None, a_status(a_run(0)))
    metrics.accepted(a_batch("a"), a_status(a_run(0)), a_status(over(a_run(0)), a_run(1)))
    metrics.seen(a_batch("b"), a_status(over(a_run(0)), count=1))
    metrics.seen(a_batch("c", "other"), a_status(count=3))
    assert values(metrics, "video_ingest_recordings") == {
        ("default", "Pending"): 8, ("default", "Running"): 1, ("default", "Succeeded"): 2,
        ("other", "Pending"): 3,
    }  # fmt: skip
    assert values(metrics, "video_ingest_batches") == {
        ("default", "Running"): 1,
        ("default", "Complete"): 1,
        ("other", "Running"): 1,
    }
    metrics.forgotten("default", "a")
    metrics.forgotten("other", "c")
    metrics.forgotten("other", "c")
    assert values(metrics, "video_ingest_recordings") == {("default", "Succeeded"): 1}
    assert values(metrics, "video_ingest_batches") == {("default", "Complete"): 1}


def test_what_is_seen_again_is_not_counted_again(metrics: Metrics) -> None:
    done = a_status(over(a_run(0)), over(a_run(1), Reason.PRIVATE), over(a_run(2), Reason.NOT_FOUND))
    metrics.seen(a_batch(), done)
    assert values(metrics, "video_ingest_outcomes_total") == {}
    metrics.accepted(a_batch(), None, done)
    metrics.accepted(a_batch(), done, done)
    expected = {("Succeeded",): 1, ("Private",): 1, ("NotFound",): 1}
    assert values(metrics, "video_ingest_outcomes_total") == expected
    more = a_status(
        *(over(a_run(index)) for index in (0, 4, 5)),
        over(a_run(2), Reason.NOT_FOUND),
        over(a_run(3), Reason.NOT_FOUND),
    )
    metrics.accepted(a_batch(), done, more)
    assert values(metrics, "video_ingest_outcomes_total") == expected | {("Succeeded",): 3, ("NotFound",): 2}


def test_a_recording_that_fails_in_another_pass_is_another_outcome(metrics: Metrics) -> None:
    ledger = folded(Ledger(), *(over(a_run(index), Reason.NOT_FOUND) for index in range(2)))
    failed = a_status(ledger=ledger)
    only = {"retry_failed": "again", "retry_recordings": "0"}
    began, ledger = a_status(ledger=ledger, **only), folded(ledger, **only)
    again = a_status(over(a_run(0, 2), Reason.NOT_FOUND), ledger=ledger, **only)
    assert [each.counts.failed for each in (failed, began, again)] == [2, 1, 2]
    metrics.accepted(a_batch(), None, failed)
    metrics.accepted(a_batch(), failed, began)
    metrics.accepted(a_batch(), began, again)
    assert values(metrics, "video_ingest_outcomes_total") == {("NotFound",): 3}


def test_failures_are_counted_also_where_there_are_too_many_to_be_listed(metrics: Metrics) -> None:
    ledger, before, listed = Ledger(), None, list[bool]()
    for new in (range(MAX_LISTED_FAILURES), range(500, 503), range(600, 604)):
        ledger = folded(ledger, *(over(a_run(index), Reason.NOT_FOUND) for index in new))
        after = a_status(ledger=ledger, count=1000)
        metrics.accepted(a_batch(), before, after)
        listed.append(bool(after.failures[0].recordings))
        before = after
    assert listed == [True, False, False]
    assert values(metrics, "video_ingest_outcomes_total") == {("NotFound",): MAX_LISTED_FAILURES + 7}


def test_an_avoided_node_is_seen_with_how_many_batches_avoid_it_until_they_are_done(metrics: Metrics) -> None:
    avoiding = a_status(over(a_run(0, node="gpu-7"), Reason.GPU_BROKEN), count=2)
    for name in ("a", "b"):
        metrics.accepted(a_batch(name), None, avoiding)
    assert values(metrics, "video_ingest_nodes_avoided") == {("gpu-7", "GpuBroken"): 2}
    done = a_status(
        over(a_run(0, node="gpu-7"), Reason.GPU_BROKEN), over(a_run(0, 2, charged_attempts=1)), count=1
    )
    metrics.accepted(a_batch("a"), avoiding, done)
    metrics.forgotten("default", "b")
    assert values(metrics, "video_ingest_nodes_avoided") == {}


def test_an_open_breaker_is_seen_until_it_closes(metrics: Metrics) -> None:
    metrics.seen(a_batch(), a_status(over(a_run(0), Reason.BOT_CHECK)))
    assert values(metrics, "video_ingest_breakers_open") == {("BotCheck",): 1}
    metrics.seen(a_batch(), a_status())
    assert values(metrics, "video_ingest_breakers_open") == {}


def test_a_success_brings_its_figures(metrics: Metrics) -> None:
    stages = {
        Stage.TRANSCRIBE: StageFigures(seconds=40, halvings=2, computing_seconds=30),
        Stage.DIARIZE: StageFigures(seconds=0.1, resumed=True),
    }
    receipt = a_receipt(seconds=60, media=600, stages=stages, overhead_seconds=4.5, computing_seconds=31)
    run = over(
        a_run(0, waits=Waits(queued=100, starting=2, pulling=0), gpu_seconds=140.0, held_seconds=70.0),
        ended=ended_by(None, receipt=receipt),
    )
    metrics.folded(run)
    assert values(metrics, "video_ingest_runs_total") == {("Succeeded", "ingest"): 1}
    assert values(metrics, "video_ingest_rtf_ratio_sum") == {(): 0.1}
    assert values(metrics, "video_ingest_stage_seconds_sum") == {("transcribe",): 40}
    assert values(metrics, "video_ingest_stage_seconds_count") == {("transcribe",): 1}
    assert values(metrics, "video_ingest_batch_halvings_total") == {("transcribe",): 2}
    assert values(metrics, "video_ingest_overhead_seconds_sum") == {(): 4.5}
    assert values(metrics, "video_ingest_media_seconds_total") == {(): 600}
    assert values(metrics, "video_ingest_gpu_seconds_total") == {(): 140}
    assert values(metrics, "video_ingest_held_seconds_total") == {(): 70}
    assert values(metrics, "video_ingest_computing_seconds_total") == {(): 31}
    assert values(metrics, "video_ingest_stage_computing_seconds_total") == {("transcribe",): 30}
    assert values(metrics, "video_ingest_wait_seconds_sum") == {("queued",): 100, ("starting",): 2}
    assert values(metrics, "video_ingest_wait_seconds_count") == {
        ("queued",): 1,
        ("starting",): 1,
        ("pulling",): 1,
    }


def test_a_recording_in_another_language_than_ordered_is_counted(metrics: Metrics) -> None:
    assert "video_ingest_language_doubted_total 0.0" in metrics.exposition().decode()
    for index, ended in enumerate((in_another_language(), ended_by(None), in_another_language("fr"))):
        metrics.folded(over(a_run(index), ended=ended))
    assert values(metrics, "video_ingest_language_doubted_total") == {(): 2}


def test_a_fetch_counts_as_a_run_and_as_no_media_that_came_into_the_store(metrics: Metrics) -> None:
    stages = {Stage.FETCH: StageFigures(seconds=40)}
    receipt = a_receipt(seconds=60, media=600, stages=stages)
    metrics.folded(over(a_run(0, phase=Phase.FETCH), ended=ended_by(None, receipt=receipt)))
    assert values(metrics, "video_ingest_runs_total") == {("Succeeded", "fetch"): 1}
    assert values(metrics, "video_ingest_media_seconds_total") == {}
    assert values(metrics, "video_ingest_rtf_ratio_sum") == {}
    assert values(metrics, "video_ingest_stage_seconds_sum") == {("fetch",): 40}


def test_a_failure_counts_as_a_run_and_gives_no_pace(metrics: Metrics) -> None:
    receipt = a_failure(Reason.GPU_OUT_OF_MEMORY).model_copy(
        update={"media_seconds": 600.0, "stages": {Stage.TRANSCRIBE: StageFigures(seconds=9, halvings=3)}}
    )
    metrics.folded(
        over(a_run(0, gpu_seconds=20.0), ended=ended_by(Reason.GPU_OUT_OF_MEMORY, receipt=receipt))
    )
    assert values(metrics, "video_ingest_runs_total") == {("GpuOutOfMemory", "ingest"): 1}
    assert values(metrics, "video_ingest_batch_halvings_total") == {("transcribe",): 3}
    assert values(metrics, "video_ingest_gpu_seconds_total") == {(): 20}
    for name in ("rtf_ratio_count", "stage_seconds_count", "overhead_seconds_count", "media_seconds_total"):
        assert values(metrics, f"video_ingest_{name}") == {}


def test_running_out_of_memory_is_counted_by_rung_also_of_a_process_that_could_not_say_so(
    metrics: Metrics,
) -> None:
    metrics.folded(over(a_run(0, rung=2), Reason.GPU_OUT_OF_MEMORY))
    metrics.folded(over(a_run(1, rung=1), ended=Ended(137, None, seen=Reason.HOST_OUT_OF_MEMORY)))
    metrics.folded(over(a_run(2, rung=1), ended=Ended(137, None, seen=Reason.HOST_OUT_OF_MEMORY)))
    metrics.folded(over(a_run(3, rung=1), Reason.KILLED))
    assert values(metrics, "video_ingest_out_of_memory_total") == {("gpu", "2"): 1, ("host", "1"): 2}


def free(uuid: str | None, mib: int | None) -> Run:
    memory = Memory(peak_rss_mib=1, gpu_uuid=uuid, free_vram_at_start_mib=mib)
    return over(a_run(0), ended=ended_by(None, receipt=a_receipt(memory=memory)))


def test_a_gpu_shows_what_was_free_before_its_last_run_and_only_so_many_gpus_are_remembered(
    metrics: Metrics,
) -> None:
    for run in (free("GPU-1", 40_000), free("GPU-2", 39_000), free("GPU-1", 38_000), free(None, None)):
        metrics.folded(run)
    assert values(metrics, "video_ingest_gpu_free_vram_at_start_mib") == {
        ("GPU-1",): 38_000,
        ("GPU-2",): 39_000,
    }
    for number in range(GPUS - 1):
        metrics.folded(free(f"GPU-later-{number}", 1))
    known = values(metrics, "video_ingest_gpu_free_vram_at_start_mib")
    assert len(known) == GPUS
    assert ("GPU-1",) in known
    assert ("GPU-2",) not in known


def test_the_operators_own_work_is_counted(metrics: Metrics) -> None:
    length = [3]
    metrics.queue("batch", lambda: length[0])
    metrics.reconciled("batch", 0.2, None)
    metrics.reconciled("batch", 0.3, "BusyError")
    for status in (200, 201, 409, 0):
        metrics.api_request("create", "jobs", status, 0.5)
    metrics.event("posted")
    metrics.schedule(fired=True, missed=0)
    metrics.schedule(fired=False, missed=4)
    assert values(metrics, "video_ingest_reconcile_seconds_count") == {("batch",): 2}
    assert values(metrics, "video_ingest_reconcile_errors_total") == {("BusyError", "batch"): 1}
    requests = {
        ("jobs", "2xx", "create"): 2,
        ("jobs", "4xx", "create"): 1,
        ("jobs", "unanswered", "create"): 1,
    }
    assert values(metrics, "video_ingest_api_requests_total") == requests
    assert values(metrics, "video_ingest_api_request_seconds_sum") == {("jobs", "create"): 2}
    assert values(metrics, "video_ingest_events_total") == {("posted",): 1}
    assert values(metrics, "video_ingest_schedule_fires_total") == {(): 1}
    assert values(metrics, "video_ingest_schedule_missed_total") == {(): 4}
    assert values(metrics, "video_ingest_queue_keys") == {("batch",): 3}
    length[0] = 0
    assert values(metrics, "video_ingest_queue_keys") == {}


def test_two_operators_in_one_process_do_not_meet(metrics: Metrics) -> None:
    other = Metrics()
    other.event("posted")
    assert values(metrics, "video_ingest_events_total") == {}


def a_profile_status(*findings: Finding) -> IngestProfileStatus:
    conditions = tuple(as_conditions([ready(findings, ())], NOW, 1))
    return IngestProfileStatus(observed_generation=1, conditions=conditions)


def retaining(run: int, gone: int, *, under_way: bool, reason: Reason | None = None) -> IngestProfileStatus:
    """A profile with a retention."""
    draft = (ConditionType.RETENTION_KEPT, reason is None, "Kept" if reason is None else reason.value, "")
    ended = None if under_way else to_rfc3339(NOW)
    return IngestProfileStatus(
        conditions=tuple(as_conditions([draft], NOW, 1)),
        retention=RetentionStatus(
            run=run, started_at=to_rfc3339(NOW), ended_at=ended, total_recordings=gone, reason=reason
        ),
    )


def test_runs_of_retention_are_counted_once_each_with_what_they_have_forgotten(metrics: Metrics) -> None:
    none, begun, kept = (
        IngestProfileStatus(),
        retaining(1, 0, under_way=True),
        retaining(1, 4, under_way=False),
    )
    again = retaining(2, 4, under_way=True)
    away = retaining(2, 5, under_way=False, reason=Reason.DATABASE_UNAVAILABLE)
    for before, after in ((none, begun), (begun, kept), (kept, kept), (kept, again), (again, away)):
        metrics.retained(before, after)
        metrics.profile("default", "gpus", after)
    runs = {("Succeeded",): 1, ("DatabaseUnavailable",): 1}
    assert values(metrics, "video_ingest_retention_runs_total") == runs
    assert values(metrics, "video_ingest_retention_recordings_total") == {(): 5}
    name = "video_ingest_retention_profiles"
    assert values(metrics, name) == {("default", "DatabaseUnavailable"): 1}
    metrics.profile("default", "gpus", None)
    assert values(metrics, name) == {}


def test_profiles_are_counted_by_why_they_are_not_ready_until_they_are_gone(metrics: Metrics) -> None:
    missing = a_profile_status(Finding("ClaimMissing", "There is no claim."))
    for name, status in (("a", missing), ("b", missing), ("c", a_profile_status())):
        metrics.profile("default", name, status)
    name = "video_ingest_profiles"
    assert values(metrics, name) == {("default", "AllFound"): 1, ("default", "ClaimMissing"): 2}
    metrics.profile("default", "a", a_profile_status())
    metrics.profile("default", "b", None)
    assert values(metrics, name) == {("default", "AllFound"): 2}


@pytest.fixture
def busy(metrics: Metrics) -> Metrics:
    """Metrics of which each has a sample."""
    test_a_success_brings_its_figures(metrics)
    test_the_operators_own_work_is_counted(metrics)
    metrics.folded(free("GPU-1", 1))
    metrics.profile("default", "gpus", a_profile_status(Finding("ClaimMissing", "There is no claim.")))
    metrics.profile("default", "kept", retaining(1, 4, under_way=False))
    metrics.retained(retaining(1, 0, under_way=True), retaining(1, 4, under_way=False))
    metrics.accepted(
        a_batch(),
        None,
        a_status(over(a_run(0), Reason.BOT_CHECK), over(a_run(1, node="gpu-7"), Reason.GPU_BROKEN)),
    )
    metrics.out_of_reach({"default": False, "media": True})
    cost = CostStatus(currency="EUR", gpu_hour="2.49", total="2.49")
    metrics.paid(a_status().model_copy(update={"cost": cost}), over(a_run(0)))
    return metrics


def test_names_say_their_unit_counters_end_in_total_and_every_help_is_a_sentence(busy: Metrics) -> None:
    units = {
        "histogram": ("_seconds", "_ratio"),
        "counter": ("_total",),
        "gauge": ("_recordings", "_batches", "_profiles", "_open", "_avoided", "_keys", "_mib", "_reach"),
    }
    for family in text_string_to_metric_families(busy.exposition().decode()):
        if family.name.startswith("process_"):
            continue
        assert re.fullmatch(r"video_ingest(_[a-z]+)+", family.name)
        samples = {sample.name for sample in family.samples}
        assert samples, f"{family.name} has no sample in this test"
        assert not any(name.endswith("_created") for name in samples)
        suffix = "_total" if family.type == "counter" else ""
        assert (family.name + suffix).endswith(units[family.type]), family.name
        assert re.fullmatch(r"[A-Z][^.]*\.", family.documentation)


def test_the_page_has_every_metric_with_its_labels_and_no_other(busy: Metrics) -> None:
    shown = {}
    for family in text_string_to_metric_families(busy.exposition().decode()):
        if not family.name.startswith("process_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            shown[name] = (
                family.type,
                frozenset().union(*(sample.labels for sample in family.samples)) - {"le"},
            )
    written = {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(PAGE.read_text())
        if not name.startswith("video_ingest_reader_")  # these another process serves
    }
    assert written == shown


def test_no_series_bears_the_name_of_a_batch_or_a_recording(busy: Metrics) -> None:
    text = busy.exposition().decode()
    assert a_batch()["metadata"]["name"] not in text
    assert "youtube:" not in text


def test_series_that_are_known_beforehand_begin_at_zero(metrics: Metrics) -> None:
    text = metrics.exposition().decode()
    for reason in ("Succeeded", *Reason):
        assert f'video_ingest_runs_total{{reason="{reason}",role="fetch"}} 0.0' in text
        assert f'video_ingest_outcomes_total{{reason="{reason}"}} 0.0' in text
    assert 'video_ingest_out_of_memory_total{memory="host",rung="3"} 0.0' in text
