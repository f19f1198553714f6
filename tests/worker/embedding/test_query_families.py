"""The architectures that are computed without torch, beside BERT: tiny models with random weights, made by
transformers and sentence-transformers, and saved as published ones are."""

from pathlib import Path
from typing import Any

import pytest

from ingest_worker.engines.embedding import SentenceEmbedder
from ingest_worker.engines.query import QueryEncoder, UnknownArchitectureError
from tests.worker.embedding.tiny import FAMILIES, sentence_model

TEXTS = ("where is the bridge", "x", "Ünïcode, 東京 und Bücher", "long words " * 100, "")


@pytest.mark.models
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_questions_vector_is_the_models_own_in_every_family(
    tmp_path: Path, family: str, pooling: str
) -> None:
    folder = sentence_model(
        tmp_path, family, pooling=pooling, prompts={"query": "where is ", "document": "x: "}
    )
    own = SentenceEmbedder(folder, device="cpu", batch_tokens=512, model_key="x")
    quick = QueryEncoder(folder)
    for text in TEXTS:
        assert float(quick.embed(text) @ own.embed_query(text)) > 1 - 1e-5, text
    assert float(quick.embed("where is it") @ quick.embed("the bridge")) < 0.999, "random, but not constant"


@pytest.mark.models
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pooling": "max"}, "its pooling is max"),
        ({"pooling": "lasttoken"}, "its pooling is lasttoken"),
        ({"dense": True}, "its modules are Transformer, Pooling, Dense"),
        ({"include_prompt": False, "prompts": {"query": "where is "}}, "its prompt is left out"),
    ],
)
def test_what_it_does_not_compute_is_left_to_torch_by_name(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    folder = sentence_model(tmp_path, "xlm-roberta", **given)
    with pytest.raises(UnknownArchitectureError, match=said):
        QueryEncoder(folder)


@pytest.mark.models
def test_a_question_is_computed_in_the_precision_of_the_models_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers twice as long make a copy of every weight for every product."""
    quick = QueryEncoder(sentence_model(tmp_path, FAMILIES[0]))
    seen = set[str]()
    multiplied = QueryEncoder._linear

    def watched(self: QueryEncoder, values: Any, name: str) -> Any:
        made = multiplied(self, values, name)
        seen.update({str(values.dtype), str(made.dtype)})
        return made

    monkeypatch.setattr(QueryEncoder, "_linear", watched)
    quick.embed("where is the bridge")
    assert seen == {"float32"}
