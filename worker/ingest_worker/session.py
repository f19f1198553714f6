"""The run of one process: its measurements, its live progress, and its Receipt.

Made once by `process`; `ingest`, `prefetch` and `planner` fill in what they find out, so that a failure is
reported with everything known until then.
"""

import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ingest_contract.cache import Cached
from ingest_contract.failures import Reason
from ingest_contract.place import Place
from ingest_contract.receipt import MAX_MESSAGE_CHARACTERS, Effective, PlanSummary, Receipt
from ingest_contract.sites import SiteReport
from ingest_contract.stages import Stage
from ingest_contract.voice_report import Enrolled, ForgetReport
from ingest_worker.domain import Sound
from ingest_worker.errors import StageError
from ingest_worker.gpu.port import Gpu
from ingest_worker.gpu.sampler import Sampler
from ingest_worker.interruption import Control
from ingest_worker.memory import classify
from ingest_worker.pipeline import Found, RunObserver
from ingest_worker.progress import WEIGHTS, Board, ProgressFile
from ingest_worker.progress_server import ProgressServer
from ingest_worker.receipts import (
    coverage_of,
    memory_of,
    origin_of,
    quality_of,
    rounded,
    speakers_of,
    stages_of,
    tracks_of,
)
from ingest_worker.stopwatch import Stopwatch

log = logging.getLogger(__name__)


class HasAudio(Protocol):
    """What has the audio of the run: its pipeline, or its way into the cache."""

    @property
    def sound(self) -> Sound | None:
        """The decoded sound, once there is any."""

    @property
    def media_seconds(self) -> float:
        """The recording's length, once it is known."""


class Session:
    """What is known about a run, from its start to its Receipt."""

    def __init__(self, gpu: Gpu | None, control: Control, born: float) -> None:
        """`gpu` is None on a CPU; `born` is when the process began, on the monotonic clock."""
        self.control = control
        self.uuid = gpu.uuid if gpu is not None else None
        self.free_at_start_mib = gpu.memory().free_mib if gpu is not None else None
        """Free memory of the device before CUDA starts in this process: read here and never later."""
        self.sampler = Sampler(gpu)
        self.clock = Stopwatch(self.sampler, born=born)
        self.give_up: Callable[[], None] | None = None
        """Releases what the run has claimed, from any thread; None if nothing is claimed."""
        self.effective: Effective | None = None
        self.audio: HasAudio | None = None
        self.found: Found | None = None
        self.plan: PlanSummary | None = None
        self.cached: Cached | None = None
        self.enrolled: Enrolled | None = None
        self.forgotten: ForgetReport | None = None
        self.run_id: str | None = None
        self.site: SiteReport | None = None
        """The last site that was met."""

    def met(self, site: SiteReport) -> None:
        """A site is about to be met."""
        self.site = site

    @contextmanager
    def shown(
        self, place: Place, index: int | None = None, weights: Mapping[Stage, float] = WEIGHTS
    ) -> Iterator[RunObserver]:
        """The run's observer: the clock, a board in the order's file or on its port, and the control that may
        end the run. `index` is the recording's in its plan, `weights` are the stages' shares of the run."""
        display = ProgressFile(Path(place.progress_file)) if place.progress_file is not None else None
        board = Board(display, lambda: self.clock.age, weights, index)
        server = (
            ProgressServer(place.progress_port, board.progress, self.clock)
            if place.progress_port is not None
            else None
        )
        try:
            yield RunObserver(self.clock, board, self.control)
        finally:
            if server is not None:
                server.close()

    def receipt(self, error: StageError | None) -> Receipt:
        """The Receipt: how the run ended, with every figure there is."""
        found, effective = self.found, self.effective
        sound = self.audio.sound if self.audio else None
        return Receipt(
            result="Failed" if error else "Succeeded",
            reason=error.reason if error else None,
            message=str(error)[:MAX_MESSAGE_CHARACTERS] if error else "",
            stage=self.clock.failed if error else None,
            retry_after_seconds=error.retry_after_seconds if error else None,
            seconds=rounded(self.clock.seconds),
            media_seconds=rounded(self.audio.media_seconds) if self.audio else 0.0,
            overhead_seconds=rounded(self.clock.overhead),
            computing_seconds=rounded(self.clock.computing_seconds),
            computing_by="Driver" if self.clock.by_driver else "Engines",
            stages=stages_of(self.clock),
            run_id=self.run_id,
            cached=self.cached,
            enrolled=self.enrolled,
            forgotten=self.forgotten,
            site=self.site,
            tracks=tracks_of(sound) if sound else None,
            coverage=coverage_of(found.words, found.diarization, found.segments, found.vectors)
            if found
            else None,
            speakers=speakers_of(found.identities, found.diarization) if found else None,
            transcript=origin_of(found.transcript) if found else None,
            quality=quality_of(found.transcript) if found else None,
            memory=memory_of(self.sampler, self.uuid, self.free_at_start_mib),
            effective=effective,
            plan=self.plan,
        )


def named(error: Exception) -> StageError:
    """An exception as a `StageError`: out of memory and a full disk are recognised wherever they occur, the
    rest is `UNKNOWN`."""
    if isinstance(error, StageError):
        return error
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = classify(error) or (Reason.SCRATCH_FULL if is_full else Reason.UNKNOWN)
    return StageError(reason, f"{type(error).__name__}: {error}")
