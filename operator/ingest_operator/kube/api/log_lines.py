"""The lines of a log that is still being written, out of an answer that comes in parts."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import ClientResponse

LOG_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a log that are read: more than a kubelet keeps by default, and no pod can fill our memory."""


async def lines_of(response: ClientResponse) -> AsyncIterator[str]:
    """The lines of an answer as they come; what is longer than any log that is read comes in parts."""
    rest = b""
    async for part in response.content.iter_any():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        if len(rest) > LOG_BYTES:
            yield rest.decode(errors="replace")
            rest = b""
    if rest:
        yield rest.decode(errors="replace")
