"""The worker as a process, with real models and a real Postgres:
what it stores, what it says, and how it ends."""

import importlib.util
import json
import signal
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.plan_document import SkipReason, unframe
from ingest_contract.profile import ComputeType
from ingest_contract.receipt import MAX_RECEIPT_BYTES
from ingest_contract.selection import Reprocess, Select
from ingest_contract.stages import KEPT, Stage
from ingest_worker.gpu import gpu_is_present
from ingest_worker.store.claims import claim
from ingest_worker.store.connect import connect
from ingest_worker.store.reads import transcript
from testkit.models.demo_set import models
from tests.support.demo_store import demo_store
from tests.support.word_times import faults_of_passages, faults_of_speakers, faults_of_times
from tests.support.worker import RUNTIME, SETTINGS, TRACE, Ended, Worker, order_for, place_in

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]


def sample() -> Path:
    """Half a minute of a telephone call between two women, from pyannote.audio's own package."""
    spec = importlib.util.find_spec("pyannote.audio")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "sample" / "sample.wav"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with demo_store() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def twice(store: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Ended]:
    """The same order carried out two times, the second on a fresh disk."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    first, second = (
        Worker(order_for(sample(), place_in(folder, models())), store, folder).end() for folder in folders
    )
    return first, second


def count(dsn: str, query: LiteralString, *values: str) -> int:
    with connect(dsn, application="test") as connection:
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def test_a_real_recording_is_stored_and_reported_in_full(twice: tuple[Ended, Ended], store: str) -> None:
    first, _ = twice
    assert first.code == 0, first.log
    receipt = first.receipt
    assert receipt is not None
    assert first.size <= MAX_RECEIPT_BYTES
    assert receipt.media_seconds == pytest.approx(30.0, abs=0.1)
    assert receipt.coverage is not None
    assert receipt.coverage.voiced_seconds == receipt.coverage.speech_seconds > 20
    assert receipt.coverage.attributed_words >= 0.95 * receipt.coverage.words > 60
    assert receipt.coverage.segments == receipt.coverage.vectors > 4
    assert receipt.speakers is not None
    assert receipt.speakers.found == 2
    with connect(store, application="test") as connection:
        stored = transcript(connection, "file:sample")
    assert stored is not None
    assert len(stored.segments) == receipt.coverage.segments
    assert len(stored.words) == receipt.coverage.words
    assert faults_of_times([spoken.word for spoken in stored.words], receipt.media_seconds) == []
    assert faults_of_speakers(stored.words, stored.turns) == []
    assert faults_of_passages(stored.segments, stored.words) == []
    assert stored.run.models["embedding"].startswith("all-MiniLM-L6-v2@")
    assert stored.recording.duration_seconds == pytest.approx(30.0, abs=0.1)


def test_where_time_went_adds_up(twice: tuple[Ended, Ended]) -> None:
    receipt = twice[0].receipt
    assert receipt is not None
    assert set(receipt.stages) == set(Stage)
    in_stages = sum(figures.seconds for figures in receipt.stages.values())
    assert receipt.overhead_seconds + in_stages == pytest.approx(receipt.seconds, abs=0.1)


def test_a_run_says_how_long_its_engines_computed_and_one_that_resumes_that_they_did_not(
    twice: tuple[Ended, Ended],
) -> None:
    first, second = (ended.receipt for ended in twice)
    assert first is not None
    assert second is not None
    computed = {
        stage: figures.computing_seconds
        for stage, figures in first.stages.items()
        if figures.computing_seconds
    }
    assert set(computed) == {Stage.TRANSCRIBE, Stage.DIARIZE, Stage.EMBED}
    assert all(computed[stage] <= first.stages[stage].seconds for stage in computed)
    assert first.computing_seconds == pytest.approx(sum(computed.values()), abs=0.01)
    assert first.computing_seconds > 0.3 * sum(first.stages[stage].seconds for stage in computed)
    assert (first.computing_by, second.computing_seconds) == ("Engines", 0.0)


def test_a_second_run_resumes_every_stage_without_sound(twice: tuple[Ended, Ended], store: str) -> None:
    _, second = twice
    assert second.code == 0, second.log
    assert second.receipt is not None
    assert {stage for stage, figures in second.receipt.stages.items() if figures.resumed} == set(KEPT)
    assert Stage.FETCH not in second.receipt.stages
    assert not any(line.get("action") == "load" for line in second.log)
    assert count(store, "select count(distinct run) from current_segments") == 1


def test_every_line_of_the_log_says_which_batch_it_belongs_to(twice: tuple[Ended, Ended]) -> None:
    for ended in twice:
        assert {line["traceId"] for line in ended.log} == {TRACE}
        assert ended.log[-1]["action"] == "end"
        assert ended.output == ""


@pytest.mark.parametrize("stage", ["transcribe", "diarize"])
def test_a_worker_that_is_asked_to_end_does_so_within_seconds_and_leaves_nothing_half_done(
    store: str, tmp_path: Path, stage: str
) -> None:
    recording = tmp_path / f"asked-in-{stage}.wav"
    recording.write_bytes(sample().read_bytes())
    worker = Worker(order_for(recording, place_in(tmp_path, models())), store, tmp_path)
    took = worker.signal_in(stage, signal.SIGTERM)
    ended = worker.end()
    assert ended.code == 143
    assert took < 15
    assert ended.receipt is not None
    assert (ended.receipt.result, ended.receipt.reason) == ("Failed", Reason.INTERRUPTED)
    # a stage that never came back has no end, and so no time
    assert Stage(stage) in ended.receipt.stages or took >= 5
    assert (
        count(store, "select count(*) from ingest.claim where recording = %s", f"file:{recording.stem}") == 0
    )
    assert count(store, "select count(*) from ingest.run where recording = %s", f"file:{recording.stem}") == 0


HUNG = """
import time
from ingest_worker.__main__ import main
from ingest_worker.engines.whisper import WhisperTranscriber
WhisperTranscriber.transcribe = lambda *_: time.sleep(600)
main()
"""


def test_an_engine_that_does_not_come_back_is_left_behind_and_its_claim_with_nobody(
    store: str, tmp_path: Path
) -> None:
    order = order_for(sample(), place_in(tmp_path, models()))
    order = order.model_copy(update={"item": order.item.model_copy(update={"id": "file:hung"})})
    worker = Worker(order, store, tmp_path, ("-c", HUNG))
    took = worker.signal_in("transcribe", signal.SIGTERM)
    ended = worker.end()
    assert ended.code == 143
    assert 5 <= took < 15
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.INTERRUPTED
    assert "while an engine was busy" in ended.receipt.message
    assert count(store, "select count(*) from ingest.claim where recording = 'file:hung'") == 0


def test_silence_is_an_outcome_that_later_plans_know(store: str, tmp_path: Path) -> None:
    recording = tmp_path / "media" / "silence.wav"
    recording.parent.mkdir()
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 5))
    place = place_in(tmp_path, models())
    first_plan = planned(recording.parent, store, tmp_path)
    (item,) = unframe(first_plan.output.splitlines()).items
    order = order_for(recording, place)
    ended = Worker(order.model_copy(update={"item": item}), store, tmp_path).end()
    assert ended.code == FAILURES[Reason.NO_SPEECH].exit_code
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.NO_SPEECH
    again = unframe(planned(recording.parent, store, tmp_path).output.splitlines())
    assert again.items == ()
    assert again.skip_counts == {SkipReason.KNOWN_OUTCOME: 1}


def planned(folder: Path, store: str, run: Path) -> Ended:
    order = PlanOrder(
        trace_id=TRACE,
        batch="default/test",
        sources=(PlannedSource(url=f"file://{folder}", glob="*.wav"),),
        select=Select(),
        reprocess=Reprocess.NEVER,
        settings=SETTINGS,
        fetch=order_for(folder / "x", place_in(run, models())).fetch,
        place=place_in(run, models()),
    )
    ended = Worker(order, store, run).end()
    assert ended.code == 0, ended.log
    assert ended.receipt is not None
    assert ended.receipt.plan == unframe(ended.output.splitlines()).summary
    return ended


def test_a_recording_that_another_worker_holds_is_left_to_it(store: str, tmp_path: Path) -> None:
    order = order_for(sample(), place_in(tmp_path, models()))
    order = order.model_copy(update={"item": order.item.model_copy(update={"id": "file:held"})})
    with connect(store, application="test") as connection:
        claim(connection, "file:held", "somebody else", lease_seconds=60)
        ended = Worker(order, store, tmp_path).end()
    assert ended.code == FAILURES[Reason.CLAIMED_ELSEWHERE].exit_code
    assert ended.receipt is not None
    assert 0 < (ended.receipt.retry_after_seconds or 0) <= 61


def test_models_that_were_never_fetched_are_reported_with_the_command(store: str, tmp_path: Path) -> None:
    ended = Worker(order_for(sample(), place_in(tmp_path, tmp_path / "nothing")), store, tmp_path).end()
    assert ended.code == FAILURES[Reason.MODELS_UNAVAILABLE].exit_code
    assert ended.receipt is not None
    assert "`ingestctl models fetch demo`" in ended.receipt.message


def test_a_store_that_is_not_there_is_no_fault_of_the_recording(tmp_path: Path) -> None:
    ended = Worker(
        order_for(sample(), place_in(tmp_path, models())),
        "postgresql://nobody:secret@127.0.0.1:9/none",
        tmp_path,
    ).end()
    assert ended.code == FAILURES[Reason.DATABASE_UNAVAILABLE].exit_code
    assert "secret" not in json.dumps(ended.log)


@pytest.mark.skipif(gpu_is_present(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_ends_the_run_and_nothing_runs_on_the_cpu(store: str, tmp_path: Path) -> None:
    on_gpu = RUNTIME.model_copy(update={"device": "cuda", "compute_type": ComputeType.INT8_FLOAT16})
    ended = Worker(order_for(sample(), place_in(tmp_path, models()), runtime=on_gpu), store, tmp_path).end()
    assert ended.code == FAILURES[Reason.GPU_UNAVAILABLE].exit_code
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.GPU_UNAVAILABLE
    assert ended.receipt.stages == {}


def test_an_order_of_another_version_is_refused_in_the_place_that_it_names(tmp_path: Path) -> None:
    text = (
        order_for(sample(), place_in(tmp_path, models()))
        .to_json()
        .replace('"kind":"Ingest"', '"kind":"Ingest","colour":"red"')
    )
    ended = Worker(text, "", tmp_path).end()
    assert ended.code == FAILURES[Reason.ORDER_INVALID].exit_code
    assert ended.receipt is not None
    assert "colour" in ended.receipt.message


def test_no_order_at_all_ends_with_the_tables_code(tmp_path: Path) -> None:
    ended = Worker("", "", tmp_path).end()
    assert ended.code == FAILURES[Reason.ORDER_INVALID].exit_code
    assert ended.receipt is None
