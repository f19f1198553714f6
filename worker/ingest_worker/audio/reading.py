"""Random access to a file that another reader reads from front to back."""

from collections.abc import Callable
from typing import BinaryIO

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
