"""A test run with a node that is killed:
the machine is as it was, and another one can have a node at once."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.environment import CHECKOUT, cache_folder
from testkit.cluster.program import FOR_NOW, until
from testkit.node import fitness
from testkit.node.namespace import LINK, PODS, BusyError, hierarchies, namespace

RUN = """
from testkit.node.node import node
with node() as one:
    print(one.inside.folder, one.inside.disk, flush=True)
    input()
"""


@pytest.fixture
def run() -> Iterator[subprocess.Popen[str]]:
    """Another test run."""
    if reason := fitness.blocker():
        pytest.skip(reason)
    fitness.install()
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.node
@pytest.mark.timeout(0)
def test_a_run_that_is_killed_leaves_nothing_of_its_node_and_until_then_nobody_else_gets_one(
    run: subprocess.Popen[str],
) -> None:
    assert run.stdout
    folders = [Path(folder) for folder in run.stdout.readline().split()]
    below = [process.pid for process in psutil.Process(run.pid).children(recursive=True)]
    cgroups = [hierarchy / f"ingest-e2e-{run.pid}" for hierarchy in hierarchies()]
    assert len(folders) == 2
    assert all(path.exists() for path in (*folders, *cgroups))
    assert LINK in told("ip", "-oneline", "link")
    assert told("ip", "route", "show", PODS)
    assert len(below) > 8, "kubelet, containerd, scheduler, proxy, firewall and a control plane"
    with pytest.raises(BusyError, match="Another test run has a node"), namespace():
        pass

    run.send_signal(signal.SIGKILL)
    run.wait()
    until(lambda: not any(lives(pid) for pid in below), "its processes are gone")
    until(lambda: not any(path.exists() for path in (*folders, *cgroups)), "its folders and cgroups are gone")
    until(lambda: LINK not in told("ip", "-oneline", "link"), "its link is gone")
    until(lambda: not told("ip", "route", "show", PODS), "and its route")
    assert not any(str(folder) in Path("/proc/self/mountinfo").read_text() for folder in folders)
    with namespace() as another:
        assert another.disk.exists()
    assert not list(cache_folder().glob(f"{FOR_NOW}*"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("platform.system", "Darwin", "A node needs Linux; this is Darwin."),
        ("os.geteuid", 1000, "try `sudo make e2e`"),
        ("platform.machine", "aarch64", "The worker's image is for x86-64; this is aarch64."),
        ("missing", ["kubelet"], "there is no apt-get to install them with: kubelet"),
        ("DISK", 1 << 60, "GB of disk"),
    ],
)
def test_where_no_node_can_be_had_one_sentence_says_why(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, said: str
) -> None:
    everything_else = {
        "platform.system": "Linux",
        "os.geteuid": 0,
        "platform.machine": "x86_64",
        "missing": [],
        "DISK": 0,
    }
    for each, answer in (everything_else | {name: value}).items():
        monkeypatch.setattr(
            f"testkit.node.fitness.{each}", answer if each == "DISK" else lambda answer=answer: answer
        )
    monkeypatch.setattr("testkit.node.fitness.shutil.which", lambda _: None)
    reason = fitness.blocker()
    assert reason is not None
    assert said in reason
