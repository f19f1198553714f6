"""The consoles that the user reads. They import nothing of the project."""

import atexit
import os
import sys
from contextlib import suppress
from typing import Final

from rich.console import Console
from typing_extensions import override

FILE_COLUMNS: Final = 100_000
"""Columns of what is not written to a terminal: each row is one line, which a program finds whole."""


class Messages(Console):
    """Standard error. Where nobody reads it any more, results still go to standard output: rich would write
    that nowhere, and leave with an exit that a thread ignores. And no end leaves a terminal without its
    cursor, not even one between hiding it and the block that shows it again."""

    _hides: bool = False

    @override
    def show_cursor(self, show: bool = True) -> bool:
        """Show or hide the cursor; at the end of the process it is shown."""
        if not show and not self._hides:
            atexit.register(self._shown_at_last)
        self._hides = not show
        return super().show_cursor(show)

    def _shown_at_last(self) -> None:
        if self._hides:
            with suppress(OSError):  # the terminal is gone
                self.show_cursor()

    def on_broken_pipe(self) -> None:
        """Say nothing from here on, and leave nothing that the interpreter would try to write at its end."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def people() -> Console:
    """The console for messages to people; standard output carries results only."""
    return console(stderr=True)


def results() -> Console:
    """Standard output: as wide as the terminal, or `FILE_COLUMNS` for a file or a pipe."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return console(width=None if is_terminal else FILE_COLUMNS)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that interprets no text as markup, colour or emoji:
    the text comes from sites, files and the store."""
    kind = Messages if stderr else Console
    return kind(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
