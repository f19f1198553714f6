"""What pages said, between one plan and the next: for whom it holds, and for how long."""

from typing import Any

from ingest_contract.failures import Reason
from ingest_worker.details import Detail, Fact
from ingest_worker.planning import Liveness
from ingest_worker.store.connect import Connection
from ingest_worker.store.details import recall, remember

MINE, OTHER = "default/mine", "default/other"


def detail(**more: Any) -> Detail:
    return Detail(asked=(Fact.LENGTH, Fact.DATE), title="A talk", duration_seconds=60, **more)


def age(connection: Connection, *, days: int = 0, hours: int = 0) -> None:
    connection.execute(
        "update ingest.detail set seen_at = now() - make_interval(days => %s, hours => %s)", [days, hours]
    )


def test_lengths_and_dates_are_known_to_every_batch(connection: Connection) -> None:
    told = detail(published_at="2026-01-31T12:00:00Z", liveness=Liveness.WAS_LIVE, language="en")
    remember(connection, MINE, {"tube:a": told})
    assert recall(connection, OTHER, ["tube:a", "tube:b"]) == {"tube:a": told}
    age(connection, days=89)
    assert recall(connection, OTHER, ["tube:a"]) == {"tube:a": told}
    age(connection, days=91)
    assert recall(connection, OTHER, ["tube:a"]) == {}


def test_what_was_refused_or_will_change_is_known_to_its_batch_for_a_day(connection: Connection) -> None:
    told = {"tube:a": detail(outcome=Reason.AGE_GATED), "tube:b": detail(liveness=Liveness.UPCOMING)}
    remember(connection, MINE, told)
    assert recall(connection, MINE, [*told]) == told
    assert recall(connection, OTHER, [*told]) == {}
    age(connection, hours=25)
    assert recall(connection, MINE, [*told]) == {}


def test_what_a_clock_that_was_ahead_has_left_is_not_known_and_goes(connection: Connection) -> None:
    told = {"tube:a": detail(), "tube:b": detail(outcome=Reason.AGE_GATED)}
    remember(connection, MINE, told)
    age(connection, hours=-23)
    assert recall(connection, MINE, [*told]) == told
    age(connection, hours=-25)
    assert recall(connection, MINE, [*told]) == {}
    remember(connection, MINE, {"tube:c": detail()})
    assert connection.execute("select recording from ingest.detail").fetchall() == [("tube:c",)]


def test_a_later_detail_replaces_an_earlier_one_and_the_oldest_go(connection: Connection) -> None:
    remember(connection, MINE, {"tube:a": detail(outcome=Reason.PRIVATE), "tube:b": detail()})
    age(connection, days=91)
    remember(connection, OTHER, {"tube:a": detail()})
    assert recall(connection, MINE, ["tube:a"]) == {"tube:a": detail()}
    assert connection.execute("select recording from ingest.detail").fetchall() == [("tube:a",)]


def test_what_another_version_wrote_is_not_known(connection: Connection) -> None:
    remember(connection, MINE, {"tube:a": detail()})
    connection.execute('update ingest.detail set said = said || \'{"mood": "good"}\'')
    assert recall(connection, MINE, ["tube:a"]) == {}
