"""The consoles that the user reads. They import nothing of the project."""

from rich.console import Console


def people() -> Console:
    """The console for messages to people; standard output carries results only."""
    return console(stderr=True)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that interprets no text as markup, colour or emoji:
    the text comes from sites, files and the store."""
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
