"""Kueue's controller and its definitions, built once from its Go module and kept in the cache, like the
programs of a control plane.

`build/go.mod` says which version. It takes six minutes of CPU, so only the tests marked `kueue` ask for it
(`make e2e-full`).
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from testkit.cluster.go import toolchain
from testkit.cluster.module import Module

MODULE = "sigs.k8s.io/kueue"
FOLDER = Path(__file__).with_name("build")


class Kueue(Module):
    """The program, and what of the module's manifests a cluster needs."""

    def _build(self, programs: Path) -> None:
        oldest = tuple(int(number) for number in self.said(r"(?m)^go (\S+)$").split("."))
        self.say(f"building {self.takes}")
        with toolchain(oldest) as go:
            go.build(self.folder, list(self.packages), self.ldflags, programs)
            command = [str(go.program), "list", "-m", "-f", "{{.Dir}}", MODULE]
            environment = dict(os.environ) | dict(go.environment)
            found = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, check=True
            )
            for part in ("crd/bases", "webhook"):
                shutil.copytree(
                    Path(found.stdout.strip()) / "config" / "components" / part,
                    programs / part,
                    copy_function=shutil.copyfile,
                )
        self.say(f"built {self.label}")


@cache
def built() -> Path:
    """The folder with `kueue`, `crd/bases` and `webhook`, filled if it is not there yet."""
    takes = "Kueue from its module (about ten minutes, once on this machine)"
    return Kueue("Kueue", FOLDER, (f"{MODULE}/cmd/kueue",), "-s -w", "kueue", takes).built()


if __name__ == "__main__":
    print(built())
