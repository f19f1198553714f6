"""The rules of the house that no linter knows: sizes, and what may not stand in a tracked file."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PRODUCT = ("crds", "operator", "worker", "reader", "cli")
MAX_LINES, MAX_FUNCTION, MAX_PARAMETERS = 300, 50, 6
FOREIGN = {
    "a path of one machine": re.compile(r"/work/|/root/\.|/home/(?!ann/)\w+/|/Users/\w+/"),
    "the host of a package registry": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs|proxy\.golang|deb\.debian|artifactory|(extra-)?index-url",
        re.IGNORECASE,
    ),
    "a note to come back": re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"),
    "an excuse without a reason": re.compile(
        r"# noqa(?!: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* +(-+ )?\S)|# type: ignore(?!\[[a-z, -]+\] +#? ?(-+ "
        r")?\S)|# pragma: no cover"
    ),
}


def tracked() -> list[Path]:
    """Files that are in the repository, or will be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    return [HOUSE / name for name in sorted(listed.split("\0")) if name and (HOUSE / name).is_file()]


def product() -> Iterator[Path]:
    for folder in PRODUCT:
        yield from sorted((HOUSE / folder).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether its parameters are options of a command, a route or a tool: as many as people need."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(
        kind in decorator for decorator in decorators for kind in ("command", "router.get", "reading_tool")
    )


def test_no_file_of_the_product_is_too_long_to_be_read_at_once() -> None:
    table = HOUSE / "crds/ingest_contract/failures.py"  # one row per way to fail: read by the row
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in product() if path != table
    }
    assert lengths
    assert {
        str(path.relative_to(HOUSE)): length for path, length in lengths.items() if length > MAX_LINES
    } == {}


def test_no_function_is_too_long_to_be_seen_at_once() -> None:
    sizes = {
        (path, each.name): (each.end_lineno or each.lineno) - each.lineno + 1
        for path in product()
        for each in functions(path)
        if not is_command(each)
    }
    assert {
        f"{path.relative_to(HOUSE)} {name}": size
        for (path, name), size in sizes.items()
        if size > MAX_FUNCTION
    } == {}


def test_no_function_takes_more_than_can_be_kept_in_mind() -> None:
    crowded = []
    for path in product():
        for each in functions(path):
            named = [
                argument.arg for argument in (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)
            ]
            if len(
                [name for name in named if name not in ("self", "cls")]
            ) > MAX_PARAMETERS and not is_command(each):
                crowded.append(f"{path.relative_to(HOUSE)} {each.name}")
    assert crowded == []


def test_every_module_of_the_product_says_what_it_is() -> None:
    silent = [path for path in product() if not ast.get_docstring(tree_of(path))]
    assert [str(path.relative_to(HOUSE)) for path in silent] == []


@pytest.mark.parametrize(("what", "pattern"), FOREIGN.items(), ids=FOREIGN)
def test_tracked_files_hold_nothing_foreign(what: str, pattern: re.Pattern[str]) -> None:
    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        if path != Path(__file__):
            found += [
                f"{path.relative_to(HOUSE)}:{number}"
                for number, line in enumerate(lines, 1)
                if pattern.search(line)
            ]
    assert found == [], what
