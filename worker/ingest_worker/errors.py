"""The worker's one exception, with a reason from the failure table.

Adapters raise it, chained to the foreign exception, and nothing else raises across a port. `__main__` turns
it into a Receipt and an exit code. Any other exception that arrives there is `Unknown`, and should get a
reason of its own.
"""

import errno
from typing import Final

from ingest_contract.failures import FAILURES, Failure, Reason
from ingest_contract.text import said
from ingest_worker.hiding import hidden


class StageError(Exception):
    """A stage could not do its work, and the failure table says what that means.

    Its message may quote a page, a file's name or a library: it is made legible here, once, addresses in it
    lose their credentials, and no secret of this process stays in it (`hiding`).
    """

    def __init__(self, reason: Reason, message: str = "", *, retry_after_seconds: int | None = None) -> None:
        super().__init__(said(hidden(message)) or FAILURES[reason].sentence)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def failure(self) -> Failure:
        """The table's row."""
        return FAILURES[self.reason]


_STAYS: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR}
)
"""Errors that come back however often a file is asked for. Any other may pass: a server that restarts."""


def unreadable(name: str, error: OSError) -> StageError:
    """The failure of a file or folder that cannot be read: `NotFound` for what is not there or not for us,
    `DownloadFailed` if a disk or a server fails."""
    reason = Reason.NOT_FOUND if error.errno in _STAYS else Reason.DOWNLOAD_FAILED
    return StageError(reason, f"{name} cannot be read: {error.strerror or error}")
