"""Names that are written in one normal form of Unicode and asked for in another."""

from typing import Literal
from unicodedata import normalize

import numpy as np
import pytest

from ingest_contract.selection import StoreSource
from ingest_worker.store.connect import Connection
from ingest_worker.store.deciding import Signed
from ingest_worker.store.forgetting import forget_channel
from ingest_worker.store.heard import heard_by
from ingest_worker.store.reading.listed import RecordingsAsked, listed
from ingest_worker.store.search import Filters, Query, search
from ingest_worker.store.tombstones import TombstoneKind, bury, forgotten, is_forgotten, key_of, lift
from tests.worker.store.makers import MODEL, a_recording, content, named, store, unit

pytestmark = pytest.mark.postgres

Form = Literal["NFC", "NFD"]
FORMS = [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD"), ("NFC", "NFC")]
NAME, ME = "Ren\u00e9", Signed("ann", "asked")


@pytest.mark.parametrize(("kept", "asked"), FORMS)
def test_a_speaker_a_channel_and_a_title_are_found_in_whatever_form(
    kept: Form, asked: Form, connection: Connection
) -> None:
    name, wanted = normalize(kept, NAME), normalize(asked, NAME)
    said = content("a word", vectors=np.stack([unit(1)]), identities=(named(0, name),))
    store(connection, said, a_recording("test:one", title=f"Of {name}", channel=name))
    for filters in (Filters(speaker=wanted), Filters(channel=wanted)):
        (hit,) = search(connection, Query("word", unit(1), MODEL, filters=filters)).hits
        assert (hit.speaker, hit.channel) == (name, name), "what is stored stays as it came"
        assert len(listed(connection, RecordingsAsked(5, filters=filters))[0]) == 1
    assert len(listed(connection, RecordingsAsked(5, title=wanted.upper()))[0]) == 1
    for other in (Filters(speaker="Rene"), Filters(channel="Rene")):
        assert search(connection, Query("word", unit(1), MODEL, filters=other)).hits == ()
    assert listed(connection, RecordingsAsked(5, title="rene"))[0] == ()
    assert len(heard_by(connection, "default", StoreSource(channels=(wanted,)))) == 1
    assert forget_channel(connection, wanted, ME).recordings == ("test:one",)


@pytest.mark.parametrize(("kept", "asked"), FORMS)
def test_a_channel_that_was_forgotten_does_not_come_back_in_another_form(
    kept: Form, asked: Form, connection: Connection
) -> None:
    name, wanted = normalize(kept, NAME), normalize(asked, NAME)
    bury(connection, TombstoneKind.CHANNEL, name, "ann", "asked")
    assert is_forgotten(connection, "test:new", wanted)
    assert forgotten(connection, TombstoneKind.CHANNEL, [wanted, "Rene"]) == {wanted}
    assert lift(connection, TombstoneKind.CHANNEL, wanted)
    assert not is_forgotten(connection, "test:new", name)


def test_a_mark_of_before_is_still_one(connection: Connection) -> None:
    name = normalize("NFD", NAME)
    bury(connection, TombstoneKind.VOICE, name, "ann", "asked")
    of_before = "voice:" + name.casefold()
    connection.execute(
        "update ingest.tombstone set key = encode(sha256(%s::bytea), 'hex')", [of_before.encode()]
    )
    for form in ("NFC", "NFD"):
        assert forgotten(connection, TombstoneKind.VOICE, [normalize(form, NAME)])
    assert key_of(TombstoneKind.RECORDING, name) != key_of(TombstoneKind.RECORDING, NAME), "an id is no name"
