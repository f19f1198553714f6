"""The media file as the decoder reads it: a disk or a server that fails meanwhile is remembered.

Called by `child`. libavformat takes a read that fails for the end of the file, and a recording that is cut
short by its disk would be told as `Truncated`, or not at all.
"""

import io
from typing import Any, Final

from typing_extensions import override

from ingest_worker.errors import unreadable

_BUFFER_BYTES: Final = 1 << 16
"""Bytes; what libavformat asks for is 32 KiB at a time."""


class WatchedFile(io.FileIO):
    """An open file that keeps the first error of its reads."""

    failed: OSError | None = None

    @override
    def readinto(self, buffer: Any, /) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            self.failed = self.failed or error
            raise


class MediaFile(io.BufferedReader):
    """A buffered reader that knows whether a read failed."""

    def __init__(self, descriptor: int) -> None:
        self._watched = WatchedFile(descriptor)
        super().__init__(self._watched, _BUFFER_BYTES)

    @property
    def failed(self) -> OSError | None:
        """The first error of a read; None if there was none."""
        return self._watched.failed

    def check(self, name: str) -> None:
        """Raise `StageError(DOWNLOAD_FAILED)` if a read failed."""
        if self.failed is not None:
            raise unreadable(name, self.failed) from self.failed
