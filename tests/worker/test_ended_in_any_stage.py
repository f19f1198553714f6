"""A worker that is killed, or asked to end, in any stage: nothing half done is stored, and the next run goes
on behind the last finished stage and stores once.

With a real Postgres and played ports. With real engines and through `ingestctl`:
`tests/journey/test_a_killed_worker.py`, `test_pipeline_process.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import pytest

from ingest_contract.failures import Reason
from ingest_contract.stages import KEPT, Stage
from ingest_worker.store.connect import connect
from tests.support.demo_store import store_of
from tests.support.played_worker import played_models, program
from tests.support.ports import Studio
from tests.support.worker import Worker, order_for, place_in

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]

BETWEEN = (Stage.DECODE, Stage.TRANSCRIBE, Stage.SEGMENT, Stage.EMBED)
"""What is kept in these is what is kept in the stage before, so nobody who is killed at once leaves anything
else: they are killed by night, and asked to end, which names the stage, by day."""
ENDED = [
    pytest.param(
        stage,
        signal,
        id=f"{stage.value}-{signal.name}",
        marks=[pytest.mark.nightly] if signal is SIGKILL and stage in BETWEEN else [],
    )
    for stage in Stage
    for signal in (SIGKILL, SIGTERM)
]

PASSAGES = 2
"""Of the studio's five words, which two people say."""


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with store_of(Studio().dimension) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return played_models(tmp_path_factory.mktemp("models"))


def stored(dsn: str, recording: str) -> tuple[int, int]:
    """Runs of a recording, and passages of the newest."""
    with connect(dsn, application="test") as connection:
        row = connection.execute(
            "select (select count(*) from ingest.run where recording = %(r)s),"
            " (select count(*) from current_segments where recording = %(r)s)",
            {"r": recording},
        ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(("stage", "signal"), ENDED)
def test_a_worker_that_ends_in_any_stage_is_taken_up_behind_the_last_finished_one_and_stores_once(
    store: str, models: Path, tmp_path: Path, stage: Stage, signal: Signals
) -> None:
    recording = tmp_path / f"{stage.value}-{signal.name}.wav"
    order = order_for(recording, place_in(tmp_path, models))
    ended = Worker(order, store, tmp_path, program(stage, signal)).end()
    assert ended.code == {SIGKILL: -SIGKILL, SIGTERM: 143}[signal], ended.log
    if signal is SIGTERM:
        assert ended.receipt is not None
        assert (ended.receipt.reason, ended.receipt.stage) == (Reason.INTERRUPTED, stage)
    assert stored(store, order.item.id) == (0, 0)

    after = tmp_path / "after"
    after.mkdir()
    again = Worker(
        order.model_copy(update={"run": 2, "place": place_in(after, models)}), store, after, program()
    )
    finished = again.end()
    assert finished.code == 0, finished.log
    assert finished.receipt is not None
    resumed = {each for each, figures in finished.receipt.stages.items() if figures.resumed}
    order_of = list(Stage)
    assert resumed == {each for each in KEPT if order_of.index(each) < order_of.index(stage)}
    assert stored(store, order.item.id) == (1, PASSAGES)
