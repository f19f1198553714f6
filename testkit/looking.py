"""Looking at something again and again while a test does something else."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    """Look twice a second while the block runs, and once more when it has ended well. A look that fails is
    told then."""
    over = threading.Event()

    def keep_looking() -> None:
        while not over.wait(0.5):
            look()

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(keep_looking)
        try:
            yield
        finally:
            over.set()
    kept.result()
    look()
