"""The process that runs of this machine are forked from (`python -m ingest_worker.forking`), as seen from
here.

It is started with the first run that wants it, and ends with its owner: the other end of its socket is closed
then. A process that cannot be had, or says that it must not fork, is told once in the log; runs are started
one by one from then on, as they are on systems other than Linux.
"""

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from ingest_operator.local.starting import Exit, Launch, Process, born_at

LENGTH_BYTES: Final = 4
"""Of the length in front of a request: what `ingest_worker.forking` reads."""

PATIENCE_SECONDS: Final = 600.0
"""Seconds for one answer. The first comes after the imports: 6 s, and 100 s were seen on a machine with ten
times the load that it can carry."""

CLOSING_SECONDS: Final = 5.0
"""Seconds in which the process must end when its socket is closed."""

log = logging.getLogger(__name__)


class Forks:
    """Starts runs as forks, as long as that is possible."""

    def __init__(self, environment: Mapping[str, str], errors: Path) -> None:
        """`environment` as for a run; the process's own standard error goes to `errors`."""
        self._environment, self._errors = environment, errors
        self._server: _Server | None = None
        self._given_up = sys.platform != "linux"

    @property
    def runs(self) -> bool:
        """Whether there is a process to fork from."""
        return self._server is not None

    def ready(self, threads: int) -> None:
        """Start the process, unless there is one: this takes as long as its imports. `threads` is the number
        that its runs compute with."""
        if self._given_up or self._server is not None:
            return
        try:
            server = _Server(self._environment, threads, self._errors)
        except OSError as error:
            self._give_up(f"it could not be started: {error}")
            return
        why = server.unfit()
        if why:
            server.close()
            self._give_up(why)
        else:
            self._server = server

    def start(self, launch: Launch) -> Process | None:
        """A new run; None where it has to be started in another way."""
        if self._server is None:
            return None
        try:
            return self._server.start(launch)
        except OSError as error:
            self.close()
            self._give_up(f"it has ended: {error}")
            return None

    def close(self) -> None:
        """End the process. Its runs go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _give_up(self, why: str) -> None:
        self._given_up = True
        log.warning("runs are started one by one, and each imports what it needs: %s", why)


class _Server:
    """A live forking process."""

    def __init__(self, environment: Mapping[str, str], threads: int, errors: Path) -> None:
        self._control, its = socket.socketpair()
        errors.parent.mkdir(parents=True, exist_ok=True)
        with its, errors.open("ab") as log_file:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "ingest_worker.forking", str(its.fileno()), str(threads)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log_file,
                env=environment,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        self._control.settimeout(PATIENCE_SECONDS)
        self._answers = self._control.makefile("rb")

    def unfit(self) -> str:
        """Wait for its first line: why it cannot fork; empty if it can."""
        try:
            return str(self._answer()["unfit"])
        except OSError as error:
            return f"the imports failed: {error}"

    def start(self, launch: Launch) -> "Forked":
        """Fork a run. Raises `OSError` if the process is gone."""
        order = {"folder": str(launch.folder), "environment": dict(launch.environment)}
        with launch.streams() as streams:
            self._send({"start": order}, streams)
            pid = int(self._answer()["pid"])
        return Forked(self, pid)

    def poll(self, pid: int) -> int | None:
        """How a run ended, as `subprocess` says it; None while it runs. Raises `OSError` as `start`."""
        self._send({"poll": pid}, ())
        code = self._answer()["code"]
        return None if code is None else int(code)

    def close(self) -> None:
        """Close the connection, and wait for the process to end: it notices at once, unless it hangs."""
        self._answers.close()
        self._control.close()
        try:
            self._popen.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _send(self, request: Mapping[str, object], streams: tuple[int, ...]) -> None:
        body = json.dumps(request).encode()
        socket.send_fds(self._control, [len(body).to_bytes(LENGTH_BYTES, "big")], streams)
        self._control.sendall(body)

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._answers.readline()
        except ValueError as error:  # closed here
            raise ConnectionResetError("the connection is closed") from error
        if not line.endswith(b"\n"):
            raise ConnectionResetError(f"it ended with exit code {self._popen.wait()}")
        return dict(json.loads(line))


class Forked:
    """A run that was forked."""

    def __init__(self, server: _Server, pid: int) -> None:
        self.pid = pid
        self._server, self._born = server, born_at(pid)

    def ended(self) -> Exit | None:
        """How it ended. If the forking process is gone, nobody learns the exit code any more; the run itself
        goes on, and is watched by its pid."""
        try:
            code = self._server.poll(self.pid)
        except OSError:
            return None if self._lives() else Exit(None)
        return None if code is None else Exit(code)

    def _lives(self) -> bool:
        try:
            found = psutil.Process(self.pid)
            return found.create_time() == self._born and found.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
