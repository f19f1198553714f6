"""Claims: which worker processes which recording. A claim has a lease that a heartbeat renews, and a fencing
token that makes a late writer harmless.

A lease alone cannot exclude a second writer: a paused process wakes up and believes that it still holds it.
So every claim takes a higher number from a sequence, and every write checks that number under a row lock
(Kleppmann, "How to do distributed locking", 2016). All times are the server's clock: workers' clocks need not
agree.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from psycopg import errors

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.errors import translated

LEASE_SECONDS: Final = 120
"""Longer than `connect`'s keepalives need to notice a dead connection (60 s), so one lost connection does not
lose the claim."""

_BEATS_PER_LEASE: Final = 4
"""Heartbeats per lease. Three may be missed."""

_CLAIM: Final = """
insert into ingest.claim (recording, token, holder, lease_until, heartbeat_at)
values (%(recording)s, nextval('ingest.claim_token'), %(holder)s,
        clock_timestamp() + make_interval(secs => %(lease)s), clock_timestamp())
on conflict (recording) do update
   set token = excluded.token, holder = excluded.holder, lease_until = excluded.lease_until,
       heartbeat_at = excluded.heartbeat_at
 where claim.lease_until < clock_timestamp() or claim.holder = excluded.holder
    or claim.lease_until > clock_timestamp() + 2 * make_interval(secs => %(lease)s)
returning token
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one recording, until another holder takes it over."""

    recording: str
    token: int
    """The fencing token: higher than that of every earlier claim."""
    holder: str
    lease_seconds: float


def claim(connection: Connection, recording: str, holder: str, lease_seconds: float = LEASE_SECONDS) -> Claim:
    """Claim a recording that has no holder, or whose holder's lease has expired.

    A claim of the same `holder` is taken over immediately: the name means one recording of one batch, whose
    earlier run is known to have ended. If it is alive after all, its token is old and it cannot write.
    The same holds for a claim that ends in more than two leases: its server's clock was ahead.

    Raises `StageError(CLAIMED_ELSEWHERE)` with the seconds until the other lease expires.
    """
    try:
        with translated("claiming a recording"), connection.transaction():
            # A holder that is committing has locked its row: it is still working, and not worth waiting for.
            connection.execute("set local lock_timeout = '2s'")
            row = connection.execute(
                _CLAIM, {"recording": recording, "holder": holder, "lease": lease_seconds}
            ).fetchone()
            remaining = (
                "select holder, extract(epoch from lease_until - clock_timestamp())::float8 "
                "from ingest.claim where recording = %s"
            )
            other = None if row else connection.execute(remaining, [recording]).fetchone()
    except StageError as error:
        if isinstance(error.__cause__, errors.LockNotAvailable):
            said = f"{recording} is being stored by another worker."
            raise StageError(Reason.CLAIMED_ELSEWHERE, said, retry_after_seconds=_BEATS_PER_LEASE) from error
        raise
    if row:
        return Claim(recording, row[0], holder, lease_seconds)
    who, seconds = other or ("another worker", 0.0)
    said = f"{recording} is claimed by {who}."
    raise StageError(Reason.CLAIMED_ELSEWHERE, said, retry_after_seconds=max(1, int(seconds) + 1))


def renew(connection: Connection, held: Claim) -> bool:
    """Extend the lease from now on. False if the claim is gone or another's; an expired claim that no one
    took is renewed."""
    with translated("renewing a claim"):
        done = connection.execute(
            "update ingest.claim set lease_until = clock_timestamp() + make_interval(secs => %s), "
            "heartbeat_at = clock_timestamp() where recording = %s and token = %s",
            [held.lease_seconds, held.recording, held.token],
        )
    return done.rowcount == 1


def release(connection: Connection, held: Claim) -> None:
    """Release the claim, if it is still ours: after a failure, so that no one waits for the lease."""
    with translated("releasing a claim"):
        connection.execute(
            "delete from ingest.claim where recording = %s and token = %s", [held.recording, held.token]
        )


def hold(connection: Connection, held: Claim) -> None:
    """Lock the claim until the transaction ends, and check that it is still ours. Every write starts with
    this.

    Raises `StageError(LEASE_LOST)`.
    """
    row = connection.execute(
        "select token from ingest.claim where recording = %s for update", [held.recording]
    ).fetchone()
    if row is None or row[0] != held.token:
        raise lost(held)


def lost(held: Claim) -> StageError:
    """The error of a worker whose claim was taken over."""
    return StageError(
        Reason.LEASE_LOST,
        f"Another worker took {held.recording} over: token {held.token} is no longer the current one.",
    )


class Heartbeat:
    """Renews a claim in a thread with its own connection, and records when it is lost."""

    def __init__(self, dsn: str, held: Claim) -> None:
        self._dsn, self._held = dsn, held
        self._stop = threading.Event()
        self.lost = threading.Event()
        """Set once the database says that the claim is gone. A database that does not answer means nothing:
        no one can take the claim over there."""

    def check(self) -> None:
        """Raise `StageError(LEASE_LOST)` if the claim is lost: called between batches of work, to save
        useless work."""
        if self.lost.is_set():
            raise lost(self._held)

    def run(self) -> None:
        """Beat until stopped or lost; after a broken connection, the next beat connects again."""
        interval = self._held.lease_seconds / _BEATS_PER_LEASE
        while not self._stop.is_set() and not self.lost.is_set():
            try:
                with connect(self._dsn, application="heartbeat", statement_timeout_seconds=30) as connection:
                    self._beat(connection, interval)
            except StageError:
                self._stop.wait(interval)

    def stop(self) -> None:
        """Stop the heartbeat."""
        self._stop.set()

    def _beat(self, connection: Connection, interval: float) -> None:
        while not self._stop.is_set():
            if not renew(connection, self._held):
                self.lost.set()
                return
            self._stop.wait(interval)


@contextmanager
def heartbeat(dsn: str, held: Claim) -> Iterator[Heartbeat]:
    """Keep a claim alive inside the block. Leave the block before `commit`, which deletes the claim: a beat
    after that would find it lost."""
    beats = Heartbeat(dsn, held)
    thread = threading.Thread(target=beats.run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield beats
    finally:
        beats.stop()
        thread.join()
