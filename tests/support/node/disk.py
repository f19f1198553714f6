"""How much of the disk that images are on is used, now and at most while something is done."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.environment import cache_folder


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
    """Look twice a second while the block runs: a build writes gigabytes that it deletes again."""
    before, disk, over = used(), Disk(), threading.Event()

    def look() -> None:
        disk.kept = used() - before
        disk.most = max(disk.most, disk.kept)

    def keep_looking() -> None:
        while not over.wait(0.5):
            look()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(keep_looking)
        try:
            yield disk
        finally:
            over.set()
    looking.result()
    look()
