"""The reader that runs for a home: `ingestctl serve` leaves its address there, for whoever asks a question.

The file is locked for as long as the reader lives: the kernel releases the lock however that ends. What
nobody has locked was left by a reader that was killed, and counts for nothing.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import ingestctl

FILE: Final = "reader.json"
_PRIVATE_MODE: Final = 0o600
"""It names the file of a token."""


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
    stays; a home that cannot be written is left alone."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = (home / FILE).open("a+", encoding="utf-8")
    except OSError:
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield
            return
        (home / FILE).chmod(_PRIVATE_MODE)
        file.truncate(0)
        file.write(json.dumps(asdict(reader)))
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                (home / FILE).unlink()


def running(home: Path, dsn: str | None) -> Running | None:
    """The reader that runs for a home; None without one, or if it is of another store or program."""
    try:
        with (home / FILE).open(encoding="utf-8") as file:
            if not _is_locked(file.fileno()):
                return None
            found = Running(**json.loads(file.read()))
    except (OSError, ValueError, TypeError):
        return None
    fits = found.store == store_key(dsn) and found.program == program_key()
    return found if fits else None


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
