"""The store for one enrolment: a voice that is claimed, so that two enrolments of it do not hear the same
recordings at the same time.

Called by `enrolment`. Every operation opens its own connection: an enrolment takes minutes, and a database
may restart in between. Knows the store's functions, and no SQL.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voices import VoiceRecording
from ingest_worker.domain import Diarization
from ingest_worker.errors import StageError
from ingest_worker.store import enrolment
from ingest_worker.store.claims import Claim, Heartbeat, claim, heartbeat, release
from ingest_worker.store.connect import connect
from ingest_worker.store.enrolment import HeardSource
from ingest_worker.store.schema import check

_LAST_WORD_SECONDS: Final = 2
"""Seconds that releasing a claim may take while the process is being ended."""

log = logging.getLogger(__name__)


class VoiceInStore:
    """What the store knows of an order's voice."""

    def __init__(self, dsn: str, order: EnrolOrder, model: str, network: str) -> None:
        """`model` is what vectors are kept under; `network` the diarization model as `name@sha256-prefix`."""
        self._dsn, self._order, self._model, self._network = dsn, order, model, network

    def known(self) -> dict[str, HeardSource]:
        """What is known of the voice, by source."""
        with connect(self._dsn, application="enrol") as connection:
            return enrolment.known(connection, self._order.owner, self._order.voice, self._model)

    def stretch(self, recording: VoiceRecording) -> tuple[str, Diarization] | None:
        """Who speaks in a stretch of an ingested recording."""
        start, end = float(recording.start_seconds or 0), float(recording.end_seconds or 0)
        with connect(self._dsn, application="enrol") as connection:
            return enrolment.stretch(connection, recording.recording or "", (start, end), self._network)


class ClaimedVoice(VoiceInStore):
    """`enrolment.Voices` on the store."""

    def __init__(
        self, dsn: str, order: EnrolOrder, model: str, network: str, claimed: tuple[Claim, Heartbeat]
    ) -> None:
        super().__init__(dsn, order, model, network)
        self._held, self._beats = claimed
        self._over = False

    def check(self) -> None:
        """Raise `StageError(LEASE_LOST)` if another enrolment took the voice over."""
        if not self._over:
            self._beats.check()

    def keep(self, rows: list[HeardSource]) -> None:
        """Keep these rows, and nothing of sources that the order does not name."""
        voice = (self._order.owner, self._order.voice, self._model)
        sources = [recording.key for recording in self._order.recordings]
        with connect(self._dsn, application="enrol") as connection:
            enrolment.keep(connection, self._held, voice, rows, sources)

    def give_up(self) -> None:
        """Release the claim, if it is still ours."""
        self._over = True  # from here on, a missing claim was ended by us
        self._beats.stop()
        try:
            with connect(
                self._dsn, application="release", statement_timeout_seconds=_LAST_WORD_SECONDS
            ) as connection:
                release(connection, self._held)
        except StageError as error:
            log.warning("the claim is left to its lease: %s", error, extra={"action": "leave-claim"})


@contextmanager
def claimed_voice(dsn: str, order: EnrolOrder, model: str, network: str) -> Iterator[ClaimedVoice]:
    """The order's voice, claimed inside the block.

    Raises:
        StageError: `SCHEMA_MISMATCH`, `CLAIMED_ELSEWHERE`, `DATABASE_UNAVAILABLE`.
    """
    with connect(dsn, application="claim") as connection:
        check(connection)
        held = claim(connection, f"voice:{order.owner}/{order.voice}", holder_of(order))
    with heartbeat(dsn, held) as beats:
        voice = ClaimedVoice(dsn, order, model, network, (held, beats))
        try:
            yield voice
        finally:
            voice.give_up()


def holder_of(order: EnrolOrder) -> str:
    """The claim's holder: who started the enrolment. Its next run takes the claim over immediately, because
    the last one is known to have ended; another batch of a workstation waits."""
    return f"{order.profile} {Path(order.place.receipt).parent.parent}"
