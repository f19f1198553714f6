"""Writes a status; the errors for a status that this version cannot read or write."""

from math import inf
from typing import Any

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.lenient import Reading
from ingest_operator.kube.api.resources import Object, Resource
from ingest_operator.kube.api.unreadable import UnreadableError, definitions_differ


class UnreadableStatusError(UnreadableError):
    """The status was written by another version of the operator. Nothing is started, otherwise what it
    remembers would be lost."""

    def __init__(self, where: str, found: Reading[Any]) -> None:
        message = (
            f"The status of {where} comes from another version of the operator: {found.text}. "
            "Run one that knows it. Nothing starts."
        )
        super().__init__(Blocker("StatusUnreadable", message, inf))


class UnwritableStatusError(UnreadableError):
    """The definition in the cluster is of another version and lacks a field or value of the status. Nothing
    that follows from that status happens."""

    def __init__(self, error: RefusedError) -> None:
        super().__init__(definitions_differ(error))


async def replaced(api: Api, resource: Resource, body: Object) -> Object:
    """An object with its status replaced. Raises `UnwritableStatusError` and `ApiError`."""
    try:
        return await api.replace_status(resource, body)
    except RefusedError as error:
        if error.cause is not RefusalCause.INVALID:
            raise
        raise UnwritableStatusError(error) from error
