"""The reader that runs for a home: `ingestctl serve` leaves its address there, for whoever asks a question.

The file is locked for as long as the reader lives: the kernel releases the lock however that ends. What
nobody has locked was left by a reader that was killed, and counts for nothing.
"""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import ingestctl
from ingest_reader.doors import is_loopback

FILE: Final = "reader.json"
_PRIVATE_MODE: Final = 0o600
"""It names the file of a token."""
_CAREFUL: Final = os.O_NOFOLLOW | os.O_NONBLOCK
"""Neither a link to another file of this user is followed, nor is anybody waited for at a pipe."""


@dataclass(frozen=True, slots=True)
class Running:
    """A reader, as it has said itself."""

    address: str
    """`http://127.0.0.1:8300`."""
    token_file: str | None
    store: str
    """`store_key` of its store."""
    program: str
    """`program_key` of its program."""


def store_key(dsn: str | None) -> str:
    """Tells stores apart without their passwords; None is the home's own."""
    return hashlib.sha256((dsn or "").encode()).hexdigest()[:16]


def program_key() -> str:
    """Tells installations and their versions apart: an upgrade writes the package's files anew."""
    file = Path(ingestctl.__file__)
    return f"{file} {file.stat().st_mtime_ns}"


@contextmanager
def announced(home: Path, reader: Running) -> Iterator[None]:
    """Leave the reader's address in a home while the block lasts. The first of several readers of one home
    stays; a home that cannot be written or locked is left alone."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(_left(home, reader))
        yield


def running(home: Path, dsn: str | None) -> Running | None:
    """The reader that runs for a home; None without one, or if it is of another store or program.

    It may be shown this user's token, and its answer is printed: whoever else can write to the home, only
    what this user left there is believed, and only an address of this machine.
    """
    try:
        with os.fdopen(os.open(home / FILE, os.O_RDONLY | _CAREFUL), "rb") as file:
            if not (_is_own(file.fileno()) and _is_locked(file.fileno())):
                return None
            found = Running(**json.loads(file.read()))
            host = urlsplit(str(found.address)).hostname
    except (OSError, ValueError, TypeError):
        return None
    fits = found.store == store_key(dsn) and found.program == program_key()
    return found if fits and is_loopback(host or "") else None


@contextmanager
def _left(home: Path, reader: Running) -> Iterator[None]:
    """Leave the address in the locked file. Raises `OSError`, also if another reader has locked it."""
    home.mkdir(parents=True, exist_ok=True)
    opened = os.open(home / FILE, os.O_WRONLY | os.O_CREAT | _CAREFUL, _PRIVATE_MODE)
    with os.fdopen(opened, "wb", buffering=0) as file:
        if not _is_own(opened):
            raise PermissionError(f"{home / FILE} is somebody else's")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(opened, _PRIVATE_MODE)
        file.truncate(0)
        file.write(json.dumps(asdict(reader)).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                (home / FILE).unlink()


def _is_own(file: int) -> bool:
    """Whether it is a file of this user, which nobody else could write."""
    found = os.fstat(file)
    others = stat.S_IWGRP | stat.S_IWOTH
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & others


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
