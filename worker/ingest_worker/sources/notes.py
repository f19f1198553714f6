"""Details on their way from pages to the memory, and back into candidates. Called by `plan`, whose details
cost a request each: a channel of five thousand is a day's requests at the pace of a careful guest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ingest_worker.details import Detail, Fact, Memory
from ingest_worker.planning import Candidate

_FLUSH_PAGES: Final = 25
"""Pages that die with a plan at most."""
_FLUSH_SECONDS: Final = 5.0
"""Seconds after which the pages since then are kept, however few."""


class Notes:
    """Details on their way to the memory, a few at a time."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.monotonic) -> None:
        self._memory, self._clock = memory, clock
        self._waiting: dict[str, Detail] = {}
        self._flushed = clock()

    def add(self, candidate: Candidate, asked: Sequence[Fact]) -> None:
        """Note what is known about a recording now that its page was asked for these facts."""
        self._waiting[candidate.id] = Detail(
            asked=tuple(asked),
            title=candidate.title,
            duration_seconds=candidate.duration_seconds,
            published_at=candidate.published_at,
            channel=candidate.channel,
            liveness=candidate.liveness,
            short=candidate.short,
            language=candidate.language,
            outcome=candidate.outcome,
        )
        if len(self._waiting) >= _FLUSH_PAGES or self._clock() - self._flushed >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand over what is waiting. May raise `StageError`."""
        waiting, self._waiting = self._waiting, {}
        if waiting:
            self._memory.remember(waiting)
        self._flushed = self._clock()


def applied(candidate: Candidate, detail: Detail) -> Candidate:
    """The candidate with what is remembered of its page; what its list says now wins."""
    return replace(
        candidate,
        title=candidate.title or detail.title,
        duration_seconds=candidate.duration_seconds or detail.duration_seconds,
        published_at=candidate.published_at or detail.published_at,
        channel=candidate.channel or detail.channel,
        liveness=detail.liveness or candidate.liveness,
        short=detail.short or candidate.short,
        language=candidate.language or detail.language,
        outcome=detail.outcome or candidate.outcome,
    )
