"""The worker's one exception, bearing a reason from the failure table.

Adapters raise it, chained to the foreign exception, and nothing else raises across a port. `__main__` turns
it into a Receipt and an exit code. Everything that is not a `StageError` when it arrives there is `Unknown`,
and asks to be named.
"""

from ingest_contract.failures import FAILURES, Failure, Reason
from ingest_contract.text import said


class StageError(Exception):
    """A stage could not do its work, and the failure table says what that means.

    Its message may quote a page, a file's name or a library: it is made legible, and addresses in it lose
    their credentials, once and here.
    """

    def __init__(self, reason: Reason, message: str = "", *, retry_after_seconds: int | None = None) -> None:
        super().__init__(said(message) or FAILURES[reason].sentence)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def failure(self) -> Failure:
        """The table's row."""
        return FAILURES[self.reason]
