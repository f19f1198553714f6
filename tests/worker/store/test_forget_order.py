"""A Forget order, carried out on a real store."""

import pytest

from ingest_contract.failures import Reason
from ingest_contract.place import Place
from ingest_contract.voice_orders import ForgetOrder, Forgotten, RenameOrder, RetainOrder
from ingest_worker.errors import StageError
from ingest_worker.forgetting import forget, rename, retain
from ingest_worker.interruption import Control
from ingest_worker.session import Session
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import name
from ingest_worker.store.tombstones import TombstoneKind, is_forgotten_voice, lift
from ingest_worker.store.voice_names import voice_of
from tests.worker.store.looking import places
from tests.worker.store.makers import VOICES
from tests.worker.store.talks import BOB, CAT, TWO, heard, labels, talk, voice
from tests.worker.store.test_schema import as_role

pytestmark = pytest.mark.postgres
VOICE = "Ada Byron"
ADA = voice(0.9, 0.1, 0.2, 0.1)
PLACE = Place(models="/models", scratch="/tmp/media", receipt="/tmp/receipt")


def carried_out(dsn: str, what: Forgotten, key: str) -> dict[str, int]:
    order = ForgetOrder(
        trace_id="0" * 32, namespace="team", what=what, key=key, who="SpeakerProfile team/ada", place=PLACE
    )
    session = Session(None, Control(), 0.0)
    forget(order, dsn, session)
    report = session.receipt(None).forgotten
    assert report is not None
    return dict(report.rows)


def enrolled(connection: Connection, owner: str) -> None:
    connection.execute(
        "insert into ingest.enrolment (owner, voice, source, model, vector) "
        "values (%s, 'Ada Byron', 'https://media.example.org/ada.mp3', %s, %s::real[]::vector)",
        [owner, VOICES, ADA.tolist()],
    )


@pytest.fixture(autouse=True)
def _corpus(connection: Connection) -> None:
    use_vectors(connection)
    heard(connection, "test:one", talk(TWO, (ADA, BOB)))
    name(connection, voice_of("#1"), voice_of(VOICE), Signed("tester"))
    enrolled(connection, "team")


def test_a_deleted_voice_is_in_no_table_and_a_second_order_finds_nothing(
    connection: Connection, database: str
) -> None:
    assert carried_out(database, Forgotten.VOICE, VOICE)["enrolment"] >= 1
    assert not places(connection, [VOICE], [ADA])
    assert is_forgotten_voice(connection, VOICE)
    assert not any(carried_out(database, Forgotten.VOICE, VOICE).values())
    assert lift(connection, TombstoneKind.VOICE, VOICE)


def test_a_name_that_another_namespace_has_enrolled_stays_there(
    connection: Connection, database: str
) -> None:
    enrolled(connection, "others")
    assert carried_out(database, Forgotten.VOICE, VOICE) == {"enrolment": 1}
    owners = connection.execute("select owner from ingest.enrolment where voice = 'Ada Byron'").fetchall()
    assert ("others",) in owners
    assert ("team",) not in owners
    assert not is_forgotten_voice(connection, VOICE)


def test_a_voice_that_nobody_ever_heard_is_forgotten_at_once(database: str) -> None:
    assert not any(carried_out(database, Forgotten.VOICE, "Nobody").values())


def test_recordings_and_channels_go_by_the_same_order(connection: Connection, database: str) -> None:
    heard(connection, "test:two", talk(TWO, (CAT, BOB)))
    assert carried_out(database, Forgotten.RECORDING, "test:two")["segment"] == 3
    assert carried_out(database, Forgotten.CHANNEL, "No such channel") == {}
    left = connection.execute("select id from ingest.recording").fetchall()
    assert left == [("test:one",)]


def retained(dsn: str, days: int) -> Session:
    order = RetainOrder(trace_id="0" * 32, profile="default/profile", days=days, place=PLACE)
    session = Session(None, Control(), 0.0)
    try:
        retain(order, dsn, session)
    finally:
        assert session.receipt(None).forgotten == session.forgotten
    return session


def test_what_is_too_old_goes_and_the_receipt_counts_it(connection: Connection, database: str) -> None:
    heard(connection, "test:two", talk(TWO, (CAT, BOB)))
    connection.execute("update ingest.recording set first_stored_at = now() - interval '9 days'")
    heard(connection, "test:young", talk(TWO, (CAT, BOB)))
    report = retained(database, 8).forgotten
    assert report is not None
    assert (report.recordings, report.rows["recording"], report.rows["run"]) == (2, 2, 2)
    assert connection.execute("select id from ingest.recording").fetchall() == [("test:young",)]
    assert not places(connection, ["test:one", "test:two"], [])
    again = retained(database, 8).forgotten
    assert again is not None
    assert (again.recordings, dict(again.rows)) == (0, {})


def test_a_login_that_may_not_forget_is_refused_and_removes_nothing(
    connection: Connection, database: str
) -> None:
    connection.execute("update ingest.recording set first_stored_at = now() - interval '9 days'")
    with pytest.raises(StageError) as caught:
        retained(as_role(database, "ingest_writer"), 8)
    assert caught.value.reason is Reason.DATABASE_REJECTED
    assert connection.execute("select count(*) from ingest.recording").fetchone() == (1,)


def renamed(dsn: str, to: str = "Ada Lovelace") -> None:
    order = RenameOrder(
        trace_id="0" * 32,
        namespace="team",
        voice=to,
        formerly=VOICE,
        who="SpeakerProfile team/ada",
        place=PLACE,
    )
    rename(order, dsn, Session(None, Control(), 0.0))


def test_a_renamed_voice_has_its_new_name_everywhere_and_is_one_person(
    connection: Connection, database: str
) -> None:
    for _ in range(2):
        renamed(database)
    assert labels(connection, "test:one")[0] == "Ada Lovelace"
    owners = connection.execute("select owner, voice from ingest.enrolment where source like 'https:%'")
    assert owners.fetchall() == [("team", "Ada Lovelace")]
    assert heard(connection, "test:one", talk(TWO, (ADA, BOB)))[0] == "Ada Lovelace"
    assert labels(connection, "test:one")[0] == "Ada Lovelace"


def test_a_name_that_another_namespace_has_enrolled_is_renamed_here_alone(
    connection: Connection, database: str
) -> None:
    enrolled(connection, "others")
    renamed(database)
    rows = connection.execute("select owner, voice from ingest.enrolment where owner <> '' order by owner")
    assert rows.fetchall() == [("others", VOICE), ("team", "Ada Lovelace")]
    assert labels(connection, "test:one")[0] == VOICE


def test_nobody_is_renamed_into_somebody_else_who_is_enrolled(connection: Connection, database: str) -> None:
    connection.execute(
        "insert into ingest.enrolment (owner, voice, source, model, vector) "
        "values ('team', 'Bob', 'https://media.example.org/bob.mp3', %s, %s::real[]::vector)",
        [VOICES, BOB.tolist()],
    )
    with pytest.raises(StageError) as caught:
        renamed(database, "Bob")
    assert caught.value.reason is Reason.VOICE_UNUSABLE
    assert labels(connection, "test:one")[0] == VOICE


def test_a_voice_that_is_deleted_while_it_is_renamed_is_forgotten_under_both_names(
    connection: Connection, database: str
) -> None:
    order = ForgetOrder(
        trace_id="0" * 32,
        namespace="team",
        what=Forgotten.VOICE,
        key="Ada Lovelace",
        formerly=VOICE,
        who="SpeakerProfile team/ada",
        place=PLACE,
    )
    forget(order, database, Session(None, Control(), 0.0))
    assert not places(connection, [VOICE], [ADA])
