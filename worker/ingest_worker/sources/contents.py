"""Identifies files by their content, and not by their path. Called by `resolve`, which names files, and by
`files`, which checks them.

A path identifies nothing in a store that several machines and namespaces share, and a file may be replaced in
place. Reading whole files would take as long as fetching them (1,300 recordings of 500 MB are 650 GB), so the
size and evenly spread blocks are hashed: at most 2 MiB of each file (docs/decisions/0016).
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError, unreadable

BLOCK_BYTES: Final = 64 * 1024
"""Bytes per read."""

BLOCKS: Final = 32
"""Blocks of a larger file: the first, the last, and others between them at equal distances. A file of up to 2
MiB is read whole."""

_DIGITS: Final = 16
_ID: Final = re.compile(
    rf"file:(?P<scope>missing|content|[0-9a-f]{{{_DIGITS}}})\.(?P<content>[0-9a-f]{{{_DIGITS}}})"
)
"""The ids that `id_of` makes. Ids without a point come from versions that identified files by their paths,
and say nothing about a content."""


def scope_of(path: Path, namespace: str, claims: Mapping[str, Path]) -> str:
    """`<namespace>/<claim>` of a resolved path, by the innermost of the claims' folders; empty for a path on
    no claim."""
    on = [(len(folder.parts), claim) for claim, folder in claims.items() if path.is_relative_to(folder)]
    return f"{namespace}/{min(on, key=lambda each: (-each[0], each[1]))[1]}" if on else ""


def id_of(path: Path, scope: str) -> str:
    """`file:`, the owner's hash, and the content's hash.

    Args:
        path: The path in the plan, whether or not a file is there.
        scope: From `scope_of`: a file on a claim belongs to its namespace.

    Returns:
        `file:<scope>.<content>`, each 16 hex digits of a sha256; `file:content.<content>` for a file on no
        claim; `file:missing.<path>` for a file that cannot be read, whose run fails under that id.
    """
    try:
        return f"file:{_digits(scope.encode()) if scope else 'content'}.{content_of(path)}"
    except OSError:
        return f"file:missing.{_digits(os.fsencode(scope) + b':' + os.fsencode(path))}"


def content_of(path: Path) -> str:
    """16 hex digits of the sha256 over a file's size and blocks. Raises `OSError`, also if it is not a
    regular file."""
    with open(path, "rb", opener=_without_waiting) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(f"{path} is not a file")
        found = hashlib.sha256(f"{facts.st_size}:".encode())
        for offset in _offsets(facts.st_size):
            file.seek(offset)
            found.update(file.read(BLOCK_BYTES))
    return found.hexdigest()[:_DIGITS]


def check(identity: str, path: Path) -> None:
    """Check that a file has the content that an id names; an id that names no content matches every file.

    Raises:
        StageError: `SOURCE_CHANGED` for another content; `NOT_FOUND` or `DOWNLOAD_FAILED` if the file cannot
            be read.
    """
    parts = _ID.fullmatch(identity)
    if parts is None:
        return
    try:
        content = content_of(path)
    except OSError as error:
        raise unreadable(str(path), error) from error
    if parts["scope"] == "missing":
        raise StageError(
            Reason.SOURCE_CHANGED, f"{path} could not be read when the batch was planned, and can now"
        )
    if parts["content"] != content:
        raise StageError(Reason.SOURCE_CHANGED, f"{path} has another content than when the batch was planned")


def _without_waiting(path: str, flags: int) -> int:
    """Open without blocking: a pipe in a file's place would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _digits(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGITS]


def _offsets(size: int) -> list[int]:
    """Offsets of the blocks."""
    if size <= BLOCK_BYTES * BLOCKS:
        return list(range(0, size, BLOCK_BYTES))
    return [(size - BLOCK_BYTES) * i // (BLOCKS - 1) for i in range(BLOCKS)]
