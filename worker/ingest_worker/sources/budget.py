"""What extracting from a source may take: seconds, seconds of CPU, bytes of one answer, bytes of all. The
error names the budget that was exceeded.

Called by `ytdlp` around everything that yt-dlp does. Timers are the kernel's, whose signals interrupt a read
that waits for a byte and a regular expression that scans a page (`sre.c` checks for signals), so they work in
a main thread only: that of `sources.child`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_worker.errors import StageError

MAX_LISTING_SECONDS: Final = 600
"""Seconds. A list of 20,000 entries comes in 200 pages of half a second. Less where the profile's
`timeoutSeconds` is less."""

_LISTING_CPU_SECONDS: Final = 120
"""Seconds of CPU. A feed of 10,000 entries takes 20; a page of 600 kB of `<video ` keeps the generic
extractor busy without end."""

PAGE_BYTES: Final = 32 << 20
"""Bytes of one page, feed or playlist, decompressed. The largest podcasts' feeds have about 20 MB."""

_LISTING_BYTES: Final = 512 << 20
"""Bytes of all answers to one extraction."""

_BLOCK_BYTES: Final = 1 << 20


class OverBudgetError(BaseException):
    """A budget is used up. Not an `Exception`, because extractors catch those from what they merely attempt.
    `why` is the error to report."""

    def __init__(self, why: StageError) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(slots=True)
class Budget:
    """What is left for one extraction or one download."""

    seconds: int
    cpu_seconds: int | None
    total_bytes: int
    page_bytes: int = PAGE_BYTES

    def bounded(self, response: Any) -> Any:
        """yt-dlp's response, with every byte counted from now on: a whole answer against `page_bytes`, all
        answers against the total."""
        read = response.read

        def whole() -> bytes:
            found = bytearray()
            while block := read(_BLOCK_BYTES):
                self._spend(len(block))
                found += block
                if len(found) > self.page_bytes:
                    _over(
                        Reason.SOURCE_TOO_LARGE,
                        f"a page, list or playlist has more than {self.page_bytes >> 20} MiB",
                    )
            return bytes(found)

        def counted(amount: int | None = None) -> bytes:
            if amount is None or amount < 0:
                return whole()
            block: bytes = read(amount)
            self._spend(len(block))
            return block

        response.read = counted
        return response

    def _spend(self, count: int) -> None:
        self.total_bytes -= count
        if self.total_bytes < 0:
            _over(Reason.SOURCE_TOO_LARGE, "all answers together are more than is read of one source")

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Run the timers during the block; `what` is for people. Raises `OverBudgetError`. Does nothing
        outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        clocks = {
            signal.SIGALRM: (
                signal.ITIMER_REAL,
                self.seconds,
                Reason.TOO_SLOW,
                f"{what} takes longer than {self.seconds} s",
            ),
            signal.SIGVTALRM: (
                signal.ITIMER_VIRTUAL,
                self.cpu_seconds or 0,
                Reason.SOURCE_UNSUPPORTED,
                f"{what} takes more than {self.cpu_seconds} s of CPU: what is there cannot be understood",
            ),
        }

        def ring(number: int, _: object) -> None:
            _, _, reason, words = clocks[signal.Signals(number)]
            _over(reason, words)

        before = {number: signal.signal(number, ring) for number in clocks}
        for clock, seconds, _, _ in clocks.values():
            signal.setitimer(clock, seconds)
        try:
            yield
        finally:
            for number, (clock, _, _, _) in clocks.items():
                signal.setitimer(clock, 0)
                signal.signal(number, before[number])


def for_a_listing(fetch: FetchProfile) -> Budget:
    """For one page or list."""
    return Budget(min(fetch.timeout_seconds, MAX_LISTING_SECONDS), _LISTING_CPU_SECONDS, _LISTING_BYTES)


def for_a_download(fetch: FetchProfile) -> Budget:
    """For one recording's media. CPU has the same limit as time: fragments may have to be decrypted."""
    return Budget(fetch.timeout_seconds, None, fetch.max_bytes + _LISTING_BYTES)


def _over(reason: Reason, words: str) -> NoReturn:
    raise OverBudgetError(StageError(reason, words))
