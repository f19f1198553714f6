"""`ingestctl`, and `kubectl ingest`, which speaks of a cluster: the entry points. Commands are in
`commands`, the work of each in a module next to it."""

import sys

from typer._completion_classes import completion_init

from ingest_contract.documents import InvalidDocumentError
from ingest_operator.kube.api.kubeconfig import KubeconfigError
from ingest_worker.sandbox.kernel import undumpable
from ingestctl.backends.choice import PLUGIN
from ingestctl.backends.port import CommandError
from ingestctl.commands import app
from ingestctl.place import EXPECTED, people

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
        app(prog_name=name)
    except InvalidDocumentError as error:
        for mistake in error.mistakes:
            people().print(mistake, soft_wrap=True)
        sys.exit(USAGE_EXIT)
    except EXPECTED as error:
        people().print(f"ingestctl: {error}", soft_wrap=True)
        sys.exit(_exit_of(error))


def _exit_of(error: Exception) -> int:
    if isinstance(error, CommandError):
        return error.exit_code
    return USAGE_EXIT if isinstance(error, KubeconfigError) else 1


if __name__ == "__main__":
    main()
