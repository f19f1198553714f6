"""Shared by the small commands next to the worker: each ends with one line for people and one exit code of
the failure table.

Called by `store.migrate`, `models.__main__` and `check`, which Jobs of the chart run: `kubectl logs` shows
the line, and a Job's podFailurePolicy knows by the code which failures a retry cannot fix.
"""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Final

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order_variables import DSN_VARIABLE
from ingest_worker import logs
from ingest_worker.errors import StageError
from ingest_worker.sandbox.kernel import undumpable

UNLISTED_EXIT: Final = 1
"""The exit code for what the failure table does not know: a bug, and Python's own code for one."""


def carried_out(work: Callable[[], Iterable[str]]) -> int:
    """Print each line of `work` as it comes. Returns the exit code. A `StageError` is the last line, with its
    reason in front."""
    logs.start("")
    try:
        for line in work():
            print(line, flush=True)
    except StageError as error:
        print(f"{error.reason.value}: {error}", file=sys.stderr, flush=True)
        return FAILURES[error.reason].exit_code or UNLISTED_EXIT
    return 0


def store_address() -> str:
    """The address of the store, removed from the environment so that no child inherits it.
    Raises `StageError(ORDER_INVALID)`."""
    undumpable()
    if dsn := os.environ.pop(DSN_VARIABLE, ""):
        return dsn
    raise StageError(
        Reason.ORDER_INVALID,
        f"{DSN_VARIABLE} is not set. Set it to the store's address (postgresql://user@host:port/database).",
    )
