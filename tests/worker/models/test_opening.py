"""What a worker accepts as a model, and what it refuses."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.models import Role, fetch, load_set, lock, open_models

NAMES = {"words": Role.TRANSCRIPTION, "voices": Role.DIARIZATION}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = {"kind": "hub", "repository": "someone/model", "take": ["*.bin"]}
    models: list[dict[str, object]] = [
        {"name": n, "role": r.value, "licence": "MIT", "attribution": "", "source": source}
        for n, r in NAMES.items()
    ]
    models[0]["languages"] = ["en"]
    (tmp_path / "s.yaml").write_text(json.dumps({"name": "s", "verified": False, "models": models}))
    for name in NAMES:
        place = tmp_path / "s" / name / "sub"
        place.mkdir(parents=True)
        (place / "a.bin").write_bytes(b"a" + name.encode())
        (place.parent / "b.bin").write_bytes(b"b" * 100)
    lock(load_set(str(tmp_path / "s.yaml")), tmp_path)
    return tmp_path


def refusal(folder: Path, name: str = "words") -> str:
    with pytest.raises(StageError) as caught:
        open_models(folder, "s").path(NAMES[name], name)
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE
    assert "`ingestctl models fetch s`" in str(caught.value)
    return str(caught.value)


def test_the_identity_is_made_of_the_sorted_hashes_alone(folder: Path) -> None:
    hashes = sorted(hashlib.sha256(content).hexdigest() for content in (b"awords", b"b" * 100))
    expected = hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:12]
    assert open_models(folder, "s").identity(Role.TRANSCRIPTION, "words") == f"words@{expected}"


def test_a_model_that_is_as_locked_is_opened(folder: Path) -> None:
    assert open_models(folder, "s").path(Role.TRANSCRIPTION, "words") == folder / "s" / "words"


def test_what_a_set_says_of_a_models_languages_is_in_its_lock(folder: Path) -> None:
    assert open_models(folder, "s").languages("words") == ("en",)


def test_what_a_set_says_by_now_comes_into_the_lock_without_fetching_a_model_again(folder: Path) -> None:
    told = json.loads((folder / "s.yaml").read_text())
    told["models"][0]["languages"] = ["en", "de"]
    (folder / "s.yaml").write_text(json.dumps(told))
    fetch(load_set(str(folder / "s.yaml")), folder, lambda *_: None)
    assert open_models(folder, "s").languages("words") == ("en", "de")


SPOILERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed byte": (
        lambda place: (place / "b.bin").write_bytes(b"c" * 100),
        "b.bin differs from its lock",
    ),
    "another size": (lambda place: (place / "b.bin").write_bytes(b"b"), "b.bin has 1 bytes instead of 100"),
    "a missing file": (lambda place: (place / "sub/a.bin").unlink(), "a.bin is missing"),
    "an extra file": (
        lambda place: (place / "modeling.py").write_text("import os"),
        "modeling.py is not in the lock",
    ),
    "a link": (lambda place: (place / "c.bin").symlink_to("/etc/hostname"), "c.bin is hidden, a link"),
    "a linked folder": (lambda place: (place / "more").symlink_to("/etc"), "more is hidden, a link"),
    "a hidden file": (lambda place: (place / ".config").write_text(""), ".config is hidden"),
}


@pytest.mark.parametrize(("spoil", "says"), SPOILERS.values(), ids=SPOILERS.keys())
def test_a_model_that_differs_is_refused_by_the_name_of_its_file(
    folder: Path, spoil: Callable[[Path], object], says: str
) -> None:
    spoil(folder / "s" / "words")
    assert says in refusal(folder)


def test_a_model_that_nobody_asks_for_is_not_looked_at(folder: Path) -> None:
    (folder / "s/voices/b.bin").unlink()
    assert open_models(folder, "s").path(Role.TRANSCRIPTION, "words").exists()
    assert "b.bin is missing" in refusal(folder, "voices")


def test_a_model_of_another_role_is_not_taken(folder: Path) -> None:
    with pytest.raises(StageError, match=r"no transcription model 'voices' \(it has: words\)"):
        open_models(folder, "s").path(Role.TRANSCRIPTION, "voices")


def test_a_set_that_was_never_fetched_is_reported_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"'demo' is not in .* Run `ingestctl models fetch demo`"):
        open_models(tmp_path, "demo")


def test_a_lock_that_names_a_place_outside_is_no_lock(folder: Path) -> None:
    text = (folder / "s/lock.yaml").read_text().replace("path: b.bin", "path: ../../../etc/passwd")
    (folder / "s/lock.yaml").write_text(text)
    with pytest.raises(StageError, match="cannot be read"):
        open_models(folder, "s")
