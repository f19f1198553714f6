"""`python -m scripts.pin_images`: the base image of each Dockerfile by digest, as its registry names it now.

A tag moves, a digest does not. Docker asks the registry (`docker buildx imagetools inspect`), and the digest
is that of the index of all platforms. Without Docker or a network nothing is changed, and the command says so
and fails. Run it again to move on to what the tag means by then.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.environment import CHECKOUT, say

PINNED, NOT_PINNED = 0, 2

_BASE = re.compile(r"^ARG BASE_IMAGE=(?P<image>[^@\s]+)(?:@\S+)?$", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class NotAskedError(Exception):
    """No registry could be asked for a digest."""


def main(folder: Path = CHECKOUT) -> int:
    """0: every Dockerfile names a digest. 2: nobody could be asked, and none is changed."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("Dockerfile.*"))}
    try:
        digests = {image: digest_of(image) for image in sorted({_image(text) for text in texts.values()})}
    except NotAskedError as error:
        print(f"Nothing was pinned: {error}")
        print("A registry is asked over the network, by Docker; run this where there are both.")
        return NOT_PINNED
    for path, text in texts.items():
        image = _image(text)
        line = f"ARG BASE_IMAGE={image}@{digests[image]}"
        path.write_text(_BASE.sub(line, text), encoding="utf-8")
        print(f"{path.name}: {line.removeprefix('ARG BASE_IMAGE=')}")
    return PINNED


def digest_of(image: str) -> str:
    """`sha256:...` of an image's tag. Raises `NotAskedError`."""
    docker = shutil.which("docker")
    if docker is None:
        raise NotAskedError("there is no docker here")
    say(f"asking for the digest of {image}")
    command = [docker, "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    said = run.stdout.strip()
    if run.returncode or not _DIGEST.fullmatch(said):
        why = (run.stderr.strip() or said or "docker said nothing").splitlines()[0]
        raise NotAskedError(f"{image}: {why}")
    return said


def _image(text: str) -> str:
    """The base image of a Dockerfile, without its digest."""
    found = _BASE.search(text)
    if found is None:
        raise SystemExit("a Dockerfile without a line `ARG BASE_IMAGE=<image>:<tag>`")
    return found["image"]


if __name__ == "__main__":
    sys.exit(main())
