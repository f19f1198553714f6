"""A Plan order from beginning to end: read the sources, ask the store what it has, print the plan as framed
lines.

Called by `__main__`. Standard output is for the plan only. Needs no GPU, and the models' locks only if the
order asks whether the current pipeline would produce the same.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_contract.order import PlanOrder
from ingest_contract.plan_document import PlanDocument, frames
from ingest_contract.selection import Reprocess
from ingest_contract.stages import Stage, stage_hash
from ingest_worker.details import Detail, Memory
from ingest_worker.hashes import for_language, hashes_of, identities_of
from ingest_worker.models import open_models
from ingest_worker.planning import CHANNEL, StoredRecording, channel_key
from ingest_worker.session import Session
from ingest_worker.store.addresses import keep as keep_addresses
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.details import recall, remember
from ingest_worker.store.reads import Stored, stored
from ingest_worker.store.schema import check
from ingest_worker.store.tombstones import TombstoneKind, forgotten
from ingest_worker.stored_plan import is_from_store, plan_from_store


def plan(order: PlanOrder, dsn: str, session: Session) -> None:
    """Carry out the order.

    Raises:
        StageError: a source cannot be read, or the store does not answer.
    """
    if is_from_store(order):
        _print(plan_from_store(order, dsn), session)
        return
    from ingest_worker.sources.apart import make_plan_apart

    today = pipelines_of(order)

    def known(languages: Mapping[str, str | None]) -> Mapping[str, StoredRecording]:
        with connect(dsn, application="plan") as connection:
            check(connection)
            found = stored(connection, [*languages])
            gone = _forgotten(connection, [*languages])
        return gone | {
            recording: known
            for recording, row in found.items()
            if recording not in gone
            and (known := stored_recording(row, today(languages[recording]))) is not None
        }

    def keep(addresses: Mapping[str, str]) -> None:
        with connect(dsn, application="plan") as connection:
            keep_addresses(connection, order.batch, addresses)

    memory = _InTheStore(dsn, order.batch)
    _print(make_plan_apart(order, known, keep, session.control.check, memory, session.met), session)


def _print(document: PlanDocument, session: Session) -> None:
    for line in frames(document):
        print(line)
    sys.stdout.flush()
    session.plan = document.summary


def _forgotten(connection: Connection, asked: Sequence[str]) -> dict[str, StoredRecording]:
    """Those recordings and channels that were forgotten."""
    recordings = [each for each in asked if not each.startswith(CHANNEL)]
    channels = [each.removeprefix(CHANNEL) for each in asked if each.startswith(CHANNEL)]
    found = [*forgotten(connection, TombstoneKind.RECORDING, recordings)]
    found += [channel_key(each) for each in forgotten(connection, TombstoneKind.CHANNEL, channels)]
    return {each: StoredRecording(unchanged=True, outcome=Reason.FORGOTTEN) for each in found}


class _InTheStore(Memory):
    """What recordings' pages said, kept in the store."""

    def __init__(self, dsn: str, batch: str) -> None:
        self._dsn, self._batch = dsn, batch

    @override
    def recall(self, ids: Sequence[str], /) -> Mapping[str, Detail]:
        with connect(self._dsn, application="plan") as connection:
            return recall(connection, self._batch, ids)

    @override
    def remember(self, details: Mapping[str, Detail], /) -> None:
        with connect(self._dsn, application="plan") as connection:
            remember(connection, self._batch, details)


def pipelines_of(order: PlanOrder) -> Callable[[str | None], frozenset[str]]:
    """For the language that a manifest names, the pipeline hashes that the current settings can give: one for
    each number of speakers that a source names."""
    if order.reprocess is not Reprocess.IF_PIPELINE_CHANGED:
        return lambda _: frozenset()
    decoded = stage_hash(Stage.DECODE, parameters={})  # of what a fetch has found to have no sound
    models = identities_of(order.settings, open_models(Path(order.place.models), order.settings.model_set))

    @cache
    def pipelines(language: str | None) -> frozenset[str]:
        settings = for_language(order.settings, language)
        found = {hashes_of(settings, source.speakers, models).pipeline for source in order.sources}
        return frozenset({*found, decoded})

    return pipelines


def stored_recording(row: Stored, today: frozenset[str]) -> StoredRecording | None:
    """What a plan needs to know about a recording; None if the store has only its description. A transcript
    outweighs a later failure."""
    if row.pipeline_hash is not None:
        return StoredRecording(unchanged=row.pipeline_hash in today)
    if row.reason is not None:
        return StoredRecording(unchanged=row.reason_pipeline_hash in today, outcome=row.reason)
    return None
