"""A run of the real pipeline with small ports that keep their contracts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pipeline_run import Run, order_in
from tests.support.ports import Shelf, Studio


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def run(studio: Studio, shelf: Shelf, tmp_path: Path) -> Callable[..., Run]:
    return lambda **options: Run(studio, shelf, order_in(tmp_path), **options).go()
