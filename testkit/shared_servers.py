"""Servers that all processes of one test run share: one control plane and one Postgres, however many
processes run tests side by side.

The run's first process starts a server when a test first asks for it, and ends it at its own end, however
that comes. The other processes ask over a socket in a folder that only this user can read; the answer is what
it takes to reach the server.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, Final

from testkit.cluster.program import folder_for_now

SOCKET: Final = "INGEST_TEST_SERVERS"
"""The environment variable that tells the run's other processes where to ask. Inherited, so nobody else finds
it."""


def _control_plane(ends: ExitStack) -> Any:
    from testkit.cluster.fixtures import with_our_kinds

    return ends.enter_context(with_our_kinds()).reference


def _postgres(ends: ExitStack) -> Any:
    from testkit.postgres import started

    return started(ends)


def _postgres_template(ends: ExitStack) -> Any:
    from testkit.postgres import with_template

    del ends  # it goes with its server
    return with_template()


STARTS: Final[dict[str, Callable[[ExitStack], Any]]] = {
    "control plane": _control_plane,
    "postgres": _postgres,
    "postgres template": _postgres_template,
}
"""Starts a server, whose end is put onto the stack; returns how it is reached, as something that can be
pickled."""


class SharedServers:
    """The servers of this run, in its first process."""

    def __init__(self, ends: ExitStack) -> None:
        self._ends = ends
        self._turns = {name: threading.Lock() for name in STARTS}
        self._started: dict[str, Any] = {}

    def reach(self, name: str) -> Any:
        """How a server is reached, which is started if nobody asked for it before."""
        with self._turns[name]:
            if name not in self._started:
                self._started[name] = STARTS[name](self._ends)
            return self._started[name]

    def answer(self, connection: Connection) -> None:
        """One question of another process: the server's name; (whether it is there, how it is reached or why
        not)."""
        with connection:
            try:
                answer = True, self.reach(connection.recv())
            except Exception as error:  # noqa: BLE001 -- raised where it was asked for
                answer = False, f"{type(error).__name__}: {error}"
            connection.send(answer)


@contextmanager
def sharing() -> Iterator[SharedServers]:
    """For the run's first process: the servers, and answers to those who ask for them."""
    with ExitStack() as ends:
        servers = SharedServers(ends)
        path = str(ends.enter_context(folder_for_now()) / "servers")
        listener = ends.enter_context(Listener(path))
        os.environ[SOCKET] = path
        ends.callback(os.environ.pop, SOCKET)
        threading.Thread(target=_listen, args=(listener, servers), name="shared servers", daemon=True).start()
        yield servers


def _listen(listener: Listener, servers: SharedServers) -> None:
    while True:
        try:
            connection = listener.accept()
        except OSError:  # closed: the run ends
            return
        threading.Thread(target=servers.answer, args=(connection,), daemon=True).start()


def reach(name: str) -> Any:
    """How a server of this run is reached, from any of its processes."""
    assert SOCKET in os.environ, "nobody shares servers: this is for tests, which `tests/conftest.py` sets up"
    with Client(os.environ[SOCKET]) as connection:
        connection.send(name)
        is_there, answer = connection.recv()
    assert is_there, answer
    return answer
