"""Addresses of files on this machine, as paths."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit


def path_of(uri: str) -> Path:
    """The path in a `file:` address. Names are bytes:
    those that are not UTF-8 are returned unchanged (PEP 383)."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path.encode("utf-8", "surrogateescape"))))
