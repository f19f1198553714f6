"""A module that says it is pure is held to it, by what it imports and by what that imports."""

from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.configuration import configure

from scripts.purity import PureContract, pure_among

CODE = {
    "core": '"""Decides. Pure."""\nfrom walked import between\n',
    "between": '"""Says nothing of itself."""\nimport os\n',
    "shell": '"""Writes. Must not decide."""\nimport os\n',
    "impure": '"""Not Pure: it writes."""\nimport os\n',
    "__init__": "",
}


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> grimp.ImportGraph:
    package = tmp_path / "walked"
    package.mkdir()
    for name, text in CODE.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return grimp.build_graph("walked", include_external_packages=True, cache_dir=None)


def chains(graph: grimp.ImportGraph, **options: Any) -> list[tuple[str, str]]:
    configure()
    session = {"root_packages": ["walked"], "include_external_packages": "True"}
    contract = PureContract("pure", session, {"forbidden_modules": ["os"], "as_packages": "False", **options})
    found = contract.check(graph, verbose=False).metadata["invalid_chains"]
    return [
        (step["importer"], step["imported"]) for each in found for chain in each["chains"] for step in chain
    ]


def test_what_says_so_is_looked_at_and_nothing_else(graph: grimp.ImportGraph) -> None:
    assert pure_among(name for name in graph.modules if name.startswith("walked")) == ["walked.core"]


def test_an_import_that_acts_is_found_behind_a_module_that_says_nothing(graph: grimp.ImportGraph) -> None:
    assert chains(graph) == [("walked.core", "walked.between"), ("walked.between", "os")]


def test_an_import_with_an_excuse_is_none(graph: grimp.ImportGraph) -> None:
    assert chains(graph, ignore_imports=["walked.between -> os"]) == []
