"""Stops a run soon after a request: a flag that every stage checks each time it reports progress.

Called by the signal handler (to stop) and by the pipeline (to check). What it raises is not an `Exception`,
so that no adapter can mistake it for an engine's failure and wrap it.
"""

import threading
from collections.abc import Callable

from ingest_worker.errors import StageError


class Interruption(BaseException):
    """The run must end now. `why` is how it ends."""

    def __init__(self, why: StageError) -> None:
        super().__init__(str(why))
        self.why = why


class Control:
    """Whether the run may go on."""

    def __init__(self) -> None:
        self._why: StageError | None = None
        self._watches: list[Callable[[], None]] = []
        self._gate = threading.Lock()

    def stop(self, why: StageError) -> None:
        """End the run at its next check. The first reason counts.
        Safe in a signal handler: it takes no lock."""
        self._why = self._why or why

    def watch(self, check: Callable[[], None]) -> None:
        """Add a check: `check` raises `StageError` when the run must end."""
        with self._gate:
            self._watches = [*self._watches, check]

    def check(self) -> None:
        """Raise `Interruption` if the run must end."""
        for check in self._watches:
            try:
                check()
            except StageError as error:
                self.stop(error)
        if self._why is not None:
            raise Interruption(self._why)
