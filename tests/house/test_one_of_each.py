"""One control plane and one Postgres per run, however many folders and processes its tests are in."""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from testkit import shared_servers
from testkit.shared_servers import SharedServers, reach

ROOT = Path(__file__).parents[2]
ASK = "from testkit.shared_servers import reach; print(reach({!r}))"


def asked_elsewhere(name: str) -> str:
    """What another process of this run is told of a server."""
    command = [sys.executable, "-c", ASK.format(name)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=300
    ).stdout.strip()


def test_every_fixture_of_a_whole_run_is_made_once(request: pytest.FixtureRequest) -> None:
    used = {
        each
        for item in request.session.items
        for found in item._fixtureinfo.name2fixturedefs.values()
        for each in found
    }
    made = Counter(each.func for each in used if each.scope == "session")
    assert [
        f"{function.__module__}.{function.__name__}" for function, count in made.items() if count > 1
    ] == []


def test_a_server_that_many_ask_for_at_once_is_started_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def start(ends: ExitStack) -> int:
        ends.callback(started.clear)
        started.append(len(started))
        return len(started)

    monkeypatch.setitem(shared_servers.STARTS, "slow", start)
    with ExitStack() as ends, ThreadPoolExecutor(8) as askers:
        servers = SharedServers(ends)
        assert set(askers.map(servers.reach, ["slow"] * 8)) == {1}
        assert started == [0]
    assert started == []


@pytest.mark.postgres
def test_processes_of_a_run_share_its_postgres() -> None:
    assert asked_elsewhere("postgres") == str(reach("postgres"))


@pytest.mark.control_plane
def test_processes_of_a_run_share_its_control_plane() -> None:
    assert asked_elsewhere("control plane") == str(reach("control plane"))


def test_a_server_that_does_not_start_is_reported_where_it_was_asked_for() -> None:
    with pytest.raises(AssertionError, match="KeyError: 'no such server'"):
        reach("no such server")
