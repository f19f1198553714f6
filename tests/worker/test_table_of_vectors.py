"""A store without a table for the text model's vectors is found before anything is fetched or heard.

With a real Postgres, a real worker process and played ports.
"""

from pathlib import Path

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_worker.models import Role, open_models
from ingest_worker.store.connect import connect
from tests.support.demo_store import store_of
from tests.support.played_worker import NAMES, played_models, program
from tests.support.ports import Studio
from tests.support.text_model import text_model
from tests.support.worker import Worker, order_for, place_in

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]

OURS = Studio().dimension


def models_in(folder: Path, dimension: int) -> Path:
    """Models of which the text model says that its vectors have so many numbers."""
    name = NAMES[Role.EMBEDDING]
    return played_models(folder / "models", lambda models: text_model(models / "demo" / name, dimension))


@pytest.mark.parametrize("changed", [{}, {"from_store": True}], ids=["from the source", "from the store"])
def test_a_store_without_the_models_table_ends_the_run_before_its_first_stage(
    tmp_path: Path, changed: dict[str, bool]
) -> None:
    with store_of(OURS) as dsn:
        order = order_for(tmp_path / "a.wav", place_in(tmp_path, models_in(tmp_path, 5)), **changed)
        ended = Worker(order, dsn, tmp_path, program()).end()
        with connect(dsn, application="test") as connection:
            claims = connection.execute("select count(*) from ingest.claim").fetchone()
    assert ended.code == FAILURES[Reason.DIMENSION_MISMATCH].exit_code, ended.log
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.DIMENSION_MISMATCH
    assert not ended.receipt.stages
    assert f"(it has: {OURS})" in ended.receipt.message
    assert "`ingestctl migrate --dimension 5`" in ended.receipt.message
    assert claims == (0,)


def test_a_model_that_made_other_vectors_under_its_name_ends_the_run_before_its_first_stage(
    tmp_path: Path,
) -> None:
    place = models_in(tmp_path, OURS)
    identity = open_models(place, "demo").identity(Role.EMBEDDING, NAMES[Role.EMBEDDING])
    with store_of(OURS) as dsn:
        with connect(dsn, application="test") as connection:
            connection.execute(
                "insert into ingest.embedding_model (model, dimension) values (%s, %s)", [identity, OURS + 1]
            )
        ended = Worker(
            order_for(tmp_path / "a.wav", place_in(tmp_path, place)), dsn, tmp_path, program()
        ).end()
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.DIMENSION_MISMATCH
    assert not ended.receipt.stages
    assert f"made {OURS + 1} for what is stored" in ended.receipt.message
