"""A question's vector without torch is the model's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_worker.engines.embedding import SentenceEmbedder
from ingest_worker.engines.query import QueryEncoder, UnknownArchitectureError
from ingest_worker.errors import StageError
from testkit.models.demo_set import model

pytestmark = pytest.mark.models

NAME = "all-MiniLM-L6-v2"
QUESTIONS = (
    "what did they say about vector indexes",
    "x",
    "Ünïcode, 東京 und 🎉 \x00",
    "long words " * 400,
    "",
)


def own_of(folder: Path) -> SentenceEmbedder:
    return SentenceEmbedder(folder, device="cpu", batch_tokens=512, model_key="x")


def test_a_questions_vector_is_the_models_own() -> None:
    quick, own = QueryEncoder(model(NAME)), own_of(model(NAME))
    for text in QUESTIONS:
        assert float(quick.embed(text) @ own.embed_query(text)) > 1 - 1e-6, text


def test_no_engine_is_loaded_for_it() -> None:
    asked = (
        "import sys; from pathlib import Path; from ingest_worker.engines.query import QueryEncoder; "
        "QueryEncoder(Path(sys.argv[1])).embed('x'); "
        "print([each for each in ('torch', 'transformers', 'sentence_transformers') if each in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked, str(model(NAME))], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the model whose settings a test may change."""
    copy = tmp_path / NAME
    copy.mkdir()
    for each in model(NAME).iterdir():
        if each.is_dir():
            shutil.copytree(each, copy / each.name)
        elif each.suffix == ".safetensors":
            (copy / each.name).symlink_to(each)
        else:
            shutil.copy(each, copy)
    return copy


def changed(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_cls_pooling_and_the_prompt_of_questions_are_the_models_own_too(folder: Path) -> None:
    changed(folder / "1_Pooling" / "config.json", pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)
    changed(folder / "config_sentence_transformers.json", prompts={"query": "query: ", "document": "text: "})
    vector = QueryEncoder(folder).embed("where is it")
    assert float(vector @ own_of(folder).embed_query("where is it")) > 1 - 1e-6
    assert float(vector @ QueryEncoder(model(NAME)).embed("where is it")) < 0.99


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("config.json", {"model_type": "mpnet"}, "it is a 'mpnet'"),
        ("config.json", {"hidden_act": "relu"}, "its positions or activations"),
        ("config.json", {"position_embedding_type": "relative_key"}, "its positions or activations"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "its pooling is"),
    ],
)
def test_a_model_of_another_kind_is_named_and_not_computed(
    folder: Path, name: str, values: dict[str, object], said: str
) -> None:
    changed(folder / name, **values)
    with pytest.raises(UnknownArchitectureError, match=said):
        QueryEncoder(folder)


def test_files_that_cannot_be_read_are_a_typed_error(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(StageError, match="cannot be loaded") as caught:
        QueryEncoder(folder)
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE
