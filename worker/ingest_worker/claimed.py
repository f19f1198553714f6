"""The store for one run: a claimed recording whose finished stages are kept, and which is committed once or
given up.

Called by the composition root; the pipeline sees the `ArtifactStore` protocol of `tools`. Every operation
opens its own connection: a run takes hours, and a database may restart in between. Knows the store's
functions, and no SQL.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from ingest_contract.failures import Reason
from ingest_contract.order import FetchOrder, IngestOrder
from ingest_contract.stages import Stage
from ingest_worker.errors import StageError
from ingest_worker.store import artifacts
from ingest_worker.store.addresses import address_of
from ingest_worker.store.claims import Claim, Heartbeat, claim, heartbeat, release
from ingest_worker.store.commit import commit, record_outcome, rehearse
from ingest_worker.store.connect import connect
from ingest_worker.store.records import Content, FinalEnd, Recording, Run
from ingest_worker.store.schema import check
from ingest_worker.store.vector_tables import TextModel, require_vector_table

REMEMBERED: Final = frozenset({Reason.NO_SPEECH, Reason.NO_AUDIO_TRACK})
"""Outcomes that are permanent facts of the recording, so that later plans leave it out. Others can change: a
private recording may be public tomorrow."""

_LAST_WORD_SECONDS: Final = 2
"""Seconds that releasing a claim may take while the process is being ended."""

log = logging.getLogger(__name__)


class ClaimedRecording:
    """`tools.ArtifactStore` on the store, from the claim to the commit."""

    def __init__(
        self, dsn: str, held: Claim, beats: Heartbeat, order: IngestOrder, address: str | None
    ) -> None:
        """`address` is where the recording is fetched from, if that is not the order's own address."""
        self._dsn, self._held, self._beats, self._order, self._address = dsn, held, beats, order, address
        self._since = datetime.fromisoformat(order.artifacts_since) if order.artifacts_since else None
        self._unsaved: dict[Stage, tuple[str, bytes]] = {}
        self._over = False

    @property
    def order(self) -> IngestOrder:
        """The order with the address to fetch from, including credentials: for the pipeline only."""
        if self._address is None:
            return self._order
        return self._order.model_copy(
            update={"item": self._order.item.model_copy(update={"url": self._address})}
        )

    def check(self) -> None:
        """Raise `StageError(LEASE_LOST)` if another holder took the recording over."""
        if not self._over:
            self._beats.check()

    def kept(self, stage: Stage, stage_hash: str) -> bytes | None:
        """The result of a finished stage of an earlier run, if it has the current hash and the order lets
        results of its age count."""
        with connect(self._dsn, application="resume") as connection:
            return artifacts.get(connection, self._held.recording, stage, stage_hash, self._since)

    def keep(self, stage: Stage, stage_hash: str, content: bytes) -> None:
        """Keep a result for later runs. If the database is unavailable for a moment, the result is kept
        together with the next one.

        Raises:
            StageError: `LEASE_LOST`, `DATABASE_REJECTED`, `SCHEMA_MISMATCH`.
        """
        self._unsaved[stage] = (stage_hash, content)
        try:
            with connect(self._dsn, application="keep") as connection:
                for waiting, (its_hash, its_content) in list(self._unsaved.items()):
                    artifacts.put(connection, self._held, waiting, its_hash, its_content)
                    self._unsaved.pop(waiting, None)  # of two stages that end at once, one may keep both
        except StageError as error:
            if error.reason not in {Reason.DATABASE_UNAVAILABLE, Reason.DATABASE_TOO_SLOW}:
                raise
            log.warning(
                "a result is kept later: %s", error, extra={"action": "keep-later", "stage": stage.value}
            )

    def rehearse(self, recording: Recording) -> None:
        """Raise `StageError(DATABASE_REJECTED)` now,
        if the store would refuse the recording after hours of work."""
        with connect(self._dsn, application="rehearse") as connection:
            rehearse(connection, recording)

    def commit(self, recording: Recording, run: Run, content: Content) -> None:
        """Store everything in one transaction and release the claim. Raises as `store.commit.commit`."""
        self._end()
        with connect(self._dsn, application="commit") as connection:
            undecided = commit(connection, self._held, recording, run, content)
        if undecided:
            log.warning(
                "%d decisions about who speaks could not be placed in this run: "
                "`ingestctl voices list` counts them",
                undecided,
                extra={"action": "leave-decision-open", "decisions": undecided},
            )

    def remember(
        self, recording: Recording, error: StageError, pipeline_hash: str, *, may_grow: bool
    ) -> None:
        """Record it if this recording will never have anything to ingest, and release the claim. Of one that
        goes on, or has no words yet and may grow, forget what was heard of it: a later run would take it up
        instead of what there is then."""
        if error.reason is Reason.LIVE_OR_UPCOMING or (may_grow and error.reason is Reason.NO_WORDS):
            with connect(self._dsn, application="outcome") as connection:
                artifacts.drop(connection, self._held)
        if error.reason in REMEMBERED:
            self._end()
            with connect(self._dsn, application="outcome") as connection:
                end = FinalEnd(self._order.batch, error.reason, str(error), pipeline_hash)
                record_outcome(connection, self._held, recording, end)

    def give_up(self) -> None:
        """Release the claim, if it is still ours;
        if the database is unavailable, the lease expires by itself."""
        self._end()
        try:
            with connect(
                self._dsn, application="release", statement_timeout_seconds=_LAST_WORD_SECONDS
            ) as connection:
                release(connection, self._held)
        except StageError as error:
            log.warning("the claim is left to its lease: %s", error, extra={"action": "leave-claim"})

    def _end(self) -> None:
        self._over = True  # from here on, a missing claim was ended by us
        self._beats.stop()


@contextmanager
def claimed_recording(
    dsn: str, order: IngestOrder, model: TextModel | None = None
) -> Iterator[ClaimedRecording]:
    """The order's recording, claimed inside the block. An exception releases the claim; a commit has released
    it already.

    Args:
        dsn: the store's address.
        order: whose recording.
        model: whose vectors will be stored; None if its files do not say how long they are.

    Raises:
        StageError: `SCHEMA_MISMATCH`, `DIMENSION_MISMATCH`, `CLAIMED_ELSEWHERE`, `DATABASE_UNAVAILABLE`;
            `DATABASE_REJECTED` if it could not be stored.
    """
    with connect(dsn, application="claim") as connection:
        check(connection)
        if model is not None:
            require_vector_table(connection, model)
        held = claim(connection, order.item.id, holder_of(order))
        address = address_of(connection, order.batch, order.item.id)
    with heartbeat(dsn, held) as beats:
        recording = ClaimedRecording(dsn, held, beats, order, address)
        try:
            recording.rehearse(Recording.of(order.item))
            yield recording
        except BaseException:
            recording.give_up()
            raise


def holder_of(order: FetchOrder | IngestOrder) -> str:
    """The claim's holder: one recording of one batch. Its next run takes the claim over immediately, because
    the last one is known to have ended."""
    return f"{order.batch}#{order.item.index}"


def remember_unfetched(dsn: str, order: FetchOrder, error: StageError, decoder: str) -> None:
    """Record it if a recording that was to be fetched will never have anything to ingest. `decoder` is the
    version of the decoder that found so. A store that does not take it changes nothing about the run."""
    if error.reason not in REMEMBERED:
        return
    try:
        with connect(dsn, application="outcome") as connection:
            check(connection)
            held = claim(connection, order.item.id, holder_of(order))
            end = FinalEnd(order.batch, error.reason, str(error), decoder)
            record_outcome(connection, held, Recording.of(order.item), end)
    except StageError as foreign:
        log.warning("an outcome is not recorded: %s", foreign, extra={"action": "forget-outcome"})
