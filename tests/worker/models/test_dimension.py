"""The length of a model's vectors, from its files alone."""

import json
from pathlib import Path

import pytest

from ingest_worker.errors import StageError
from ingest_worker.models.dimension import dimension_of
from testkit.models.demo_set import models
from tests.support.text_model import text_model


@pytest.mark.models
def test_minilm_makes_384_numbers() -> None:
    assert dimension_of(models() / "demo" / "all-MiniLM-L6-v2") == 384


@pytest.mark.parametrize(
    ("pooling", "dimension"),
    [
        (
            {
                "word_embedding_dimension": 8,
                "pooling_mode_mean_tokens": True,
                "pooling_mode_cls_token": False,
            },
            8,
        ),
        (
            {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            16,
        ),
        ({"embedding_dimension": 8, "pooling_mode": "mean"}, 8),
        ({"embedding_dimension": 8, "pooling_mode": ["mean", "max"]}, 16),
    ],
)
def test_each_kind_of_pooling_adds_its_numbers(
    tmp_path: Path, pooling: dict[str, object], dimension: int
) -> None:
    (text_model(tmp_path, 8) / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    assert dimension_of(tmp_path) == dimension


def with_module(folder: Path, kind: str) -> None:
    """One more module at the end."""
    path = text_model(folder, 8) / "modules.json"
    path.write_text(
        json.dumps(
            [*json.loads(path.read_text()), {"idx": 3, "path": "3_Last", "type": f"some.where.{kind}"}]
        )
    )
    (folder / "3_Last").mkdir()
    (folder / "3_Last" / "config.json").write_text(json.dumps({"out_features": 5}))


def test_a_dense_layer_at_the_end_decides(tmp_path: Path) -> None:
    with_module(tmp_path, "Dense")
    assert dimension_of(tmp_path) == 5


def test_a_module_that_is_not_known_is_refused_and_not_guessed(tmp_path: Path) -> None:
    with_module(tmp_path, "Mystery")
    with pytest.raises(StageError, match="does not say how many numbers"):
        dimension_of(tmp_path)


@pytest.mark.parametrize("config", ["[]", "7", '{"embedding_dimension": 8, "pooling_mode": 3}'])
def test_a_configuration_of_another_form_is_refused_as_one_that_says_nothing(
    config: str, tmp_path: Path
) -> None:
    with_module(tmp_path, "Pooling")
    for file in tmp_path.rglob("config.json"):
        file.write_text(config)
    with pytest.raises(StageError, match="does not say how many numbers"):
        dimension_of(tmp_path)


def test_modules_that_are_no_objects_are_refused(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text('["x"]')
    with pytest.raises(StageError, match="does not say how many numbers"):
        dimension_of(tmp_path)


def test_a_folder_without_a_model_says_which_file_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"modules\.json cannot be read"):
        dimension_of(tmp_path)
