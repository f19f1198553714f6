"""Addresses that stay in a Secret: how they are referred to. Pure."""

from typing import Final
from urllib.parse import quote, unquote

SECRET: Final = "secret://"  # noqa: S105 -- a scheme
"""How an address begins that stands in a file with secret addresses, one per line: `secret://` and the file's
path is the whole list, and `secret://<path>#<reference>` a recording of one of its lines. Nothing but the
worker that fetches opens it."""


def secret_address(path: str) -> str:
    """The address of a file with secret addresses, by its absolute path."""
    return SECRET + quote(path)


def secret_path(url: str) -> str | None:
    """The path of the file in which a secret address stands; None for any other address."""
    return unquote(url.removeprefix(SECRET).partition("#")[0]) if url.startswith(SECRET) else None
