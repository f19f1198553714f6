"""The consoles that the user reads. They import nothing of the project."""

import os

from rich.console import Console


class Messages(Console):
    """Standard error. Where nobody reads it any more, results still go to standard output: rich would write
    that nowhere, and leave with an exit that a thread ignores."""

    def on_broken_pipe(self) -> None:
        """Say nothing from here on, and leave nothing that the interpreter would try to write at its end."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def people() -> Console:
    """The console for messages to people; standard output carries results only."""
    return console(stderr=True)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that interprets no text as markup, colour or emoji:
    the text comes from sites, files and the store."""
    kind = Messages if stderr else Console
    return kind(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
