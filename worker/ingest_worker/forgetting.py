"""A Forget, Retain or Rename order from beginning to end: what it names, or what is too old, goes from the
store, and a tombstone keeps it from coming back; a renamed voice has one name everywhere.

Called by `process`. Needs no model and no GPU. What is not there any more is forgotten: a repeated order
succeeds and reports nothing.
"""

import contextlib
from collections import Counter

from ingest_contract.voice_orders import ForgetOrder, Forgotten, RenameOrder, RetainOrder
from ingest_contract.voice_report import ForgetReport
from ingest_worker.session import Session
from ingest_worker.store import enrolment
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import name
from ingest_worker.store.forgetting import (
    Gone,
    forget_channel,
    forget_expired,
    forget_recordings,
    forget_voice,
    sweep,
)
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
        if order.formerly is not None:
            former = _gone(connection, order.model_copy(update={"key": order.formerly}))
            gone = Gone(dict(Counter(gone.rows) + Counter(former.rows)), gone.recordings)
        sweep(connection)
    session.forgotten = ForgetReport(rows=dict(gone.rows))


def rename(order: RenameOrder, dsn: str, session: Session) -> None:
    """Carry out the order. What people have decided about the old name holds for the new one; a voice that
    has the new name already is the same person.

    A name that another namespace has enrolled, too, may be another person's: there, and in transcripts, it
    stays until recordings are identified again.

    Raises:
        StageError: the store does not answer, or its role may not decide; `VOICE_UNUSABLE` where this
            has enrolled somebody else under the new name.
    """
    by = Signed(order.who, "its displayName was changed")
    with connect(dsn, application="rename") as connection:
        check(connection)
        session.control.check()
        with connection.transaction():
            moved = enrolment.rename(connection, order.namespace, order.formerly, order.voice)
            if not moved or enrolment.is_enrolled_elsewhere(connection, order.namespace, order.formerly):
                return
            with contextlib.suppress(VoiceError):  # nobody was ever called so
                name(connection, voice_of(order.formerly), voice_of(order.voice), by)


def retain(order: RetainOrder, dsn: str, session: Session) -> None:
    """Carry out the order. What is gone already is in the session, however this ends.

    Raises:
        StageError: the store does not answer, or its role may not forget.
    """
    rows, recordings = Counter[str](), 0
    session.forgotten = ForgetReport()
    with connect(dsn, application="retention") as connection:
        check(connection)
        for gone in forget_expired(connection, order.profile, order.days, order.batches):
            rows.update(gone.rows)
            recordings += len(gone.recordings)
            session.forgotten = ForgetReport(rows=dict(rows), recordings=recordings)
            session.control.check()
        if recordings:
            sweep(connection)


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
    if enrolment.is_enrolled_elsewhere(connection, order.namespace, order.key):
        return Gone({"enrolment": enrolment.withdraw(connection, order.namespace, order.key)})
    with contextlib.suppress(VoiceError):  # nobody was ever called so
        return forget_voice(connection, voice_of(order.key), Passages.KEEP, by)
    return Gone()
