"""Cursors of lists: where the next page begins, as text that a client gives back unread. Pure."""

import base64
import binascii
import json
import math
import re
from typing import Final

MAX_CURSOR_CHARACTERS: Final = 1_000

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class CursorError(ValueError):
    """A cursor that no list has given."""


def written(*values: object) -> str:
    """A cursor of the last row's sort keys: numbers, text, None."""
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, *kinds: type) -> tuple[object, ...]:
    """The keys of a cursor, each of one of `kinds` or None, by place. Raises `CursorError`."""
    if len(cursor) > MAX_CURSOR_CHARACTERS:
        raise CursorError("the cursor is longer than any that a list gives")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise CursorError("the cursor is not one that a list has given") from error
    fits = isinstance(found, list) and len(found) == len(kinds)
    if not fits or not all(_fits(value, kind) for value, kind in zip(found, kinds, strict=True)):
        raise CursorError("the cursor is of another list")
    return tuple(found)


def _fits(value: object, kind: type) -> bool:
    """Whether a list could have given it: JSON has numbers that no float holds, and text that Postgres
    refuses (NUL, half a surrogate pair)."""
    if value is None:
        return True
    if kind is float:
        return type(value) in {float, int} and abs(float(str(value))) < math.inf
    return type(value) is kind and not (isinstance(value, str) and _UNSTORABLE.search(value))
