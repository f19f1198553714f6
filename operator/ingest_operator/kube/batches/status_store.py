"""A batch's status in the API: read from the newest known version, written with that version as the
precondition.

It never reads an older status than its own last accepted write, so a lagging watch cannot hide a Job that the
operator has already created.
"""

import json
import time
from collections.abc import Callable, Sequence

from ingest_contract.notifications import Notification
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ConflictError, RefusalCause, RefusedError
from ingest_operator.kube.api.lenient import Reading, reading
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.resources import BATCHES, Object
from ingest_operator.kube.api.statuses import UnreadableStatusError, body_of, replaced, stalled
from ingest_operator.kube.api.unreadable import with_stalled
from ingest_operator.kube.batches.status_notifications import (
    recorded,
    with_notifications,
    with_transitions,
    without_notifications,
)
from ingest_operator.kube.watch.cache import version_of


class KubeStatusStore:
    """Keeps the status of one batch."""

    def __init__(
        self, api: Api, batch: Object, *, notifies: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        """`notifies` is whether transitions are told to somebody: then each is recorded by the write that
        makes it, with the time that `clock` says (epoch seconds)."""
        self._api, self._batch, self._notifies, self._clock = api, batch, notifies, clock
        self._found: Reading[IngestBatchStatus] | None = None
        self._parsed = -1

    @property
    def batch(self) -> Object:
        """The newest version of the batch."""
        return self._batch

    def offer(self, batch: Object) -> None:
        """Take a version of the batch if it is newer."""
        if version_of(batch) > version_of(self._batch):
            self._batch = batch

    def read(self) -> IngestBatchStatus | None:
        """The newest accepted status. Raises `UnreadableStatusError`.

        One that lacks fields, because definitions of another version dropped them, counts for what it still
        says: nothing else of it can come back.

        Of a status that was written for another batch, and restored with this one by a backup, only the trace
        id is kept: its recordings were never processed for this batch, and its plan does not exist.
        """
        return _valid(self._batch, self._reading())

    def shown(self) -> IngestBatchStatus | None:
        """What can be read of the newest status, for callers that only report it."""
        found = self._reading()
        return found.value if found else None

    async def report(self, blocker: Blocker, now: float) -> bool:
        """Report why nothing goes on, and leave everything else in the status as it is, readable or not.
        Returns whether that was new. Raises `ApiError`.

        Definitions that do not know notifications refuse the record of them: then it is shown, and told to
        nobody.
        """

        def plain(batch: Object) -> Object | None:
            status = with_stalled(batch, blocker, now, has_state=True)
            return status if status is None or "notifications" in status else without_notifications(status)

        def marked(batch: Object) -> Object | None:
            return recorded(batch, plain(batch), now) if self._notifies else plain(batch)

        try:
            written = await stalled(self._api, BATCHES, self._batch, marked)
        except RefusedError as error:
            if not self._notifies or error.cause is not RefusalCause.INVALID:
                raise
            written = await stalled(self._api, BATCHES, self._batch, plain)
        if written is not None:
            self.offer(written)
        return written is not None

    def notifications(self) -> tuple[Notification, ...]:
        """What is to be updated, as far as the newest status can be read."""
        shown = self.shown()
        return shown.notifications if shown else ()

    async def notify(self, updated: Sequence[Notification], now: float) -> None:
        """Replace what is known of telling, and leave everything else in the status as it is, readable or
        not. Raises as `write` does."""
        status = with_notifications(self._batch.get("status") or {}, updated, now)
        try:
            written = await replaced(self._api, BATCHES, body_of(BATCHES, self._batch, status))
        except ConflictError:
            self.offer(await self._api.get(BATCHES, *_where(self._batch)))
            if self.notifications() != tuple(updated):
                raise
            return
        self.offer(written)

    async def write(self, status: IngestBatchStatus) -> int:
        """Replace the status that `read` returned; returns how many bytes the new one has.

        Raises `ConflictError` if another status has replaced it, and `UnwritableStatusError` if the cluster's
        definition lacks a field or value of it.
        """
        if self._notifies:
            status = with_transitions(status, self.read(), self._batch, self._clock())
        text = status.to_json()
        try:
            written = await replaced(self._api, BATCHES, body_of(BATCHES, self._batch, json.loads(text)))
        except ConflictError:
            written = await self._api.get(BATCHES, *_where(self._batch))
            if (
                written["metadata"]["uid"] != self._batch["metadata"]["uid"]
                or _valid(written, _found_in(written)) != status
            ):
                self.offer(written)
                raise
            # Our own write came first: its response was lost on the way, and the client sent it again.
        self.offer(written)
        return len(text)

    def _reading(self) -> Reading[IngestBatchStatus] | None:
        """The newest status as far as it can be read: each version is read once."""
        if self._parsed != (version := version_of(self._batch)):
            self._found, self._parsed = _found_in(self._batch), version
        return self._found


def _where(batch: Object) -> tuple[str, str]:
    return batch["metadata"]["namespace"], batch["metadata"]["name"]


def _found_in(batch: Object) -> Reading[IngestBatchStatus] | None:
    status = batch.get("status")
    return None if status is None else reading(IngestBatchStatus, status)


def _valid(batch: Object, found: Reading[IngestBatchStatus] | None) -> IngestBatchStatus | None:
    """The status of a batch, of which so much can be read, if it is its own and can be read."""
    if found is None:
        return None
    trace_id = found.value.trace_id if found.value else None
    if trace_id is not None and trace_id != trace_of(batch["metadata"]["uid"]):
        return IngestBatchStatus(trace_id=trace_id)
    if found.value is None or found.unknown:
        raise UnreadableStatusError("/".join(_where(batch)), found)
    return found.value
