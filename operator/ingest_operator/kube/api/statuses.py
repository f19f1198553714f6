"""Writes a status; the errors for a status that this version cannot read or write."""

from collections.abc import Callable
from math import inf
from typing import Any, Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.lenient import Reading
from ingest_operator.kube.api.resources import Object, Resource
from ingest_operator.kube.api.unreadable import UnreadableError, definitions_differ

_PRECONDITION: Final = ("name", "namespace", "uid", "resourceVersion")


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


async def stalled(
    api: Api, resource: Resource, thing: Object, marked: Callable[[Object], Object | None]
) -> Object | None:
    """The object with the blocker that `marked` puts into its status (`with_stalled`), and all else in it as
    it was; None where the status says so already. Raises `ApiError`.

    Where the definition was replaced since the object was read, only what the new one keeps can be written
    back: it is read again.
    """
    status = marked(thing)
    if status is None:
        return None
    try:
        return await api.replace_status(resource, body_of(resource, thing, status))
    except RefusedError as error:
        if error.cause is not RefusalCause.INVALID:
            raise
    known = await api.get(resource, thing["metadata"]["namespace"], thing["metadata"]["name"])
    status = marked(known)
    return None if status is None else await api.replace_status(resource, body_of(resource, known, status))


def body_of(resource: Resource, thing: Object, status: Object) -> Object:
    """The body that replaces the status of the version that was read: if there is a newer one, the API server
    refuses it as a conflict."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {field: thing["metadata"][field] for field in _PRECONDITION},
        "spec": thing["spec"],
        "status": status,
    }


async def replaced(api: Api, resource: Resource, body: Object) -> Object:
    """An object with its status replaced. Raises `UnwritableStatusError` and `ApiError`."""
    try:
        return await api.replace_status(resource, body)
    except RefusedError as error:
        if error.cause is not RefusalCause.INVALID:
            raise
        raise UnwritableStatusError(error) from error
