"""Live progress: a board that stages write to, shown in a file or on a port. Losing it loses percentages and
nothing else.

Called by the pipeline. Nothing here may fail a run: a full disk or a taken port is reported once, and the run
continues without progress.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from ingest_contract.progress import Progress
from ingest_contract.stages import Stage
from ingest_worker.ports import Report

WEIGHTS: Final = MappingProxyType(
    {
        Stage.FETCH: 0.10,
        Stage.DECODE: 0.03,
        Stage.TRANSCRIBE: 0.42,
        Stage.DIARIZE: 0.36,
        Stage.IDENTIFY: 0.01,
        Stage.EMBED: 0.07,
        Stage.STORE: 0.01,
    }
)
"""Shares of a run. Transcription and diarization take about the same time on every GPU measured
(OpenTranscribe: 47.6 % and 50.2 %)."""

PERIOD_SECONDS: Final = 0.5
"""Seconds between two writes of the file within one stage. A new stage is written at once."""

log = logging.getLogger(__name__)


class Display(Protocol):
    """Where a board is shown."""

    def show(self, progress: Progress, *, now: bool) -> None:
        """Show the progress; `now`: without delay."""


class Board:
    """The progress of a run."""

    def __init__(
        self,
        display: Display | None,
        seconds: Callable[[], float],
        weights: Mapping[Stage, float] = WEIGHTS,
        index: int | None = None,
    ) -> None:
        """`display` is None if the board is polled instead; `seconds` returns the age of the process, `index`
        is the recording's in its plan."""
        self._display, self._seconds, self._weights, self._index = display, seconds, weights, index
        self._shares: dict[Stage, float] = {}
        self._running: list[Stage] = []
        self._gate = threading.Lock()

    def begin(self, stage: Stage) -> Report:
        """A stage begins. Returns the function for its progress reports; a decreasing share is not shown."""
        with self._gate:
            self._running.append(stage)
            self._shares.setdefault(stage, 0.0)
        self._show(now=True)

        def report(share: float) -> None:
            with self._gate:
                self._shares[stage] = max(self._shares[stage], min(1.0, share))
            self._show(now=False)

        return report

    def end(self, stage: Stage) -> None:
        """A stage has ended, or was resumed."""
        with self._gate:
            self._running = [other for other in self._running if other is not stage]
            self._shares[stage] = 1.0
        self._show(now=False)

    def progress(self) -> Progress | None:
        """The current progress; None before the first stage."""
        with self._gate:
            if not self._running:
                return None
            share = sum(self._weights.get(stage, 0.0) * share for stage, share in self._shares.items())
            return Progress(
                stage=self._running[-1],
                percent=min(100, int(100 * share + 1e-9)),
                seconds=round(self._seconds(), 1),
                index=self._index,
            )

    def _show(self, *, now: bool) -> None:
        progress = self.progress()
        if progress is not None and self._display is not None:
            self._display.show(progress, now=now)


class ProgressFile:
    """A display in a file that is complete at every moment."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._draft = path.with_name(f".{path.name}.{os.getpid()}")
        self._last, self._broken = float("-inf"), False
        self._gate = threading.Lock()

    def show(self, progress: Progress, *, now: bool) -> None:
        """Write the file, unless it was written less than `PERIOD_SECONDS` ago."""
        with self._gate:
            if self._broken or not (now or self._clock() - self._last >= PERIOD_SECONDS):
                return
            self._last = self._clock()
            try:
                self._draft.write_text(progress.to_json(), encoding="utf-8")
                self._draft.replace(self._path)
            except OSError as error:
                self._broken = True
                log.warning(
                    "progress cannot be written: %s",
                    error.strerror,
                    extra={"action": "lose-progress", "path": self._path},
                )
