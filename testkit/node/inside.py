"""The first process of a node: `python inside.py FOLDER DISK`, started by `unshare` as PID 1 of namespaces of
its own.

Mounts, processes and the network of a node live in these namespaces, so its end is the end of all of them:
the kernel kills what is left and takes the mounts and the links along, however the test run ended. What the
programs of a node write outside their own folders, into `/var` and `/run`, goes to a layer over these that
only they see. Must import the standard library only: it is started by its path.
"""

import signal
import subprocess
import sys
from pathlib import Path

COVERED = ("/run", "/var")
"""Sockets of shims and states of CNI plugins have their places here, whatever a configuration says."""

SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
"""Of the whole machine. A kubelet insists on changing them, and gets files that it may change."""


def main() -> None:
    """Cover, say so, and reap: orphans of a namespace are its first process's children."""
    folder, disk = Path(sys.argv[1]), sys.argv[2]
    (folder / "disk").mkdir()
    # before it may be covered: an overlay cannot lie on another one
    _run("mount", "--bind", disk, str(folder / "disk"))
    for covered in COVERED:
        _cover(covered, folder / f"over{covered.replace('/', '-')}")
    for setting in SETTINGS:
        _pretend(Path("/proc/sys", setting), folder / setting.replace("/", "."))
    # a kubelet insists that mounts reach into pods; nothing leaves this namespace by that
    _run("mount", "--make-rshared", "/")
    _run("ip", "link", "set", "lo", "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n", encoding="ascii")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    (folder / "inside").touch()
    while True:
        signal.pause()


def _cover(place: str, folder: Path) -> None:
    upper, work = folder / "upper", folder / "work"
    upper.mkdir(parents=True)
    work.mkdir()
    _run(
        "mount", "-t", "overlay", "overlay", "-o", f"lowerdir={place},upperdir={upper},workdir={work}", place
    )


def _pretend(place: Path, own: Path) -> None:
    own.write_bytes(place.read_bytes())
    _run("mount", "--bind", str(own), str(place))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
