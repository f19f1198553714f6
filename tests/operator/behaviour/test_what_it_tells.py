"""What the operator tells of itself and of its batches beside their status: health, metrics, Events."""

import json
from http import HTTPStatus

from ingest_contract.failures import Reason
from testkit.cluster.client import Json
from testkit.cluster.lives import fails, hangs, sequence, succeeds
from testkit.cluster.program import until
from testkit.cluster.scene import Scene
from tests.support.operator_pages import Pages

LIVES = {
    1: [fails(Reason.DOWNLOAD_FAILED), succeeds()],
    2: [fails(Reason.GPU_OUT_OF_MEMORY), succeeds()],
    3: [fails(Reason.NOT_FOUND)],
}


def test_metrics_count_every_run_and_every_outcome_once(scene: Scene) -> None:
    pages = Pages()
    scene.play(sequence(LIVES, count=5))
    scene.operate(port=pages.port)
    scene.batch()
    scene.until_state("CompleteWithFailures")
    told = pages.metrics()
    outcomes = {name: value for name, value in told.items() if name.startswith("video_ingest_outcomes_total")}
    assert outcomes == {
        "video_ingest_outcomes_total{Succeeded}": 4,
        "video_ingest_outcomes_total{NotFound}": 1,
    }
    runs = {
        name.partition("{")[2][:-1]: value
        for name, value in told.items()
        if name.startswith("video_ingest_runs_total")
    }
    assert runs == {
        "Succeeded,ingest": 4,
        "NotFound,ingest": 1,
        "DownloadFailed,ingest": 1,
        "GpuOutOfMemory,ingest": 1,
    }
    assert told["video_ingest_out_of_memory_total{gpu,0}"] == 1
    assert told["video_ingest_media_seconds_total{}"] == 4 * 600
    assert told["video_ingest_rtf_ratio_count{}"] == 4
    assert told[f"video_ingest_recordings{{{scene.namespace},Succeeded}}"] == 4
    assert told["video_ingest_reconcile_seconds_count{batch}"] > 1
    assert told["video_ingest_api_requests_total{jobs,2xx,create}"] == 8, "one to plan, and one per try"


def test_an_operator_that_starts_again_knows_what_stands_and_counts_nothing_twice(scene: Scene) -> None:
    scene.play(sequence({**LIVES, 4: [hangs()]}, count=5))
    first = scene.operate()
    scene.batch()
    scene.until(
        lambda status: status["counts"]["running"] == 1 and status["counts"]["pending"] == 0,
        "all but one are done",
    )
    first.stop()
    pages = Pages()
    scene.operate(port=pages.port)
    until(
        lambda: f"video_ingest_recordings{{{scene.namespace},Succeeded}}" in pages.metrics(),
        "it has looked at the batch",
    )
    told = pages.metrics()
    assert told[f"video_ingest_recordings{{{scene.namespace},Running}}"] == 1
    assert not [
        name for name in told if name.startswith(("video_ingest_runs_total", "video_ingest_outcomes_total"))
    ]


def test_it_is_ready_once_it_has_seen_every_kind_and_alive_all_the_time(scene: Scene) -> None:
    pages = Pages()
    scene.operate(port=pages.port)
    until(lambda: pages.get("readyz")[0] == HTTPStatus.OK, "it is ready")
    fresh = json.loads(pages.get("readyz")[1])["fresh"]
    kinds = {"ingestbatches", "ingestschedules", "ingestprofiles", "speakerprofiles", "jobs", "pods"}
    assert set(fresh) == {
        f"{way} of {kind} in {scene.namespace}" for kind in kinds for way in ("list", "watch")
    }
    assert pages.get("healthz")[0] == HTTPStatus.OK


def test_a_batch_is_reported_in_few_events_with_words_for_people(scene: Scene) -> None:
    scene.play(sequence(LIVES, count=5))
    scene.operate()
    scene.batch()
    scene.until_state("CompleteWithFailures")
    until(
        lambda: any(event["reason"] == "CompletedWithFailures" for event in events(scene)), "its end is told"
    )
    told = [(event["type"], event["reason"]) for event in events(scene)]
    assert ("Normal", "Planned") in told
    assert len(told) <= 5
    described = scene.kubectl("describe", "ib", "talks")
    assert "5 recordings" in described
    assert "NotFound" in described


def events(scene: Scene) -> list[Json]:
    found: list[Json] = scene.admin.get(f"/apis/events.k8s.io/v1/namespaces/{scene.namespace}/events")[
        "items"
    ]
    return [event for event in found if event.get("regarding", {}).get("kind") == "IngestBatch"]
