"""What the store has heard is judged and embedded anew: as a process, with real models and a real Postgres,
and with the recording itself gone."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import IngestOrder, PlannedSource, PlanOrder, Settings
from ingest_contract.plan_document import PlanDocument, SkipReason, unframe
from ingest_contract.profile import FetchProfile, IdentificationProfile, SegmentationProfile
from ingest_contract.selection import Reprocess, Select, StoreSource
from ingest_contract.stages import Stage
from ingest_worker.store.connect import connect
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import name
from ingest_worker.store.voice_names import voice_of
from testkit.models.demo_set import models
from tests.support.demo_store import demo_store
from tests.support.worker import SETTINGS, TRACE, Ended, Worker, order_for, place_in
from tests.worker.test_pipeline_process import sample

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]

ID = "file:talk"
STRICTER = SETTINGS.model_copy(update={"identification": IdentificationProfile(threshold="0.90")})
SHORTER = SETTINGS.model_copy(update={"segmentation": SegmentationProfile(max_seconds=10)})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store with one recording, whose file is gone."""
    folder = tmp_path_factory.mktemp("heard")
    file = folder / "talk.wav"
    file.write_bytes(sample().read_bytes())
    with demo_store() as dsn:
        ended = Worker(order_for(file, place_in(folder, models())), dsn, folder).end()
        assert ended.code == 0, ended.log
        file.unlink()
        yield dsn


def from_store(folder: Path, settings: Settings, batch: str = "default/again") -> IngestOrder:
    """The order to judge and embed the recording by these settings. Nothing may be fetched."""
    heard = order_for(folder / "talk.wav", place_in(folder, models()), settings=settings, batch=batch)
    return heard.model_copy(update={"from_store": True, "fetch": FetchProfile()})


def planned(dsn: str, folder: Path, settings: Settings, namespace: str = "default") -> PlanDocument:
    order = PlanOrder(
        trace_id=TRACE,
        batch=f"{namespace}/again",
        sources=(PlannedSource(url="store:", store=StoreSource()),),
        select=Select(),
        reprocess=Reprocess.IF_PIPELINE_CHANGED,
        settings=settings,
        fetch=FetchProfile(),
        place=place_in(folder, models()),
    )
    ended = Worker(order, dsn, folder).end()
    assert ended.code == 0, ended.log
    return unframe(ended.output.splitlines())


def rows(dsn: str, query: LiteralString) -> list[Any]:
    with connect(dsn, application="test") as connection:
        return connection.execute(query).fetchall()


def run(dsn: str, folder: Path, settings: Settings) -> Ended:
    return Worker(from_store(folder, settings), dsn, folder).end()


def actions(ended: Ended) -> list[tuple[str, str | None]]:
    return [(line["action"], line.get("engine")) for line in ended.log if "action" in line]


def test_a_recording_that_nothing_has_changed_for_is_left_out_of_the_plan(store: str, tmp_path: Path) -> None:
    plan = planned(store, tmp_path, SETTINGS)
    assert (plan.items, plan.skip_counts) == ((), {SkipReason.ALREADY_STORED: 1})


def test_another_namespace_does_not_take_it(store: str, tmp_path: Path) -> None:
    plan = planned(store, tmp_path, STRICTER, namespace="other")
    assert (plan.items, plan.skip_counts) == ((), {})


def test_another_threshold_judges_again_and_neither_hears_nor_embeds(store: str, tmp_path: Path) -> None:
    (item,) = planned(store, tmp_path, STRICTER).items
    assert item.id == ID
    before = rows(store, "select figures->'tracks', media_seconds, language from ingest.run")
    ended = run(store, tmp_path, STRICTER)
    assert ended.code == 0, ended.log
    assert ended.receipt is not None
    assert not {Stage.FETCH, Stage.DECODE} & ended.receipt.stages.keys()
    resumed = {stage for stage, figures in ended.receipt.stages.items() if figures.resumed}
    assert resumed == {Stage.TRANSCRIBE, Stage.DIARIZE, Stage.EMBED}
    assert not [each for each in actions(ended) if each[0] == "load"]
    assert (ended.receipt.media_seconds, ended.receipt.rtf) == (0.0, None)
    assert rows(store, "select distinct threshold from speakers") == [(0.9,)]
    now = rows(
        store,
        "select r.figures->'tracks', r.media_seconds, r.language from recordings v "
        "join ingest.run r on r.id = v.run where r.from_store and v.rtf is null",
    )
    assert now == before
    assert planned(store, tmp_path, STRICTER).skip_counts == {SkipReason.ALREADY_STORED: 1}


def test_other_passages_are_embedded_by_the_text_model_alone(store: str, tmp_path: Path) -> None:
    ended = run(store, tmp_path, SHORTER)
    assert ended.code == 0, ended.log
    loaded = [engine for action, engine in actions(ended) if action == "load"]
    assert loaded == ["embedder"]
    assert rows(store, "select max(end_seconds - start_seconds) <= 11 from current_segments") == [(True,)]
    (segments, vectors) = rows(
        store, "select (select count(*) from current_segments), (select count(*) from ingest.embeddings_384)"
    )[0]
    assert segments == vectors > 4


def test_what_is_done_is_not_done_again(store: str, tmp_path: Path) -> None:
    assert run(store, tmp_path, SETTINGS).code == 0
    before = rows(store, "select id from ingest.run order by finished_at")
    ended = run(store, tmp_path, SETTINGS)
    assert ended.code == 0
    assert ("leave-as-it-is", None) in actions(ended)
    assert rows(store, "select id from ingest.run order by finished_at") == before
    assert rows(store, "select count(*) from ingest.claim") == [(0,)]


def test_a_run_that_is_killed_leaves_what_was_there_and_the_next_one_finishes(
    store: str, tmp_path: Path
) -> None:
    before = rows(store, "select run from recordings")
    worker = Worker(from_store(tmp_path, SHORTER), store, tmp_path)
    worker.signal_in("embed", signal.SIGKILL)
    assert worker.end().code == -signal.SIGKILL
    assert rows(store, "select run from recordings") == before
    ended = run(store, tmp_path, SHORTER)
    assert ended.code == 0, ended.log
    assert rows(store, "select count(*) from ingest.run where superseded_at is null") == [(1,)]


def test_a_named_voice_is_brought_to_the_corpus_and_stays_named(store: str, tmp_path: Path) -> None:
    assert run(store, tmp_path, SETTINGS).code == 0
    numbers = rows(store, "select label from speakers where name is null order by speaker")
    with connect(store, application="test") as connection:
        name(connection, voice_of(numbers[0][0]), voice_of("Ann"), Signed("a test"))
    assert len(planned(store, tmp_path, SETTINGS).items) == 1
    ended = run(store, tmp_path, SETTINGS)
    assert ended.code == 0, ended.log
    assert rows(store, "select name from speakers where decision = 'Stated'") == [("Ann",)]
    assert rows(store, "select label from speakers where name is null order by speaker") == numbers[1:]
    assert planned(store, tmp_path, SETTINGS).skip_counts == {SkipReason.ALREADY_STORED: 1}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("delete from ingest.artifact where stage = 'diarize'", "diarize are gone"),
        (
            "update ingest.artifact set format = 0 where stage = 'transcribe'",
            "transcribe and diarize are gone",
        ),
        ("update ingest.run set diarize_hash = null", "made long ago"),
        ("""update ingest.run set models = models || '{"diarization": "old@1"}'""", "heard by old@1"),
        ("delete from ingest.recording", "not in the store any more"),
    ],
)
def test_what_was_not_kept_is_reported_and_nothing_changes(
    store: str, tmp_path: Path, spoil: LiteralString, said: str
) -> None:
    """Last of this file: the store is spoilt step by step."""
    with connect(store, application="test") as connection:
        saved = connection.execute("select run from recordings").fetchall()
        connection.execute(spoil)
    ended = run(store, tmp_path, STRICTER)
    assert ended.code == FAILURES[Reason.HEARING_NOT_KEPT].exit_code == 64
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.HEARING_NOT_KEPT
    assert said in ended.receipt.message
    assert rows(store, "select run from recordings") == (
        saved if "delete from ingest.rec" not in spoil else []
    )
    assert rows(store, "select count(*) from ingest.claim") == [(0,)]
