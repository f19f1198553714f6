"""Files on scratch as the decoder writes and reads them: a disk that fails is never taken for broken media.

Called by `child`. Any other `OSError` in there is about what came from outside: an offset that a header
names, and no file has.
"""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_worker.audio.source import MediaFile
from ingest_worker.errors import StageError


class _ScratchFile(io.FileIO):
    """A file whose writes raise `StageError`."""

    @override
    def write(self, content: Any, /) -> int:
        with _typed(str(self.name)):
            return super().write(content)

    @override
    def truncate(self, size: int | None = None, /) -> int:
        with _typed(str(self.name)):
            return super().truncate(size)


def created(path: str) -> io.BufferedWriter:
    """A new file, or an old one emptied. Opening, writing and closing it raise `StageError`: `SCRATCH_FULL`,
    or `TOO_LONG` beyond the process's own limit."""
    with _typed(path):
        return io.BufferedWriter(_ScratchFile(path, "wb"))


@contextmanager
def reading(file: MediaFile, path: str) -> Iterator[MediaFile]:
    """An open file that we have written ourselves, closed at the end. Raises `StageError(SCRATCH_FULL)` if it
    could not be read: libavformat takes that for the file's end."""
    with file:
        try:
            yield file
        finally:
            if file.failed is not None:
                raise failure(path, file.failed) from file.failed


@contextmanager
def _typed(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise failure(path, error) from error


def failure(path: str, error: OSError) -> StageError:
    """What it means that a file on scratch could not be opened, read or written."""
    reason = Reason.TOO_LONG if error.errno == errno.EFBIG else Reason.SCRATCH_FULL
    return StageError(reason, f"{Path(path).name}: {error.strerror or error}")
