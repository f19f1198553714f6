"""Who may import whom among the folders that no installation has. `pyproject.toml` says the rest: tests are
no package, so its contracts do not see them."""

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]


def imported(path: Path) -> Iterator[str]:
    """The packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_no_test_imports_a_benchmark() -> None:
    found = {path for path in (HOUSE / "tests").rglob("*.py") if "bench" in imported(path)}
    assert {str(path.relative_to(HOUSE)) for path in found} == set()


def test_no_script_imports_a_test_or_a_benchmark() -> None:
    found = {path for path in (HOUSE / "scripts").rglob("*.py") if {"bench", "tests"} & {*imported(path)}}
    assert {str(path.relative_to(HOUSE)) for path in found} == set()
