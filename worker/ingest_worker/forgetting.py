"""A Forget order from beginning to end: what it names goes from the store, and a tombstone keeps it from
coming back.

Called by `process`. Needs no model and no GPU. What is not there any more is forgotten: a repeated order
succeeds and reports nothing.
"""

import contextlib

from ingest_contract.voice_orders import ForgetOrder, Forgotten
from ingest_contract.voice_report import ForgetReport
from ingest_worker.session import Session
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.deciding import Signed
from ingest_worker.store.enrolment import is_enrolled_elsewhere, withdraw
from ingest_worker.store.forgetting import Gone, forget_channel, forget_recordings, forget_voice, sweep
from ingest_worker.store.forgotten_voice import Passages
from ingest_worker.store.schema import check
from ingest_worker.store.voice_names import VoiceError, voice_of


def forget(order: ForgetOrder, dsn: str, session: Session) -> None:
    """Carry out the order.

    Raises:
        StageError: the store does not answer, or its role may not forget.
    """
    with connect(dsn, application="forget") as connection:
        check(connection)
        gone = _gone(connection, order)
        sweep(connection)
    session.forgotten = ForgetReport(rows=dict(gone.rows))


def _gone(connection: Connection, order: ForgetOrder) -> Gone:
    by = Signed(order.who, order.why)
    match order.what:
        case Forgotten.RECORDING:
            return forget_recordings(connection, [order.key], by)
        case Forgotten.CHANNEL:
            return forget_channel(connection, order.key, by)
        case Forgotten.VOICE:
            return _voice_gone(connection, order, by)


def _voice_gone(connection: Connection, order: ForgetOrder, by: Signed) -> Gone:
    """A name that another namespace has enrolled, too, may be another person's: there it stays, and so do the
    names in transcripts, which do not say whose enrolment gave them."""
    if is_enrolled_elsewhere(connection, order.namespace, order.key):
        return Gone({"enrolment": withdraw(connection, order.namespace, order.key)})
    with contextlib.suppress(VoiceError):  # nobody was ever called so
        return forget_voice(connection, voice_of(order.key), Passages.KEEP, by)
    return Gone()
