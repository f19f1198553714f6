"""A batch's status in the API: read from the newest version that is known, written with that version as the
precondition.

It never reads an older status than its own last accepted write, so a watch that lags cannot take an operator
back to a world in which a Job that it made does not exist yet.
"""

import json
from math import inf
from typing import Any, Final

from ingest_contract.names import API_VERSION, BATCH_KIND
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.blocker import Hindrance
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import Cause, ConflictError, RefusedError
from ingest_operator.kube.api.lenient import Reading, reading
from ingest_operator.kube.api.names import trace_of
from ingest_operator.kube.api.resources import BATCHES, Object, Resource
from ingest_operator.kube.api.unreadable import UnreadableError, definitions_differ, told
from ingest_operator.kube.watch.cache import version_of


class UnreadableStatusError(UnreadableError):
    """The status was written by another version of the operator. Nothing is started, or what it remembers
    would be lost."""

    def __init__(self, where: str, found: Reading[Any]) -> None:
        message = (
            f"The status of {where} comes from another version of the operator: {found.text}. Run one "
            "that knows it. Nothing starts."
        )
        super().__init__(Hindrance("StatusUnreadable", message, inf))


class UnwritableStatusError(UnreadableError):
    """The definition in the cluster is another version's and has no word for what the status says. Nothing
    that follows from it happens."""

    def __init__(self, error: RefusedError) -> None:
        super().__init__(definitions_differ(error))


async def replaced(api: Api, resource: Resource, body: Object) -> Object:
    """An object with its status replaced. Raises `UnwritableStatusError` and `ApiError`."""
    try:
        return await api.replace_status(resource, body)
    except RefusedError as error:
        if error.cause is not Cause.INVALID:
            raise
        raise UnwritableStatusError(error) from error


class StatusKeeper:
    """Keeps the status of one batch."""

    def __init__(self, api: Api, batch: Object) -> None:
        self._api, self._batch = api, batch
        self._status: IngestBatchStatus | None = None
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

        One that was written for another batch, and brought back with this one by a backup, tells nothing but
        whose it was: its recordings were never processed for this batch, and its plan is not there.
        """
        version = version_of(self._batch)
        if self._parsed != version:
            self._status, self._parsed = _parsed(self._batch), version
        return self._status

    def shown(self) -> IngestBatchStatus | None:
        """What can be read of the newest status, for those who only tell of it."""
        status = self._batch.get("status")
        return None if status is None else reading(IngestBatchStatus, status).value

    async def tell(self, hindrance: Hindrance, now: float) -> bool:
        """Say why nothing goes on, and leave everything else in the status as it is, readable or not. Whether
        that was news."""
        status = told(self._batch, hindrance, now, has_state=True)
        if status is None:
            return False
        self.offer(await self._api.replace_status(BATCHES, self._body(status)))
        return True

    def _body(self, status: Object) -> Object:
        metadata = _precondition(self._batch)
        return {
            "apiVersion": API_VERSION,
            "kind": BATCH_KIND,
            "metadata": metadata,
            "spec": self._batch["spec"],
            "status": status,
        }

    async def write(self, status: IngestBatchStatus) -> int:
        """Write a status over the one that `read` gave; how many bytes it has.

        Raises `ConflictError` when another has taken its place, and `UnwritableStatusError` where the cluster
        has no words for it.
        """
        text = status.to_json()
        try:
            written = await replaced(self._api, BATCHES, self._body(json.loads(text)))
        except ConflictError:
            written = await self._api.get(BATCHES, *_where(self._batch))
            if written["metadata"]["uid"] != self._batch["metadata"]["uid"] or _parsed(written) != status:
                self.offer(written)
                raise
            # It was our own write that came first: its answer was lost on the way and the client asked again.
        self.offer(written)
        return len(text)


_PRECONDITION: Final = ("name", "namespace", "uid", "resourceVersion")


def _precondition(batch: Object) -> Object:
    return {field: batch["metadata"][field] for field in _PRECONDITION}


def _where(batch: Object) -> tuple[str, str]:
    return batch["metadata"]["namespace"], batch["metadata"]["name"]


def _parsed(batch: Object) -> IngestBatchStatus | None:
    status = batch.get("status")
    if status is None:
        return None
    found = reading(IngestBatchStatus, status)
    told = found.value.trace_id if found.value else None
    if told is not None and told != trace_of(batch["metadata"]["uid"]):
        return IngestBatchStatus(trace_id=told)
    if found.value is None or found.mistakes:
        raise UnreadableStatusError("/".join(_where(batch)), found)
    return found.value
