"""What holds for every test: where fixtures come from, the servers of a run, and how its tests are shared out
to processes."""

from collections.abc import Iterator

import pytest

from tests.support import thoroughness
from tests.support.shared_servers import sharing

pytest_plugins = [
    "tests.support.lanes",
    "tests.support.time_by_folder",
    "tests.support.cluster.fixtures",
    "tests.support.cluster.eight_fixtures",
    "tests.support.postgres",
    "tests.support.journey",
]
"""Each once: pytest makes a fixture anew for every conftest that imports it. Who imports another stands
behind it."""

thoroughness.register()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main() -> Iterator[None]:
    """Servers live as long as the run's first process, and those that xdist starts ask it for them."""
    with sharing():
        return (yield)
