"""Whether a node can be had on this machine, and the system's packages that it takes."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scripts.environment import cache_folder
from testkit.node.namespace import hierarchies

DISK: Final = 30e9
"""Bytes: buildah has a layer of the worker four times for a moment, 24 GB in all; 9 GB stay."""

PACKAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "containerd": "containerd",
        "runc": "runc",
        "/usr/lib/cni/ptp": "containernetworking-plugins",
        "iptables": "iptables",
        "ipset": "ipset",
        "ip": "iproute2",
        "conntrack": "conntrack",
        "buildah": "buildah",
        "debootstrap": "debootstrap",
    }
)
"""Program to the package of Debian and Ubuntu that brings it."""


def blocker() -> str | None:
    """Why no node can be had here, as a sentence; None if one can."""
    if platform.system() != "Linux":
        return f"A node needs Linux; this is {platform.system()}."
    if os.geteuid() != 0:
        return "A node makes namespaces, mounts and cgroups, and needs root for that: try `sudo make e2e`."
    if platform.machine() != "x86_64":
        return f"The worker's image is for x86-64; this is {platform.machine()}."
    if missing() and shutil.which("apt-get") is None:
        return (
            "These programs are missing, "
            f"and there is no apt-get to install them with: {', '.join(missing())}."
        )
    if (free := shutil.disk_usage(cache_folder()).free) < DISK:
        return (
            f"Building the images takes up to {DISK / 1e9:.0f} GB of disk; "
            f"{cache_folder()} has {free / 1e9:.0f} GB left."
        )
    return _refused()


def _refused() -> str | None:
    """What the kernel, or whoever holds it, does not let this process do; tried, because no list of rights
    tells."""
    mount = "mkdir low up work all && mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work all"
    runs = [
        (mount, "A node needs namespaces of its own and overlay mounts in them, and may not have them here")
    ]
    if not missing():  # otherwise it is seen when the firewall starts
        rules = "ipset create fitness hash:ip && iptables -A FORWARD -m set --match-set fitness src -j DROP"
        runs.append((rules, "A node's firewall needs iptables with ipset, and cannot have them here"))
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        for script, lacks in runs:
            command = ["unshare", "--mount", "--pid", "--net", "--fork", "sh", "-c", script]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"{lacks}: {done.stderr.strip()}"
    try:
        (hierarchies()[0] / "ingest-e2e-fitness").mkdir()
        (hierarchies()[0] / "ingest-e2e-fitness").rmdir()
    except OSError as error:
        return f"A node needs cgroups of its own, and may not have them here: {error}"
    return None


def missing() -> list[str]:
    """The programs that are not here."""
    return [each for each in PACKAGES if shutil.which(each) is None]


def install() -> None:
    """Install what is missing, saying so. The node does not use what these packages start: it runs programs
    of its own."""
    if not (wanted := sorted({PACKAGES[each] for each in missing()})):
        return
    print(f"e2e: installing {', '.join(wanted)} by apt-get", file=sys.stderr, flush=True)
    environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-qq", "--no-install-recommends", "--yes", *wanted],
    ):
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if reason := blocker():
        sys.exit(f"e2e: {reason}")
