"""Make a folder once, whole or not at all, and keep it in the cache.

Every maker of the test kit goes through here, so that an interrupted run leaves nothing that a later one
would take for finished, and two runs at once make a thing only once. Must not know what it keeps.
"""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.environment import cache_folder


def say(text: str) -> None:
    """Tell the person what takes time; standard output carries answers only."""
    print(f"testkit: {text}", file=sys.stderr, flush=True)


def key(*parts: bytes | str) -> str:
    """Twelve hex digits that change when any part does.

    The parts are what a thing is made of: texts, hashes of packages, and the `VERSION` of its maker. Not the
    maker's source: whoever formats or moves it would wait minutes for the same speech.
    """
    each = (hashlib.sha256(part.encode() if isinstance(part, str) else part).digest() for part in parts)
    return hashlib.sha256(b"".join(each)).hexdigest()[:12]


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes `target` by one rename when the block ends well, and is
    removed otherwise.

    Raises:
        FileExistsError: `target` is there already; it is never written over.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already. Delete it to have it made again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        scratch.chmod(0o755)  # mkdtemp gives 0700, and a server of another user may read the result
        yield scratch
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def once(name: str, version: str, make: Callable[[Path], None]) -> Path:
    """The folder `<cache>/testkit/<name>-<version>`, filled by `make` if it is not there yet. Raises what
    `filled` raises."""
    return filled(cache_folder() / "testkit" / f"{name}-{version}", make)


def filled(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, filled by `make` if it is not there yet.

    Raises:
        Exception: whatever `make` raises; the folder does not exist then.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        if not target.exists():  # another run may have made it while this one waited
            with whole(target) as scratch:
                make(scratch)
    return target
