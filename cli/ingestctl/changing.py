"""A change of a batch that is made of what the batch says: nobody's change in between is lost."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ingestctl.backends.port import Batches, ChangedError, Found

ATTEMPTS: Final = 10
"""The operator writes a status every few seconds, and each write is another version of the object."""


async def changed(
    batches: Batches, name: str, fields_of: Callable[[Found], Awaitable[Mapping[str, Any]]]
) -> tuple[Found, Mapping[str, Any]]:
    """The batch as it was before, and the fields that were set: none if `fields_of` found none to set.

    Where somebody changed it in between, it is read again and thought of anew. Raises `CommandError`.
    """
    for left in reversed(range(ATTEMPTS)):
        found = await batches.get(name)
        fields = await fields_of(found)
        try:
            if fields:
                await batches.change(found, fields)
        except ChangedError:
            if not left:
                raise
        else:
            return found, fields
    raise AssertionError("it returns or raises")
