"""containerd with folders of its own, and the images in it: linked from where they were built, without a
registry or a copy."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testkit.cluster.program import Program
from testkit.node.images import PAUSE
from testkit.node.layers import Layer, Layered
from testkit.node.namespace import PODS, Namespace

PLUGINS = "/usr/lib/cni"
CONFIG = """\
version = 2
root = "{disk}"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_selinux = false
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/net.d"
"""
"""`restrict_oom_score_adj`: a runtime that may not lower its own score cannot lower a sandbox's."""


@dataclass(frozen=True, slots=True)
class Containerd:
    """A running containerd."""

    inside: Namespace
    folder: Path
    program: Program

    @property
    def socket(self) -> Path:
        """Where a kubelet finds it."""
        return self.folder / "containerd.sock"

    def ctr(self, *arguments: str) -> list[str]:
        """A command that speaks to it."""
        return self.inside.command("ctr", f"--address={self.socket}", "--namespace=k8s.io", *arguments)

    def images(self) -> list[str]:
        """The names of what is there."""
        return self._said("images", "list", "--quiet").split()

    def take(self, image: Layered) -> None:
        """Have an image without copying it: each layer's files are linked into a snapshot of its own, and
        then it is described."""
        have = set(self._said("snapshots", "list").split())
        for layer in image.layers:
            if layer.chain not in have:
                self._link(layer)
        command = self.ctr("images", "import", "--all-platforms", "-")
        done = subprocess.run(
            command, input=image.description(), capture_output=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr.decode()

    def _link(self, layer: Layer) -> None:
        key = f"linked-{layer.chain}"
        (mount,) = json.loads(
            self._said("snapshots", "prepare", "--mounts", key, *([layer.below] if layer.below else []))
        )
        upper = [
            option.removeprefix("upperdir=") for option in mount["Options"] if option.startswith("upperdir=")
        ]
        there = self.inside.disk / Path(upper[0] if upper else mount["Source"]).relative_to(
            self.inside.folder / "disk"
        )
        subprocess.run(["cp", "--archive", "--link", f"{layer.folder}/.", there], check=True)
        self._said("snapshots", "commit", layer.chain, key)

    def _said(self, *arguments: str) -> str:
        done = subprocess.run(self.ctr(*arguments), capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def containerd(inside: Namespace) -> Iterator[Containerd]:
    """A containerd in these namespaces, whose pods have addresses of `PODS`."""
    folder = inside.folder / "containerd"
    (folder / "net.d").mkdir(parents=True)
    (folder / "net.d" / "10-pods.conflist").write_text(json.dumps(_network(folder)), encoding="utf-8")
    config = folder / "config.toml"
    config.write_text(
        CONFIG.format(folder=folder, disk=inside.folder / "disk", pause=PAUSE, plugins=PLUGINS),
        encoding="utf-8",
    )
    one = Containerd(inside, folder, inside.program("containerd", ["containerd", f"--config={config}"]))
    one.program.start()
    try:
        one.program.wait(
            lambda: subprocess.run(one.ctr("version"), capture_output=True, check=False).returncode == 0
        )
        yield one
    finally:
        one.program.kill()


def _network(folder: Path) -> dict[str, object]:
    """A link for each pod, and everything is routed: Services work between pods without a bridge that hands
    frames to iptables."""
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "addresses"),
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}],
    }
