"""Text vectors from a real model: one per text, in order, whole texts, whatever the batches were."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_worker.domain import FloatArray
from ingest_worker.engines.embedding import SentenceEmbedder
from ingest_worker.errors import StageError

pytestmark = pytest.mark.models

TEXTS = [
    "The night bus should stop at the hospital.",
    "Nurses need a way home after midnight.",
    "The bridge is closed because ice moved the pillars, and nobody knows when the repair is going to start.",
    "Yes.",
    (
        "A telescope needs a roof that opens, and a hill without street lights, "
        "and somebody who carries the wood up there."
    ),
    "Bread from the old mill stays fresh for a week.",
]


def quiet(_: float) -> None:
    """Nobody watches the progress."""


@pytest.fixture
def fresh(embedder: SentenceEmbedder, minilm: Path) -> Callable[..., SentenceEmbedder]:
    """Makes an embedder that shares the loaded model with the others, through a wrapper if one is given."""

    def make(
        *, batch_tokens: int = 4096, wrap: Callable[[Any], Any] = lambda model: model
    ) -> SentenceEmbedder:
        other = SentenceEmbedder(minilm, device="cpu", batch_tokens=batch_tokens, model_key="m")
        other._model = wrap(embedder._model)
        return other

    return make


class Model:
    """The real model with one method changed."""

    def __init__(self, model: Any, encode: Callable[[Any, Sequence[str]], Any]) -> None:
        self._model, self._encode = model, encode

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode_document(self, texts: Sequence[str], **_: Any) -> Any:
        return self._encode(self._model, texts)


def test_every_text_has_its_own_unit_vector_in_the_order_given(embedder: SentenceEmbedder) -> None:
    shares: list[float] = []
    vectors = embedder.embed(TEXTS, shares.append)
    alone = np.concatenate([embedder.embed([text], quiet).values for text in TEXTS])
    assert vectors.values.shape == (len(TEXTS), 384) == (len(TEXTS), vectors.dimension)
    assert vectors.values.dtype == np.float32
    assert vectors.model == "all-minilm-l6-v2@000000000000"
    np.testing.assert_allclose(np.linalg.norm(vectors.values, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.sum(vectors.values * alone, axis=1), 1, atol=1e-5)
    assert shares[-1] == 1.0


def test_no_texts_have_no_vectors(embedder: SentenceEmbedder) -> None:
    assert embedder.embed([], quiet).values.shape == (0, 384)


def test_near_means_alike(embedder: SentenceEmbedder) -> None:
    query = embedder.embed_query("How do hospital workers get home at night?")
    assert query.shape == (384,)
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-6)
    ranking = np.argsort(-(embedder.embed(TEXTS, quiet).values @ query))
    assert set(ranking[:2].tolist()) == {0, 1}


def test_batches_hold_no_more_tokens_than_ordered(fresh: Callable[..., SentenceEmbedder]) -> None:
    batches: list[int] = []

    def encode(model: Any, texts: Sequence[str]) -> Any:
        batches.append(int(model.tokenizer(list(texts), padding=True, return_tensors="np")["input_ids"].size))
        return model.encode_document(list(texts))

    fresh(batch_tokens=64, wrap=lambda model: Model(model, encode)).embed(TEXTS * 4, quiet)
    assert max(batches) <= 64
    assert len(batches) < len(TEXTS) * 4
    assert sum(batches) < 1.1 * sum(len(ids) for ids in batch_ids(fresh, TEXTS)) * 4  # hardly any padding


def batch_ids(fresh: Callable[..., SentenceEmbedder], texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = fresh()._model.tokenizer(list(texts))["input_ids"]
    return ids


@pytest.mark.parametrize("tokens", [1, 40, 100_000])
def test_the_batch_changes_speed_and_not_vectors(
    tokens: int, fresh: Callable[..., SentenceEmbedder], embedder: SentenceEmbedder
) -> None:
    expected, got = embedder.embed(TEXTS, quiet).values, fresh(batch_tokens=tokens).embed(TEXTS, quiet).values
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_gpu_that_is_full_yields_the_same_vectors(
    fresh: Callable[..., SentenceEmbedder], embedder: SentenceEmbedder
) -> None:
    def encode(model: Any, texts: Sequence[str]) -> Any:
        if len(texts) > 2:
            raise RuntimeError("CUDA error: out of memory")
        return model.encode_document(list(texts))

    small = fresh(wrap=lambda model: Model(model, encode))
    np.testing.assert_allclose(
        small.embed(TEXTS * 3, quiet).values, embedder.embed(TEXTS * 3, quiet).values, atol=1e-5
    )
    assert small.runner.halvings > 0
    assert small.runner.batch < 4096


def test_a_text_that_does_not_fit_alone_ends_the_stage(fresh: Callable[..., SentenceEmbedder]) -> None:
    def encode(_: Any, __: Sequence[str]) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with pytest.raises(StageError) as caught:
        fresh(wrap=lambda model: Model(model, encode)).embed(TEXTS, quiet)
    assert caught.value.reason is Reason.GPU_OUT_OF_MEMORY


def spoilt(rows: FloatArray, value: float) -> FloatArray:
    rows[0] = value
    return rows


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_that_is_no_vector_is_never_counted_as_done(
    value: float, fresh: Callable[..., SentenceEmbedder]
) -> None:
    broken = fresh(
        wrap=lambda model: Model(model, lambda m, texts: spoilt(m.encode_document(list(texts)), value))
    )
    with pytest.raises(StageError, match=f"1 of {len(TEXTS)} texts") as caught:
        broken.embed(TEXTS, quiet)
    assert caught.value.reason is Reason.EMBEDDING_INCOMPLETE


def test_vectors_of_another_dimension_are_refused(fresh: Callable[..., SentenceEmbedder]) -> None:
    other = fresh(wrap=lambda model: Model(model, lambda m, texts: m.encode_document(list(texts))[:, :192]))
    with pytest.raises(StageError, match="384") as caught:
        other.embed(TEXTS, quiet)
    assert caught.value.reason is Reason.DIMENSION_MISMATCH


def test_the_end_of_a_long_text_counts_too(embedder: SentenceEmbedder) -> None:
    filler = (
        "The meeting went on, and everybody talked about the price of gravel and the colour of the doors. "
        * 40
    )
    plain, ending = embedder.embed(
        [filler, filler + "Then a sailor wrote to his mother. " * 40], quiet
    ).values
    sailor = embedder.embed_query("a letter from a sailor to his mother")
    assert ending @ sailor > plain @ sailor + 0.1


@pytest.mark.parametrize(
    "text",
    ["word " * 2000, "x" * 5000, "桥" * 1500, "a" * 300 + " b" * 900, "  \n"],
    ids=lambda text: text[:3],
)
def test_no_part_of_a_long_text_is_cut_off(text: str, embedder: SentenceEmbedder) -> None:
    parts = embedder._parts(text, 0)
    assert "".join(part.text for part in parts) == text
    lengths = [
        len(ids)
        for ids in embedder._model.tokenizer([part.text for part in parts], truncation=False)["input_ids"]
    ]
    assert lengths == [part.tokens for part in parts]
    assert max(lengths) <= 256
    assert np.isfinite(embedder.embed([text], quiet).values).all()


def test_a_folder_without_a_model_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"modules\.json") as caught:
        SentenceEmbedder(tmp_path, device="cpu", batch_tokens=64, model_key="m")
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE


def test_a_damaged_model_is_reported(minilm: Path, tmp_path: Path) -> None:
    for path in minilm.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(minilm)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StageError) as caught:
        SentenceEmbedder(tmp_path, device="cpu", batch_tokens=64, model_key="m")
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE


def test_a_gpu_that_is_not_there_is_reported(minilm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(StageError) as caught:
        SentenceEmbedder(minilm, device="cuda", batch_tokens=64, model_key="m")
    assert caught.value.reason is Reason.GPU_UNAVAILABLE
