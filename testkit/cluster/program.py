"""One running program of a control plane: its log, whether it is up, and its end, which comes with the test
run's at the latest."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

GARBAGE_PERCENT = "400"
"""By how much the heap of a program in Go grows before it is swept (`GOGC`): memory for processor time,
unless somebody has chosen already."""
GUARD = Path(__file__).with_name("guard.py")
FOR_NOW = "ingest-kube-"
"""How the names of folders begin that go at the end."""
PORTS = range(20_000, 32_000)
"""Below what a system gives to those who ask for any port: nobody else takes one between its choice and its
use."""


class NotUpError(Exception):
    """A program ended, or did not come up in time. The message holds the end of its log."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NotUpError("every port between 20000 and 32000 is taken")


PATIENCE = 180.0
"""Seconds: several rounds of the slowest controller that a test waits for (a namespace with pods in it is
looked at every 16 s), on a machine that is busy with other tests. Only a test that fails waits so long."""


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE, every: float = 0.05) -> None:
    """Return once the condition holds; `TimeoutError` names what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(every)


@contextmanager
def folder_for_now(within: Path | None = None) -> Iterator[Path]:
    """A folder that goes at the end; if this process is killed, a shell that waits for that removes it."""
    folder = Path(tempfile.mkdtemp(prefix=FOR_NOW, dir=within))
    # The second is for those who still write into it: they end because of the same.
    command = ["sh", "-c", 'cat > /dev/null; sleep 1; rm -rf "$1"', "sh", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as sweeper:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            sweeper.kill()


@dataclass
class Program:
    """A program that can be started, killed and started again. Being killed is the only end it knows: nothing
    that it wrote is kept."""

    command: Sequence[str | Path]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return Path(self.command[0]).name

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, str(GUARD), *map(str, self.command)]
            # A session of its own: the Ctrl+C of a terminal reaches the test run only.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"GOGC": GARBAGE_PERCENT} | os.environ,
            )

    def wait(self, up: Callable[[], bool], seconds: float = 120) -> None:
        """Return once it is up; `NotUpError` if it ended or takes too long."""

        def up_or_over() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise NotUpError(f"{self.name} ended with {self.process.returncode}:\n{self.end_of_log()}")
            return up()

        try:
            until(up_or_over, f"{self.name} is up", seconds)
        except TimeoutError as error:
            raise NotUpError(f"{error}\n{self.end_of_log()}") from None

    def kill(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait(30)
            self.process = None

    def end_of_log(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
