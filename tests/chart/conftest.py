import pytest

from tests.support.cluster.fixtures import control_plane, pytest_collection_modifyitems

__all__ = ["control_plane", "pytest_collection_modifyitems"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-goldens", action="store_true", help="write what the chart renders as what it should render")
