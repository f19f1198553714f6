"""What who listens and who asks must see alike: which host is this machine's alone, what a token is, and how
a question is refused.

Called by `serving`, the retrievers and `ingestctl search`, whose start it must not slow down: imports no web
framework.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

SHORTEST_TOKEN_CHARACTERS: Final = 16

PROBLEM: Final = "application/problem+json"
"""The media type in which a reader says what it refuses (RFC 9457)."""


class TokenError(ValueError):
    """A file holds no token; the message says why, and what to do. It never quotes the file."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_in(file: Path) -> str:
    """The token that a file holds: one line of ASCII. Raises `TokenError`."""
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"{file} cannot be read: {error}") from error
    if len(token) < SHORTEST_TOKEN_CHARACTERS:
        raise TokenError(
            f"{file} has {len(token)} characters; a token has {SHORTEST_TOKEN_CHARACTERS} at least. "
            "Next: `openssl rand -hex 32`."
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError(f"{file} has more than a token in it: one line of ASCII, without spaces.")
    return token
