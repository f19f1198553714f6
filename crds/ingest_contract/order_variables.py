"""How an order comes to its process: the environment variables, and the digest of an order."""

import hashlib
from typing import Final

ORDER_VARIABLE: Final = "INGEST_WORK_ORDER"
"""The environment variable that carries the order."""

ORDER_FILE_VARIABLE: Final = "INGEST_WORK_ORDER_FILE"
"""The environment variable that names a file with the order. Plan orders use it: they may be longer than a
variable can be."""

ORDER_DIGEST_VARIABLE: Final = "INGEST_WORK_ORDER_SHA256"
"""The environment variable with the digest of the order that the operator wrote, for where others may change
the order on its way: 32 hex digits of its sha256."""

FURTHER: Final = "_{}"
"""What follows the names of both variables for the second order of a Job with several recordings, with 1, and
so on."""

DSN_VARIABLE: Final = "INGEST_DSN"
"""The environment variable that carries the store's address (libpq DSN); it may hold a password, so it is not
in the order."""


def order_digest(text: str) -> str:
    """The value of `ORDER_DIGEST_VARIABLE` for an order's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
