"""Our images, built from our Dockerfiles by buildah without a daemon, in a storage of our own that keeps
their layers for the next time.

`python -m testkit.node.images` builds them and prints what each layer weighs, as docs/images.md has it.
The base is the image that `$BASE_IMAGE` names; without one it is made of Debian's packages, because a
registry may not be reachable. Root, Linux.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts.environment import CHECKOUT, LOCKS, cache_folder, digest
from testkit.cluster.binaries import program
from testkit.node.disk import measured
from testkit.node.layers import Layered, layered

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-venv")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Image:
    """One image and how it is built."""

    name: str
    dockerfile: str
    target: str | None = None

    @property
    def reference(self) -> str:
        """The name that pods use."""
        return f"{self.name}:{VERSION}"


OPERATOR = Image("video-ingest-operator", "Dockerfile.operator")
LIGHT = Image("video-ingest-worker-light", "Dockerfile.worker", "light")
WORKER = Image("video-ingest-worker", "Dockerfile.worker")
IMAGES = (OPERATOR, LIGHT, WORKER)
PAUSE = "localhost/pause:e2e"


class Storage:
    """Where images and their layers are kept: below the cache, one storage per set of locks; older ones are
    removed."""

    def __init__(self) -> None:
        locks = digest(
            *(
                path.read_bytes()
                for path in sorted(LOCKS.glob("*.txt"))
                if path.stem in ("cuda", "light", "operator", "worker")
            )
        )
        self.folder = cache_folder() / f"images-{locks}"
        for other in cache_folder().glob("images-*"):
            if other != self.folder:
                shutil.rmtree(other)
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self, *arguments: str) -> list[str]:
        """A buildah command; its mounts end with it."""
        options = (f"--root={self.folder}/root", f"--runroot={self.folder}/run", "--storage-driver=overlay")
        return ["unshare", "--mount", "buildah", *options, *arguments]

    def run(self, *arguments: str) -> str:
        """Its standard output; what it says meanwhile goes to the screen."""
        return subprocess.run(
            self.command(*arguments), check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def has(self, reference: str) -> bool:
        """Whether there is such an image."""
        return (
            subprocess.run(
                self.command("inspect", "--type=image", reference), capture_output=True, check=False
            ).returncode
            == 0
        )

    @cached_property
    def base(self) -> str:
        """The image that ours stand on."""
        if chosen := os.environ.get("BASE_IMAGE"):
            return chosen
        reference = f"localhost/base:{SUITE}"
        if not self.has(reference):
            say(f"making a base image of Debian {SUITE} with {', '.join(PACKAGES)} (a minute)")
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="base-") as root:
                settings = Path(root, "etc/dpkg/dpkg.cfg.d")
                settings.mkdir(parents=True)
                # what is half done is thrown away anyway
                (settings / "fast").write_text("force-unsafe-io\n", encoding="ascii")
                made = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root]
                subprocess.run(["unshare", "--mount", *made], check=True, stdout=subprocess.DEVNULL)
                (settings / "fast").unlink()
                for kept in (
                    "var/cache/apt",
                    "var/lib/apt/lists",
                    "usr/share/doc",
                    "usr/share/locale",
                    "usr/share/man",
                ):
                    shutil.rmtree(Path(root, kept))
                self._from_folder(Path(root), reference)
        return reference

    def pause(self) -> str:
        """The image of what holds the namespaces of a pod."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="pause-") as root:
            shutil.copy2(program("pause"), Path(root, "pause"))
            self._from_folder(Path(root), PAUSE, '--entrypoint=["/pause"]')
        return PAUSE

    def _from_folder(self, root: Path, reference: str, *config: str) -> None:
        container = self.run("from", "scratch")
        try:
            self.run("add", "--quiet", container, str(root), "/")
            if config:
                self.run("config", *config, container)
            self.run("commit", "--quiet", container, reference)
        finally:
            self.run("rm", container)

    def build(self, image: Image) -> None:
        """Build it; layers that are there already are taken."""
        say(f"building {image.reference} from {image.dockerfile}")
        options = [
            "--layers",
            "--isolation=chroot",
            "--network=host",
            "--quiet",
            f"--file={CHECKOUT / image.dockerfile}",
        ]
        options += [f"--target={image.target}"] if image.target else []
        options += [f"--build-arg=BASE_IMAGE={self.base}", f"--tag={image.reference}", *_lent()]
        self.run("build", *options, str(CHECKOUT))

    def layered(self, reference: str) -> Layered:
        """An image that was built, with its layers where they are."""
        about = json.loads(self.run("inspect", "--type=image", reference))
        return layered(self.folder / "root", reference, about["Manifest"], about["Config"])

    def weights(self, image: Image) -> dict[str, int]:
        """What is in each layer, from the base up, and its bytes unpacked; the small ones, with users and
        locks in them, together."""
        about = json.loads(self.run("inspect", "--type=image", image.reference))
        sizes = [layer["size"] for layer in json.loads(about["Manifest"])["layers"]]
        made = [entry["created_by"] for entry in about["OCIv1"]["history"] if not entry.get("empty_layer")]
        found = {"the base": sizes[0]}
        for how, size in zip(made[1:], sizes[1:], strict=True):
            name = _content(how)
            found[name] = found.get(name, 0) + size
        return found


def _content(made: str) -> str:
    """What the command that made a layer put there."""
    if lock := re.search(r"install\.sh /opt/locks/(\w+\.txt)", made):
        return f"what locks/{lock[1]} names, with bytecode"
    return (
        "our code, with bytecode"
        if "/opt/app" in made and "COPY" in made
        else "a user, the environment, the locks"
    )


def _lent() -> list[str]:
    """What a build may use of this machine: its certificates, and the wheels that the tests' environment has
    fetched already."""
    cache = Path(os.environ.get("UV_CACHE_DIR", Path.home() / ".cache" / "uv"))
    cache.mkdir(parents=True, exist_ok=True)
    volumes = [
        f"{cache}:/var/cache/uv",
        *([f"{CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.exists() else []),
    ]
    return [f"--volume={volume}" for volume in volumes] + ["--build-arg=UV_NO_CACHE=0"]


def say(text: str) -> None:
    """Tell the person what takes time."""
    print(f"images: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Build all and print the table."""
    storage = Storage()
    assert storage.base
    print("| image | layer | MB |\n|---|---|---:|")
    for image in IMAGES:
        began = time.monotonic()
        with measured() as disk:
            storage.build(image)
        say(
            f"{image.reference} after {time.monotonic() - began:.1f} s, "
            f"with {disk.most / 1e9:.1f} GB of disk at most"
        )
        weights = storage.weights(image)
        for content, size in weights.items():
            print(f"| `{image.name}` | {content} | {size / 1e6:.1f} |")
        print(
            f"| `{image.name}` | **above the base** | "
            f"**{(sum(weights.values()) - weights['the base']) / 1e6:.1f}** |"
        )


if __name__ == "__main__":
    main()
