"""`ingestctl`, also usable as `kubectl ingest`: the entry point. Commands are in `commands`, the work of each
in a module next to it."""

import sys

from ingest_contract.documents import InvalidDocumentError
from ingest_worker.sandbox.kernel import undumpable
from ingestctl.commands import app
from ingestctl.place import EXPECTED, people

USAGE_EXIT = 2
"""The exit code for mistakes in files and options: nothing has been done."""


def main() -> None:
    """Run the command; an expected error is one line, without a traceback."""
    undumpable()  # it may hold the store's password, and starts what reads hostile content
    try:
        app()
    except InvalidDocumentError as error:
        for mistake in error.mistakes:
            people().print(mistake, soft_wrap=True)
        sys.exit(USAGE_EXIT)
    except EXPECTED as error:
        people().print(f"ingestctl: {error}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
