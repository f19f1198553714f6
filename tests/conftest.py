"""What holds for every test: where fixtures come from, the servers of a run, and how its tests are shared out
to processes."""

import os
from collections.abc import Iterator

import pytest

from ingest_worker import hiding, surroundings
from testkit.shared_servers import sharing
from tests.support import thoroughness

pytest_plugins = [
    "tests.support.collecting",
    "tests.support.lanes",
    "tests.support.time_by_folder",
    "testkit.cluster.fixtures",
    "testkit.cluster.eight_fixtures",
    "testkit.postgres",
    "tests.support.journey",
]
"""Each once: pytest makes a fixture anew for every conftest that imports it. Who imports another stands
behind it."""

thoroughness.register()

for variable, value in {
    "OMP_WAIT_POLICY": surroundings.QUIET["OMP_WAIT_POLICY"],
    "OPENBLAS_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(variable, value)
"""Before any test imports an engine or numpy: threads that wait spin otherwise, and tests beside them compute
on the same processors. A question that numpy embeds takes a quarter of the processor time with one thread."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main() -> Iterator[None]:
    """Servers live as long as the run's first process, and those that xdist starts ask it for them."""
    with sharing():
        return (yield)


@pytest.fixture(autouse=True)
def _nothing_is_secret_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has one run in its process; tests have thousands, and what is secret in one is a word in
    another."""
    monkeypatch.setattr(hiding, "_given", {})
    monkeypatch.setattr(hiding, "_learned", {})
