"""How tests are collected, in each of the processes that run them: without what a run leaves out, and without
looking for garbage meanwhile."""

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

WITHOUT = re.compile(r"not \w+( and not \w+)*")
"""The `-m` of a run that leaves tests out and asks for none."""

MARKS = re.compile(r"^pytestmark = (\[[^\]]*\]|.*)", re.MULTILINE)
"""Where a file marks all its tests."""


def is_left_out(markexpr: str, text: str) -> bool:
    """Whether `-m` leaves out every test of a file of this text."""
    if not WITHOUT.fullmatch(markexpr):
        return False
    marks = {mark for found in MARKS.findall(text) for mark in re.findall(r"pytest\.mark\.(\w+)", found)}
    return bool(marks & set(re.findall(r"not (\w+)", markexpr)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file of which no test runs is not imported: what models need takes seconds to come."""
    is_test = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    if is_test and is_left_out(config.option.markexpr, collection_path.read_text(encoding="utf-8")):
        return True
    return None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Modules and tests live to the end of the run: looking for garbage among them, while they are made and
    ever after, takes a tenth of all processor time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
