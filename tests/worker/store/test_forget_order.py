"""A Forget order, carried out on a real store."""

import pytest

from ingest_contract.place import Place
from ingest_contract.voice_orders import ForgetOrder, Forgotten
from ingest_worker.forgetting import forget
from ingest_worker.interruption import Control
from ingest_worker.session import Session
from ingest_worker.store.connect import Connection, use_vectors
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import name
from ingest_worker.store.tombstones import TombstoneKind, is_forgotten_voice, lift
from ingest_worker.store.voice_names import voice_of
from tests.worker.store.looking import places
from tests.worker.store.makers import VOICES
from tests.worker.store.talks import BOB, CAT, TWO, heard, talk, voice

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
