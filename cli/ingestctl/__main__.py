"""`ingestctl`, and `kubectl ingest`, which speaks of a cluster: the entry points. Commands are in
`commands`, the work of each in a module next to it."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

INTERRUPTED_EXIT = 130
"""`ending.INTERRUPTED_EXIT`: whatever is imported may be interrupted too."""


def plugin() -> None:
    """Run the command as kubectl's plugin."""
    main("kubectl ingest")


def complete_plugin() -> None:
    """Answer kubectl what may follow `kubectl ingest`: a candidate per line, then that no file is meant."""
    from ingestctl.commands.completion import candidates

    print("\n".join([*candidates(sys.argv[1:]), ":4"]))


def main(name: str = "ingestctl") -> None:
    """Run the command; an expected error is one line, without a traceback."""
    try:
        _run(name)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT)


def _run(name: str) -> None:
    # OpenBLAS reads it when numpy loads. One question is a small product of matrices, for which a thread per
    # core of a large machine would spin. The chart's reader has the same; a worker gets what its order says.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "4")
    # nothing is imported above: Ctrl-C meanwhile is no traceback
    from typer._completion_classes import completion_init
    from typer.main import get_command

    from ingest_worker.sandbox import kernel
    from ingestctl import ending

    completion_init()  # a shell may ask what can follow
    kernel.undumpable()  # it may hold the store's password, and starts what reads hostile content
    app = _app(sys.argv[1:])
    try:
        try:
            with ending.interrupted_by_sigterm():
                app(prog_name=name)
        finally:
            ending.flush()
    except Exception as error:
        found = ending.of(error, lambda: ending.places(get_command(app), sys.argv[1:]))
        if found is None:
            raise
        from ingestctl.consoles import people

        for line in found.lines:
            people().print(line, soft_wrap=True)
        sys.exit(found.exit_code)


def _app(arguments: list[str]) -> "typer.Typer":
    """What the command that is named needs, or all: to import every command takes more than a second."""
    named = arguments[0] if arguments else ""
    if named in {"search", "--version"}:
        from ingestctl.asking.command import light

        return light
    from ingestctl.commands import MODULES

    if named in MODULES:
        from importlib import import_module

        from ingestctl.commands.app import app

        import_module(f"ingestctl.commands.{MODULES[named]}")
        return app
    from ingestctl.commands.every import app as with_every_command

    return with_every_command


if __name__ == "__main__":
    main()
