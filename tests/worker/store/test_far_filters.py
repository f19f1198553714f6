"""What a filter leaves is found by its meaning, however far from the question all of it lies."""

import numpy as np
import pytest

from ingest_worker.store.connect import Connection
from ingest_worker.store.schema import ensure_dimension
from ingest_worker.store.search import Answer, Filters, Query, search
from ingest_worker.store.searching import statement
from tests.worker.store.makers import MODEL, a_recording, content, named, store

pytestmark = pytest.mark.postgres

NEAR, FAR = 3_000, 300


def test_passages_far_from_the_question_are_found_by_a_filter_and_by_a_phrase(
    database: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many others lie between; a walk here is given up after a tenth of them."""
    ensure_dimension(database, 384)
    random = np.random.default_rng(7)
    values = random.standard_normal((NEAR + FAR, 384)).astype(np.float32) * 0.05
    values[:NEAR, 0] += 1
    values[NEAR:, 1] += 1
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    near = content(*(f"near {i}" for i in range(NEAR)), vectors=values[:NEAR])
    far = content(*(f"far off {i}" for i in range(FAR)), vectors=values[NEAR:], identities=(named(0, "bob"),))
    store(connection, near, a_recording("test:near"))
    store(connection, far, a_recording("test:far"))
    connection.execute("analyze")
    connection.execute("set enable_sort = off")  # as if what fits were too much to be sorted
    monkeypatch.setattr("ingest_worker.store.search.MOST_WALKED_PASSAGES", 300)
    exact = [f"far off {i}" for i in np.argsort(-(values[NEAR:] @ values[0]))[:5]]

    def answer(question: str, **filters: str) -> Answer:
        asked = Query(question, values[0], MODEL, 5, Filters(**filters))  # type: ignore[arg-type]  # a test's own filters
        return search(connection, asked)

    def found(question: str, **filters: str) -> list[str]:
        return [hit.text for hit in answer(question, **filters).hits]

    assert found("nothing of the kind", speaker="bob") == exact
    assert found('"far off"') == exact
    monkeypatch.setattr(statement, "FEW_PASSAGES", 10)
    monkeypatch.setattr("ingest_worker.store.search.FEW_PASSAGES", 10)
    assert found("nothing of the kind", speaker="bob") == exact, "the walk has found too few"
    assert answer("nothing of the kind", speaker="bob").notes == ()

    def compared_at_most(passages: int) -> None:
        for place in (statement.__name__, "ingest_worker.store.search"):
            monkeypatch.setattr(f"{place}.MOST_FITTING_PASSAGES", passages)

    compared_at_most(FAR)
    assert answer("nothing of the kind", speaker="bob").notes == (), "as many as are compared, and no more"
    compared_at_most(FAR - 1)
    (note,) = answer("nothing of the kind", speaker="bob").notes
    assert "passages fit the filters, all far from the question" in note
