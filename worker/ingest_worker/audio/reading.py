"""Random access to a file that another reader reads from front to back."""

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from typing_extensions import override

Read = Callable[[int, int], bytes]
"""(offset, count) to at most `count` bytes; fewer at the end."""


def reader(file: BinaryIO) -> Read:
    """A function that reads from any offset of a file and leaves its position unchanged."""

    def read(offset: int, count: int) -> bytes:
        here = file.tell()
        file.seek(offset)
        content = file.read(count)
        file.seek(here)
        return content

    return read


def size_of(file: BinaryIO) -> int:
    """The file's size in bytes, by seeking to its end."""
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end


def part_of(file: BinaryIO, start: int, end: int) -> BinaryIO:
    """A range of a file, as a file."""
    return io.BufferedReader(_FilePart(file, start, end))


class _FilePart(io.RawIOBase):
    """A range of another file, as a file."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        super().__init__()
        self._file, self._start, self._end, self._at = file, start, end, start

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        return self._at - self._start

    @override
    def readinto(self, buffer: Any, /) -> int:
        self._file.seek(self._at)
        wanted = max(0, min(len(buffer), self._end - self._at))
        content = self._file.read(wanted)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
