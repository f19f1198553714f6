"""How the command ends that could not do its work: what it says of an error that is no bug, and its exit
code.

Imports nothing of the project before there is an error: `search` may have answered by then.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, MappingProxyType
from typing import Any, Final, NoReturn

FAILED_EXIT: Final = 1
"""Something failed, or the cluster or store refuses or does not answer."""

USAGE_EXIT: Final = 2
"""A mistake in files or options: nothing has been done."""

INTERRUPTED_EXIT: Final = 130
"""Ended by Ctrl-C or SIGTERM; the same command resumes."""

_NEXT: Final[Mapping[int, str]] = MappingProxyType(
    {
        errno.ENOSPC: "make room there{elsewhere}",
        errno.EDQUOT: "make room there{elsewhere}",
        errno.EACCES: "see who may use it{elsewhere}",
        errno.EPERM: "see who may use it{elsewhere}",
        errno.EROFS: "it cannot be written{elsewhere}",
    }
)
"""What to do about a file that cannot be used; `elsewhere` is how this command is told of another place."""

_ELSE: Final = "see what is there{elsewhere}"


@dataclass(frozen=True, slots=True)
class Ending:
    """What is said, and the exit code."""

    lines: tuple[str, ...]
    exit_code: int


_LEAVING: Final[list[Callable[[], object]]] = []


@contextmanager
def when_left(act: Callable[[], object]) -> Iterator[None]:
    """Do this if the command is left at once while the block lasts, instead of what the block would do at its
    end. It must not take long."""
    _LEAVING.append(act)
    try:
        yield
    finally:
        _LEAVING.remove(act)


def leave() -> NoReturn:
    """End at once: nobody is waited for, and nothing is cleared up but by `when_left`."""
    try:
        for act in reversed(_LEAVING):
            act()
    finally:  # also where no process can be started any more: each further Ctrl-C would fail as this one
        os._exit(INTERRUPTED_EXIT)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that what it opened is closed, a store of this machine too,
    and a terminal whose cursor was hidden has it again. Whoever started the command may have had it
    ignored."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def flush() -> None:
    """Write what is left for standard output. Raises `OSError`: Python itself would only complain where
    nobody reads it."""
    if sys.stdout is not None:
        sys.stdout.flush()


def places(command: Any, arguments: Sequence[str]) -> tuple[str, ...]:
    """The options by which the command (typer's) that these arguments name is told where files are."""
    for word in arguments:
        command = getattr(command, "commands", {}).get(word, command)
    return tuple(
        each.opts[0]
        for each in command.params
        if each.opts[0] in {"--home", "--to"} and each.metavar is None  # else it is a TIME
    )


def of(error: Exception, options: Callable[[], Sequence[str]] = tuple) -> Ending | None:
    """How the command ends by an error; None for a bug. `options` gives its `places`."""
    if isinstance(error, BrokenPipeError):  # `| head`: whoever read has what they wanted
        _leave_standard_output()
        return Ending((), FAILED_EXIT)
    if isinstance(error, UnicodeEncodeError):
        return _unprintable(error)
    if isinstance(error, OSError):
        return _of_file(error, options())
    return _of_ours(error)


def _of_ours(error: Exception) -> Ending | None:
    from ingest_contract.documents import InvalidDocumentError
    from ingest_operator.core.source_lists import SourceError
    from ingest_operator.core.voices import UnknownVoiceError
    from ingest_operator.kube.api.kubeconfig import KubeconfigError
    from ingestctl.backends.port import CommandError
    from ingestctl.expected import EXPECTED

    if isinstance(error, InvalidDocumentError):
        return Ending(error.mistakes, USAGE_EXIT)
    if not isinstance(error, EXPECTED):
        return None
    said = (f"ingestctl: {error}{_next_of(error)}",)
    if isinstance(error, CommandError):
        return Ending(said, error.exit_code)
    is_mistake = isinstance(error, KubeconfigError | SourceError | UnknownVoiceError)
    return Ending(said, USAGE_EXIT if is_mistake else FAILED_EXIT)


def _next_of(error: Exception) -> str:
    """What to do about a store that does not answer, where the error does not say it itself."""
    from ingest_contract.failures import Reason
    from ingest_worker.errors import StageError

    silent = isinstance(error, StageError) and error.reason is Reason.DATABASE_UNAVAILABLE
    if not silent or "Next:" in str(error):
        return ""
    return " Next: see whether Postgres runs there and takes this login, or name another: --dsn (INGEST_DSN)."


def _of_file(error: OSError, options: Sequence[str]) -> Ending | None:
    """A file or folder that cannot be used, or a standard output that takes no more. None for what has to do
    with neither."""
    if error.filename is not None:
        where = (
            os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
        )
    elif error.errno in _NEXT:
        where = "standard output"
        _leave_standard_output()
    else:
        return None
    what = error.strerror or type(error).__name__
    elsewhere = f", or name another place ({', '.join(options)})" if options else ""
    advice = _NEXT.get(error.errno or 0, _ELSE).format(elsewhere=elsewhere)
    return Ending((f"ingestctl: {where}: {what}. Next: {advice}.",), FAILED_EXIT)


def _unprintable(error: UnicodeEncodeError) -> Ending:
    wrong = error.object[error.start : error.end]
    return Ending(
        (
            (
                f"ingestctl: standard output is written as {error.encoding}, which has no {wrong!a}. "
                "Next: set PYTHONIOENCODING=utf-8, or a locale such as LC_ALL=C.UTF-8."
            ),
        ),
        FAILED_EXIT,
    )


def _leave_standard_output() -> None:
    """Write what is still to be written nowhere, so that the interpreter does not try it again at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):  # it is no file, or there is none
        return
