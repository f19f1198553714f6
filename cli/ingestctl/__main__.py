"""`ingestctl`, and `kubectl ingest`, which speaks of a cluster: the entry points. Commands are in
`commands`, the work of each in a module next to it."""

import sys

import typer
from typer._completion_classes import completion_init

from ingest_worker.sandbox.kernel import undumpable
from ingestctl.consoles import people
from ingestctl.options import PLUGIN

USAGE_EXIT = 2
"""The exit code for mistakes in files and options: nothing has been done."""


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
        _app(sys.argv[1:])(prog_name=name)
    except Exception as error:
        if not (lines := _reported(error)):
            raise
        for line in lines:
            people().print(line, soft_wrap=True)
        sys.exit(_exit_of(error))


def _app(arguments: list[str]) -> typer.Typer:
    """What `search` needs, or all: to import every command takes longer than a running reader takes to
    answer."""
    if arguments[:1] == ["search"]:
        from ingestctl.asking.command import light

        return light
    from ingestctl.commands import app

    return app


def _reported(error: Exception) -> tuple[str, ...]:
    """What is said of an error that is no bug; nothing of others."""
    from ingest_contract.documents import InvalidDocumentError
    from ingestctl.place import EXPECTED

    if isinstance(error, InvalidDocumentError):
        return tuple(map(str, error.mistakes))
    return (f"ingestctl: {error}",) if isinstance(error, EXPECTED) else ()


def _exit_of(error: Exception) -> int:
    from ingest_contract.documents import InvalidDocumentError
    from ingest_operator.kube.api.kubeconfig import KubeconfigError
    from ingestctl.backends.port import CommandError

    if isinstance(error, CommandError):
        return error.exit_code
    return USAGE_EXIT if isinstance(error, KubeconfigError | InvalidDocumentError) else 1


if __name__ == "__main__":
    main()
