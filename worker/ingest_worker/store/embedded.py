"""Postgres with pgvector in a folder of the user: the store of local mode and of the tests, with nothing to
install or configure.

The kernel tracks which processes use the server: each holds a shared lock on a file, which is released
however the process ends. A process that leaves and gets that lock exclusively stops the server. A killed
session leaves the server running, and the next one takes it over; one that is left in a hurry leaves
`python -m ingest_worker.store.embedded FOLDER` behind, which stops the server once nobody uses it.
"""

import fcntl
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from ingest_worker.errors import StageError
from ingest_worker.store.connect import connect
from ingest_worker.store.errors import translated
from ingest_worker.store.server import Server, server_in

DATABASE: Final = "video_ingest"
"""The name of the database in the address."""

UNUSED_TIMES: Final = 3
"""How often in a row nobody may be connected before a server counts as unused."""

_POLL_SECONDS: Final = 0.5

_USED_SECONDS: Final = 120.0
"""Seconds after which nobody is waited for any more: workers that were asked to end take a few."""


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """The address (libpq DSN) of a server whose data are below `folder`: started if necessary, shared by
    processes, stopped by the last one.

    Works as any user; under root the server runs as a system user of its own, which gets access to the
    folder. The database exists and is empty: `schema.migrate` is the next step. The first start takes two to
    four seconds, a later one a fifth of a second.

    Raises:
        StageError: `DatabaseUnavailable`, saying what is wrong and what to do.
    """
    server = server_in(folder.expanduser().resolve())
    with (server.folder / "users.lock").open("ab") as users, ExitStack() as leaving:
        with _undisturbed(), _changing(server):
            _ensure_running(server)
            fcntl.flock(users, fcntl.LOCK_SH)
            leaving.callback(_stop_if_last, server, users)
        yield server.address(DATABASE)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block: half a start or stop would leave a server that nobody
    uses."""
    if threading.current_thread() is not threading.main_thread():  # it hears no signals
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda which, _: came.append(which))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for which in dict.fromkeys(came):
        if callable(heard := before[signal.Signals(which)]):
            heard(which, None)
        elif heard is signal.SIG_DFL:
            signal.raise_signal(which)


@contextmanager
def _changing(server: Server) -> Iterator[None]:
    """Exclusive lock for starting and stopping. A process that joins takes the users' lock inside it too, so
    none joins a server that is being stopped."""
    with (server.folder / "change.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ensure_running(server: Server) -> None:
    if _answers(server):
        _make_database(server)
        return
    server.initialise()
    server.start()
    try:
        _make_database(server)
    except BaseException:
        server.stop()  # no process holds the users' lock yet, so no other would stop it
        raise


def _make_database(server: Server) -> None:
    with (
        connect(server.address("postgres"), application="embedded") as connection,
        translated("making the database"),
    ):
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            connection.execute(f"create database {DATABASE}")


def _answers(server: Server) -> bool:
    try:
        with connect(server.address("postgres"), application="embedded"):
            return True
    except StageError:
        return False


def _stop_if_last(server: Server, users: IO[bytes]) -> None:
    with _undisturbed(), _changing(server):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        server.stop()


def stop_when_unused(folder: Path) -> None:
    """Take a server over that is left behind, and stop it as soon as nobody is connected any more."""
    with embedded(folder) as address, connect(address, application="embedded") as connection:
        unused, until = 0, time.monotonic() + _USED_SECONDS
        while unused < UNUSED_TIMES and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            others = connection.execute(
                "select 1 from pg_stat_activity "
                "where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1"
            ).fetchone()
            unused = 0 if others else unused + 1


if __name__ == "__main__":
    stop_when_unused(Path(sys.argv[1]))
