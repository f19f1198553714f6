"""A cluster of one real node with our chart in it, once for all tests of the session, which `make e2e` runs
and `make test` does not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.node.fitness import blocker
from testkit.release.installed import installed
from testkit.release.place import Place
from testkit.release.transcript import Transcript


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.node)
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The node with our images, its surroundings, and the chart installed."""
    if reason := blocker():
        pytest.skip(reason)
    transcript = Transcript(os.cpu_count() or 1)
    with installed(transcript, tmp_path_factory.mktemp("e2e")) as built:
        yield built
    print(f"\n\ne2e: time by phase\n{transcript.phases()}")
