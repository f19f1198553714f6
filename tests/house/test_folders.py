"""Who may import whom among the folders that no installation has. `pyproject.toml` says the rest: tests are
no package, so its contracts do not see them."""

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]


def those_that_import(folder: str, *packages: str) -> set[str]:
    """Files of a folder that import one of these packages."""
    found = set()
    for path in (HOUSE / folder).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if any(name in text for name in packages) and {*packages} & {*imported(text)}:
            found.add(str(path.relative_to(HOUSE)))
    return found


def imported(text: str) -> Iterator[str]:
    """The packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_no_test_imports_a_benchmark() -> None:
    assert those_that_import("tests", "bench") == set()


def test_no_script_imports_a_test_or_a_benchmark() -> None:
    assert those_that_import("scripts", "bench", "tests") == set()
