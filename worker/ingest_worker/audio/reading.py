"""Reading from any place of a file that somebody else reads from front to back."""

from collections.abc import Callable
from typing import BinaryIO

Read = Callable[[int, int], bytes]
"""(offset, count) to at most `count` bytes; fewer at the end."""


def reader(file: BinaryIO) -> Read:
    """Reads from places in a file and leaves its position alone."""

    def read(offset: int, count: int) -> bytes:
        here = file.tell()
        file.seek(offset)
        content = file.read(count)
        file.seek(here)
        return content

    return read


def size_of(file: BinaryIO) -> int:
    """Bytes, by looking at the end."""
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end
