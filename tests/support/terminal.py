"""A program on a terminal of its own, as a person sees it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

PATIENCE_SECONDS = 180.0
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"
"""What hides the cursor, and what shows it (DECTCEM)."""


class Terminal:
    """The terminal, and the program on it."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process, self._screen = process, screen
        self.said = b""
        """All that was written to it."""

    def until(self, wanted: bytes) -> None:
        """Read until this was written."""
        while wanted not in self.said:
            assert self._read(), self.said

    def to_its_end(self) -> int:
        """Read until nobody writes any more; returns the program's exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_SECONDS)

    @property
    def has_cursor(self) -> bool:
        """Whether the cursor was shown after it was hidden."""
        assert HIDDEN in self.said, self.said
        return self.said.rfind(SHOWN) > self.said.rfind(HIDDEN)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], PATIENCE_SECONDS)
        assert ready, self.said
        try:
            found = os.read(self._screen, 65_536)
        except OSError:  # EIO: whoever had it open is gone
            return False
        self.said += found
        return bool(found)


@contextmanager
def on_a_terminal(command: Sequence[str], *, columns: int = 100, rows: int = 40) -> Iterator[Terminal]:
    """Start a program on a terminal of this size."""
    screen, keyboard = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: text for name, text in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    try:
        with subprocess.Popen(
            command, stdin=keyboard, stdout=keyboard, stderr=keyboard,
            env=environment | {"TERM": "xterm-256color"}, start_new_session=True,
        ) as process:  # fmt: skip
            os.close(keyboard)
            try:
                yield Terminal(process, screen)
            finally:
                process.kill()
    finally:
        os.close(screen)
