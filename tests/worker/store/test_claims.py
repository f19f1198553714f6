"""Two workers, one recording."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import pytest

from ingest_contract.failures import Reason
from ingest_contract.stages import Stage
from ingest_worker.errors import StageError
from ingest_worker.store import artifacts
from ingest_worker.store.claims import LEASE_SECONDS, Claim, claim, heartbeat, hold, release, renew
from ingest_worker.store.commit import commit, record_outcome
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.records import FinalEnd
from tests.worker.store.makers import a_recording, a_run, content, count, counts, eventually

pytestmark = pytest.mark.postgres

RECORDING = "test:one"


def expire(connection: Connection) -> None:
    """As if the holder had been silent for longer than its lease."""
    connection.execute("update ingest.claim set lease_until = clock_timestamp() - interval '1 second'")


def taken_over(connection: Connection) -> tuple[Claim, Claim]:
    """(the first claim, the one that took over)."""
    first = claim(connection, RECORDING, "first")
    expire(connection)
    return first, claim(connection, RECORDING, "second")


def test_a_second_claimer_learns_who_holds_it_and_when_to_come_back(connection: Connection) -> None:
    claim(connection, RECORDING, "first", 100)
    with pytest.raises(StageError, match=r"test:one is claimed by first\.") as caught:
        claim(connection, RECORDING, "second")
    assert caught.value.reason is Reason.CLAIMED_ELSEWHERE
    assert caught.value.retry_after_seconds is not None
    assert 90 <= caught.value.retry_after_seconds <= 101


def test_of_many_who_claim_at_once_one_gets_it(database: str) -> None:
    barrier, got, refused = threading.Barrier(8), [], []

    def work(number: int) -> None:
        with connect(database, application="tests") as own:
            barrier.wait()
            try:
                got.append(claim(own, RECORDING, f"worker-{number}"))
            except StageError as error:
                refused.append(error.reason)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (len(got), refused) == (1, [Reason.CLAIMED_ELSEWHERE] * 7)


def test_an_expired_claim_is_taken_over_with_a_higher_token(connection: Connection) -> None:
    first, second = taken_over(connection)
    assert second.token > first.token
    assert (renew(connection, first), renew(connection, second)) == (False, True)


def test_a_claim_that_a_clock_which_was_ahead_has_left_is_taken_over_as_if_it_had_expired(
    connection: Connection,
) -> None:
    lasts = "update ingest.claim set lease_until = clock_timestamp() + make_interval(secs => %s)"
    first = claim(connection, RECORDING, "batch/7")
    connection.execute(lasts, [2 * LEASE_SECONDS - 60])
    with pytest.raises(StageError, match="is claimed by batch/7"):
        claim(connection, RECORDING, "other/1")
    connection.execute(lasts, [3 * 86_400])
    second = claim(connection, RECORDING, "other/1")
    assert second.token > first.token
    assert (renew(connection, first), renew(connection, second)) == (False, True)


def test_the_next_run_of_the_same_item_need_not_wait_for_the_lease(connection: Connection) -> None:
    first = claim(connection, RECORDING, "batch/7")
    second = claim(connection, RECORDING, "batch/7")
    assert second.token > first.token
    with pytest.raises(StageError, match="no longer the current one"), connection.transaction():
        hold(connection, first)


def _commit(connection: Connection, held: Claim) -> None:
    commit(connection, held, a_recording(), a_run(), content())


def _keep(connection: Connection, held: Claim) -> None:
    artifacts.put(connection, held, Stage.TRANSCRIBE, "hash", b"words")


def _end(connection: Connection, held: Claim) -> None:
    record_outcome(connection, held, a_recording(), FinalEnd("default/batch", Reason.NO_SPEECH, "", "hash"))


@pytest.mark.parametrize("write", [_commit, _keep, _end])
def test_who_was_taken_over_writes_nothing_and_the_other_can(
    connection: Connection, write: Callable[[Connection, Claim], None]
) -> None:
    first, second = taken_over(connection)
    before = counts(connection), count(connection, "artifact")
    with pytest.raises(StageError) as caught:
        write(connection, first)
    assert caught.value.reason is Reason.LEASE_LOST
    assert (counts(connection), count(connection, "artifact")) == before
    write(connection, second)
    assert (counts(connection), count(connection, "artifact")) != before


def test_an_expired_claim_that_nobody_took_may_still_commit(connection: Connection) -> None:
    held = claim(connection, RECORDING, "slow")
    expire(connection)
    _commit(connection, held)
    assert count(connection, "segment") == 2


def test_a_released_claim_is_free_and_a_foreign_one_is_not_released(connection: Connection) -> None:
    first, second = taken_over(connection)
    release(connection, first)
    assert count(connection, "claim") == 1
    release(connection, second)
    assert claim(connection, RECORDING, "third").token > second.token


def test_a_recording_that_is_being_stored_is_in_progress_elsewhere(
    database: str, connection: Connection
) -> None:
    held = claim(connection, RECORDING, "committing")
    expire(connection)
    with connection.transaction(), connect(database, application="tests") as other:
        hold(connection, held)
        with pytest.raises(StageError, match="is being stored by another worker") as caught:
            claim(other, RECORDING, "second")
    assert caught.value.reason is Reason.CLAIMED_ELSEWHERE


def clock(connection: Connection) -> datetime:
    row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    return cast("datetime", row[0])


def beaten(connection: Connection, after: datetime) -> bool:
    """Whether the holder was heard of after a moment."""
    return (
        connection.execute("select 1 from ingest.claim where heartbeat_at > %s", [after]).fetchone()
        is not None
    )


def test_a_heartbeat_keeps_a_claim_beyond_its_lease(database: str, connection: Connection) -> None:
    held = claim(connection, RECORDING, "first", 0.4)
    lease_is_over = clock(connection) + timedelta(seconds=0.5)
    with heartbeat(database, held) as beats:
        eventually(lambda: beaten(connection, lease_is_over))
        with pytest.raises(StageError, match="claimed by first"):
            claim(connection, RECORDING, "second")
        beats.check()


def test_a_heartbeat_notices_that_its_claim_was_taken_over(database: str, connection: Connection) -> None:
    held = claim(connection, RECORDING, "first", 0.2)
    connection.execute("update ingest.claim set token = nextval('ingest.claim_token'), holder = 'second'")
    with heartbeat(database, held) as beats:
        assert beats.lost.wait(timeout=30)
        with pytest.raises(StageError) as caught:
            beats.check()
    assert caught.value.reason is Reason.LEASE_LOST


def test_a_heartbeat_survives_the_loss_of_its_connection(database: str, connection: Connection) -> None:
    held = claim(connection, RECORDING, "first", 0.4)
    beating = (
        "from pg_stat_activity where datname = current_database() and application_name like '%heartbeat'"
    )
    with heartbeat(database, held) as beats:
        eventually(lambda: connection.execute(f"select pg_terminate_backend(pid) {beating}").fetchall())
        killed = clock(connection)
        eventually(lambda: beaten(connection, killed))
        beats.check()
