"""`ingestctl`, and `kubectl ingest`, which speaks of a cluster: the entry points. Commands are in
`commands`, the work of each in a module next to it."""

import sys

import typer
from typer._completion_classes import completion_init

from ingest_worker.sandbox.kernel import undumpable
from ingestctl import ending
from ingestctl.consoles import people
from ingestctl.options import PLUGIN


def plugin() -> None:
    """Run the command as kubectl's plugin."""
    main(PLUGIN)


def complete_plugin() -> None:
    """Answer kubectl what may follow `kubectl ingest`: a candidate per line, then that no file is meant."""
    from ingestctl.commands.completion import candidates

    print("\n".join([*candidates(sys.argv[1:]), ":4"]))


def main(name: str = "ingestctl") -> None:
    """Run the command; an expected error is one line, without a traceback."""
    completion_init()  # a shell may ask what can follow
    undumpable()  # it may hold the store's password, and starts what reads hostile content
    try:
        try:
            _app(sys.argv[1:])(prog_name=name)
        finally:
            ending.flush()
    except KeyboardInterrupt:  # while the commands were imported
        sys.exit(ending.INTERRUPTED_EXIT)
    except Exception as error:
        found = ending.of(error)
        if found is None:
            raise
        for line in found.lines:
            people().print(line, soft_wrap=True)
        sys.exit(found.exit_code)


def _app(arguments: list[str]) -> typer.Typer:
    """What `search` needs, or all: to import every command takes longer than a running reader takes to
    answer."""
    if arguments[:1] == ["search"]:
        from ingestctl.asking.command import light

        return light
    from ingestctl.commands import app

    return app


if __name__ == "__main__":
    main()
