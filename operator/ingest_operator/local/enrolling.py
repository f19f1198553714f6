"""Enrolling voices on this machine: one process for each voice of a batch that is not in the store yet, one
after the other, before the batch is planned. They are forked from the process that its runs are forked from
later, so that all of them import once."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.place import Place, Runtime
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voice_report import Enrolled, EnrolledSource
from ingest_contract.voices import VoiceState
from ingest_operator.core.orders import Orders
from ingest_operator.core.outcome import Ended, outcome_of
from ingest_operator.core.voices import enrol_order
from ingest_operator.local.cluster import Site, read_progress
from ingest_operator.local.folders import RunFolder
from ingest_operator.local.forks import Forks
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.processes import Limits, RunFacts, launch

MAX_ENROL_ATTEMPTS: Final = 3
"""Runs of one voice that may fail for a reason that may pass before the user is asked."""

ENROL_SECONDS: Final = 6 * 3600.0
"""Sixteen recordings of an hour each, on a CPU; what hangs ends here."""

_AGAIN: Final = frozenset({Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.FORGIVE})
"""Verdicts after which a voice is heard again at once: what waits, waits for the user's next command."""

CLAIMED_SECONDS: Final = 2.0
"""Seconds until a voice is tried again that another process hears."""

_POLL_SECONDS: Final = 0.1
_SHOWN_SHARE: Final = 0.25
"""How much further an enrolment is before its progress is shown again."""


class EnrolmentError(Exception):
    """A voice could not be enrolled now; the failure table says what that means."""

    def __init__(self, voice: str, reason: Reason, message: str) -> None:
        super().__init__(f"voice {voice} is not enrolled: {reason.value}: {message}")
        self.reason = reason.value


@dataclass(frozen=True, slots=True)
class Enroller:
    """Enrols the voices of one batch."""

    orders: Orders
    """The batch's: its profile, with what is allowed here, and what sites want."""
    runtime: Runtime
    """How to run: with all of this machine, because nothing else runs yet."""
    site: Site
    needs: Callable[[EnrolOrder], bool]
    """Whether the store has not everything about a voice yet."""
    say: Callable[[str], None]
    """Shows a line."""
    stop: asyncio.Event
    """Set when the user wants to stop."""
    forks: Forks
    """What the processes are forked from, where that is possible."""

    async def enrol(self, speakers: Iterable[SpeakerProfile]) -> None:
        """Enrol the voices that need it.

        Raises:
            EnrolmentError: for the first that could not be enrolled, after the others were.
            InterruptedBeforeRunsError: a stop was requested.
        """
        failed: list[EnrolmentError] = []
        for speaker in speakers:
            if not self.needs(self._order(speaker, 1)):
                continue
            self.say(f"voice {speaker.voice}: hearing what it is enrolled from")
            try:
                report = await self._enrolled(speaker)
            except EnrolmentError as error:
                self.say(str(error))
                failed.append(error)
            else:
                self._show(speaker, report)
        if failed:
            raise failed[0]

    async def _enrolled(self, speaker: SpeakerProfile) -> Enrolled:
        attempt = 1
        while True:
            outcome = outcome_of(await self._ran(speaker, attempt))
            report = outcome.receipt.enrolled if outcome.receipt is not None else None
            if outcome.succeeded and report is not None:
                return report
            reason = outcome.reason or Reason.RECEIPT_MISSING
            if reason is Reason.CLAIMED_ELSEWHERE:  # another batch hears it, or died doing so
                await asyncio.sleep(CLAIMED_SECONDS)
                continue
            if attempt == MAX_ENROL_ATTEMPTS or FAILURES[reason].verdict not in _AGAIN:
                if report is not None:
                    self._show(speaker, report)
                raise EnrolmentError(speaker.voice, reason, outcome.message)
            attempt += 1

    async def _ran(self, speaker: SpeakerProfile, attempt: int) -> Ended:
        order, folder = self._order(speaker, attempt), self._folder(speaker, attempt)
        facts = RunFacts(time.time(), charged_attempts=0, rung=0, disruptions=0)
        limits = Limits(self.site.memory_bytes, ENROL_SECONDS)
        await asyncio.to_thread(self.forks.ready, order.runtime.threads)
        process = launch(folder, order.to_json(), self.site.dsn, limits, facts, self.forks)
        shown = 0.0
        while (ended := process.poll(time.time())) is None:
            if self.stop.is_set():
                process.stop(time.time())
            progress = read_progress(folder)
            if progress is not None and progress.percent / 100 >= shown + _SHOWN_SHARE:
                shown = progress.percent / 100
                self.say(f"voice {speaker.voice}: {progress.percent} % heard")
            await asyncio.sleep(_POLL_SECONDS)
        if self.stop.is_set():
            raise InterruptedBeforeRunsError
        return ended

    def _order(self, speaker: SpeakerProfile, attempt: int) -> EnrolOrder:
        folder = self._folder(speaker, attempt)
        place = Place(
            models=self.site.models,
            scratch=str(folder.path / "scratch"),
            receipt=str(folder.receipt),
            progress_file=str(folder.progress),
        )
        return enrol_order(
            speaker,
            self.orders.profile,
            runtime=self.runtime,
            access=self.orders.access,
            place=place,
            run=attempt,
        )

    def _folder(self, speaker: SpeakerProfile, attempt: int) -> RunFolder:
        return RunFolder(self.site.folder.path / "voices" / f"{speaker.metadata.name}-{attempt:02d}")

    def _show(self, speaker: SpeakerProfile, report: Enrolled) -> None:
        for recording, source in zip(speaker.spec.recordings, report.sources, strict=True):
            self.say(f"voice {speaker.voice}: {recording.key}: {outcome_line(source)}")


def outcome_line(source: EnrolledSource) -> str:
    """What became of one recording of a voice, for people."""
    if source.state is VoiceState.USED:
        like = f", {source.score:.2f} like the others" if source.score is not None else ""
        return f"used, {source.seconds:.1f} s of speech{like}"
    word = "refused" if source.state is VoiceState.REFUSED else "waits"
    reason = source.reason.value if source.reason is not None else "not heard yet"
    return f"{word}: {reason}: {source.message}".removesuffix(": ")
