"""How much of the disk that images are on is used, now and at most while something is done."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.environment import cache_folder
from testkit.looking import looking


@dataclass
class Disk:
    """Bytes more than at the beginning; what others write meanwhile counts as well."""

    most: int = 0
    """At most."""
    kept: int = 0
    """At the end."""


def used() -> int:
    """Bytes."""
    return shutil.disk_usage(cache_folder()).used


@contextmanager
def measured() -> Iterator[Disk]:
    """See, while the block runs, what it uses: a build writes gigabytes that it deletes again."""
    before, disk = used(), Disk()

    def look() -> None:
        disk.kept = used() - before
        disk.most = max(disk.most, disk.kept)

    with looking(look):
        yield disk
