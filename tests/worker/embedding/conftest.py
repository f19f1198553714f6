"""A real sentence-transformers model."""

from pathlib import Path

import pytest

from ingest_worker.engines.embedding import SentenceEmbedder
from testkit.models.demo_set import model


@pytest.fixture(scope="session")
def minilm() -> Path:
    return model("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def embedder(minilm: Path) -> SentenceEmbedder:
    return SentenceEmbedder(
        minilm, device="cpu", batch_tokens=4096, model_key="all-minilm-l6-v2@000000000000"
    )
