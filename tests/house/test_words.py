"""One concept has one word, and it is the field's: what was called otherwise once does not come back."""

import ast
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]

PACKAGES = (
    "crds/ingest_contract",
    "operator/ingest_operator",
    "worker/ingest_worker",
    "reader/ingest_reader",
    "cli/ingestctl",
)

INSTEAD_OF = {
    "anew": "again",
    "hindrance": "blocker",
    "hindrances": "blockers",
    "look": "reconcile, poll, sample: whatever it does",
    "looked": "reconciled",
    "looking": "reconciling",
    "looks": "reconciles",
    "mended": "fixed",
    "told": "reported",
    "video": "recording",
    "videos": "recordings",
}
"""Words that no name of the product has as a part, and what stands there instead."""

OF_OTHERS = {"video_codec", "ingest_video"}
"""Names in which the word is somebody else's."""


TEST_NAMES_INSTEAD_OF = {
    **{word: INSTEAD_OF[word] for word in ("anew", "hindrance", "hindrances", "mended", "video", "videos")},
    "look": "reconcile, sample, request: whatever it does",
    "mend": "fix",
    "mends": "fixes",
    "told": "reported; ordered, learned",
    "tries": "runs",
    "try": "run",
}
"""Words that no sentence of a test's name has, and what stands there instead."""

PLAIN_ENGLISH = re.compile(
    r"told_apart|not_look_reconciled|as_they_look|to_look|workers_look_for|_it_tries_|_tries_(it|the|those)_|failed_tries_the"
)
"""Where such a word has its everyday meaning."""


def modules_of_tests() -> list[Path]:
    return sorted((HOUSE / "tests").rglob("test_*.py"))


def product() -> list[Path]:
    folders = (
        "crds/ingest_contract",
        "operator/ingest_operator",
        "worker/ingest_worker",
        "reader/ingest_reader",
        "cli/ingestctl",
        "scripts",
    )
    return sorted(path for folder in folders for path in (HOUSE / folder).rglob("*.py"))


def names_of(tree: ast.Module) -> set[str]:
    """What a module names: classes, functions, parameters, variables and attributes that it assigns."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.arg():
                found.add(node.arg)
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.Attribute(ctx=ast.Store()):
                found.add(node.attr)
    return found - OF_OTHERS


def parts_of(name: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


@pytest.mark.parametrize("path", product(), ids=lambda path: path.stem)
def test_names_are_the_fields_words(path: Path) -> None:
    names = names_of(ast.parse(path.read_text(encoding="utf-8")))
    assert {name: INSTEAD_OF[word] for name in names for word in parts_of(name) & INSTEAD_OF.keys()} == {}


def test_no_class_name_is_used_twice_in_one_package() -> None:
    for package in (
        "crds/ingest_contract",
        "operator/ingest_operator",
        "worker/ingest_worker",
        "reader/ingest_reader",
        "cli/ingestctl",
    ):
        classes = [
            node.name
            for path in (HOUSE / package).rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ClassDef)
        ]
        assert sorted({name for name in classes if classes.count(name) > 1}) == [], package


def test_names_of_tests_are_sentences_in_the_fields_words() -> None:
    names = {
        node.name
        for path in modules_of_tests()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    assert names
    found = {
        name: TEST_NAMES_INSTEAD_OF[word]
        for name in names
        for word in set(PLAIN_ENGLISH.sub("", name).split("_")) & TEST_NAMES_INSTEAD_OF.keys()
    }
    assert found == {}
