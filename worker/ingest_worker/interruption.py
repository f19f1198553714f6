"""Being asked to stop, and stopping soon: a flag that every stage looks at each time it reports progress.

Called by the signal handler (to stop) and by the pipeline (to look). What it raises is no `Exception`, so
that no adapter can mistake it for an engine's failure and wrap it.
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
        """End the run as soon as it looks. The first reason stands. Safe in a signal handler: it takes no
        lock."""
        self._why = self._why or why

    def watch(self, look: Callable[[], None]) -> None:
        """Look there as well: `look` raises `StageError` when the run must end."""
        with self._gate:
            self._watches = [*self._watches, look]

    def check(self) -> None:
        """Raise `Interruption` if the run must end."""
        for look in self._watches:
            try:
                look()
            except StageError as error:
                self.stop(error)
        if self._why is not None:
            raise Interruption(self._why)
