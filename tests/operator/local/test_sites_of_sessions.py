"""Sites that several `ingestctl run` of one home share: the probe of a session that was killed is given to
another one."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource
from ingest_contract.profile import IngestProfile, ObjectMeta
from ingest_contract.profile_status import SiteProbe
from ingest_operator.core.site_states import Sites, SiteState, Stopped
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.plan_gate import FileGate
from ingest_operator.local.sites import FileSites
from ingest_operator.local.status_store import alive, holding, marked_alive

OURS, OTHERS = "1" * 32, "2" * 32
TUBE = PlannedSource(url="https://www.youtube.com/@talks")
PROFILE = IngestProfile(
    api_version="video-ingest.dev/v1alpha1", kind="IngestProfile", metadata=ObjectMeta(name="default")
)
SESSION = """
import sys, time
from pathlib import Path
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.status_store import holding, marked_alive
folder = BatchFolder.of(Path(sys.argv[1]), "default", "theirs")
with holding(folder), marked_alive(folder, sys.argv[2]):
    print("here", flush=True)
    time.sleep(600)
"""


@contextmanager
def a_session(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SESSION, str(home), OTHERS], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def stopped(home: Path, probe: SiteProbe) -> FileSites:
    """The site has refused somebody; its wait is over, and somebody probes it."""
    store = FileSites(home, PROFILE, (), lambda: 2000.0)
    state = SiteState("direct", stopped=Stopped(Reason.BOT_CHECK, 1000.0, 1, "robot?", probe=probe))
    asyncio.run(store.write(Sites((), {"youtube": state})))
    return store


def passes(store: FileSites, home: Path) -> bool:
    """Whether a plan of ours may ask the site now."""
    said, stop = list[str](), asyncio.Event()
    stop.set()
    gate = FileGate(store, OURS, lambda: alive(home), said.append)
    try:
        asyncio.run(gate.pass_through([TUBE], 0, 1, stop))
    except InterruptedBeforeRunsError:
        assert "youtube" in said[0]
        return False
    return True


@pytest.mark.parametrize("of", ["recording", "plan"])
def test_a_probe_counts_as_long_as_its_session_lives_and_no_longer(of: str, tmp_path: Path) -> None:
    store = stopped(tmp_path, SiteProbe(batch=OTHERS, index=3, run=1, plan=of == "plan"))
    with a_session(tmp_path) as process:
        assert alive(tmp_path) == {OTHERS}
        assert not passes(store, tmp_path)
        process.kill()
        process.wait()
        assert alive(tmp_path) == set()
        assert passes(store, tmp_path)


def test_who_looks_whether_a_session_lives_keeps_none_from_starting(tmp_path: Path) -> None:
    folder = BatchFolder.of(tmp_path, "default", "talks")
    for _ in range(50):
        with holding(folder), marked_alive(folder, OURS):
            assert alive(tmp_path) == {OURS}
        assert alive(tmp_path) == set()
