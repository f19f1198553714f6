"""Namespaces for one node: its own processes, mounts and network, joined to this machine by one pair of
links.

Whatever becomes of the test run, the kernel ends what runs inside and takes links, routes, rules and mounts
along; a shell that waits for the same removes what is left on disk. Nothing of the machine is changed, but
for the packages that `fitness` installs: they stay.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.environment import cache_folder
from testkit.cluster.program import FOR_NOW, Program, folder_for_now, until

INSIDE = Path(__file__).with_name("inside.py")
HOST, NODE = "10.203.0.1", "10.203.0.2"
"""The two ends of the pair of links."""
LINK = "ingest-e2e"
PODS = "10.203.1.0/24"
CGROUP = f"ingest-e2e-{os.getpid()}"
"""Below it are the cgroups of all pods. Not the name that a run before this one used: what cleans up behind
that may still be at it."""
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Namespace:
    """Where the programs of a node run."""

    folder: Path
    disk: Path
    """For images and containers, outside: beside those that were built, so that files can be linked. Inside
    it is `folder / "disk"`."""
    pid: int
    """Its first process, as this machine counts."""

    def command(self, *command: str | Path) -> list[str]:
        """A command that runs inside."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--", *map(str, command)]

    def program(self, name: str, command: Sequence[str | Path]) -> Program:
        """A program that runs inside until it is killed."""
        return Program(self.command(*command), self.folder / f"{name}.log")

    def run(self, *command: str | Path, seconds: float = 60) -> str:
        """What a command that ends says."""
        done = subprocess.run(
            self.command(*command), capture_output=True, text=True, check=False, timeout=seconds
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"
        return done.stdout


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Namespaces that are joined to this machine, and gone afterwards. One at a time on one machine: the
    addresses are fixed.

    Raises:
        BusyError: there is one already.
    """
    with ExitStack() as ends:
        ends.enter_context(_alone())
        folder, disk = (
            ends.enter_context(folder_for_now()),
            ends.enter_context(folder_for_now(cache_folder())),
        )
        ends.enter_context(_cgroup())
        own = ("--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")
        first = Program(["unshare", *own, sys.executable, INSIDE, folder, disk], folder / "inside.log")
        ends.callback(first.kill)
        first.start()
        first.wait((folder / "inside").exists)
        assert first.process is not None
        inside = Namespace(folder, disk, _innermost(first.process.pid))
        _join(inside)
        yield inside


class BusyError(Exception):
    """Another test run has a node on this machine."""


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else has a node meanwhile. What an earlier one has left on the disk, ended together with its
    sweeper, goes now."""
    with (cache_folder() / "node.lock").open("w") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "Another test run has a node on this machine, "
                "and there can be one only: its addresses are fixed."
            ) from None
        for left in cache_folder().glob(f"{FOR_NOW}*"):
            shutil.rmtree(left)
        yield


def _innermost(pid: int) -> int:
    """The only child of the only child: guard, `unshare`, the first process inside."""
    guard = psutil.Process(pid)
    (unshare,) = guard.children()
    (first,) = unshare.children()
    return int(first.pid)


def _join(inside: Namespace) -> None:
    """A pair of links; this machine finds pods behind it."""
    for command in (
        f"link add {LINK} type veth peer name eth0 netns {inside.pid}",
        f"address add {HOST}/30 dev {LINK}",
        f"link set {LINK} up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    inside.run("ip", "address", "add", f"{NODE}/30", "dev", "eth0")
    inside.run("ip", "link", "set", "eth0", "up")
    inside.run("ip", "route", "add", "default", "via", HOST)
    subprocess.run(["ip", "route", "add", PODS, "via", NODE], check=True)


@contextmanager
def _cgroup() -> Iterator[None]:
    """A cgroup in every hierarchy that this machine has, removed when its processes have ended, even if this
    one is killed."""
    places = [hierarchy / CGROUP for hierarchy in hierarchies()]
    for place in places:
        place.mkdir(exist_ok=True)
    remove = ["find", *map(str, places), "-depth", "-type", "d", "-delete"]
    command = [
        "sh",
        "-c",
        'cat > /dev/null; for _ in 1 2 3 4 5; do sleep 2; "$@" 2> /dev/null; done',
        "sh",
        *remove,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as sweeper:
        try:
            yield
        finally:
            until(lambda: _gone(places, remove), "the cgroups of pods are gone")
            sweeper.kill()


def _gone(places: Sequence[Path], remove: Sequence[str]) -> bool:
    """Try once more: one in which a process is still ending keeps `remove` from nothing else."""
    subprocess.run(remove, capture_output=True, check=False)
    return not any(place.exists() for place in places)


def hierarchies() -> list[Path]:
    """Where cgroups are made: in one place, or with cgroup v1 in a folder per controller."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [
        folder
        for folder in sorted(CGROUPS.iterdir())
        if (folder / "cgroup.procs").exists() and not folder.is_symlink()
    ]
