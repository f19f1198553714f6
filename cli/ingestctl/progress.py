"""A word to whoever waits: what takes longer than two seconds says on standard error what it is doing. A line
that moves on a terminal, plain lines elsewhere; standard output carries results only.

Imports nothing of the project but consoles: `search` may have answered before more would be done.
"""

import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from ingestctl.consoles import people

LATE_SECONDS: Final = 2.0
"""Seconds that nobody minds to wait for."""

PLAIN_EVERY_SECONDS: Final = 15.0
"""Seconds between two lines where nothing can move."""

_DRAWN_EVERY_SECONDS: Final = 0.2


@dataclass(slots=True)
class Step:
    """What goes on now. Whoever carries it out may say so at any time, as often as it likes."""

    text: str


_outermost: Final[ContextVar[Step | None]] = ContextVar("outermost", default=None)


@contextmanager
def going(text: str, to: Console | None = None, *, prints: bool = False) -> Iterator[Step]:
    """Say what goes on in the block, if it takes long; in a block inside another one it is the other's next
    step. `prints`: the block writes to standard output, so that nothing may be drawn but where that is
    a file: a terminal shows it, or whoever reads the pipe does, such as `less`."""
    if (outer := _outermost.get()) is not None:
        before, outer.text = outer.text, text
        try:
            yield outer
        finally:
            outer.text = before
        return
    console, step, over = to or people(), Step(text), threading.Event()
    moves = console.is_terminal and not console.is_dumb_terminal and (not prints or _is_to_a_file())
    telling = threading.Thread(target=_drawn if moves else _lines, args=(console, step, over), daemon=True)
    telling.start()
    inside = _outermost.set(step)
    try:
        yield step
    finally:
        _outermost.reset(inside)
        over.set()
        telling.join()


def _is_to_a_file() -> bool:
    """Whether standard output is a plain file."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return False


def _lines(console: Console, step: Step, over: threading.Event) -> None:
    pause = LATE_SECONDS
    while not over.wait(pause):
        console.print(step.text, soft_wrap=True)
        pause = PLAIN_EVERY_SECONDS


def _drawn(console: Console, step: Step, over: threading.Event) -> None:
    if over.wait(LATE_SECONDS):
        return
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    spinner = Spinner("dots")
    # Its own redirection would send results to standard error.
    live = Live(
        spinner, console=console, transient=True, auto_refresh=False,
        redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
    with live:
        while not over.wait(_DRAWN_EVERY_SECONDS):
            spinner.update(text=Text(step.text, no_wrap=True, overflow="ellipsis"))
            live.refresh()
