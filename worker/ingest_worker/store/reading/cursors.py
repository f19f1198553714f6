"""Cursors of lists: where the next page begins, as text that a client gives back unread. Pure."""

import base64
import binascii
import json

MAX_CURSOR_CHARACTERS = 1_000


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
    if not fits or not all(
        value is None or (type(value) in {kind, int} if kind is float else type(value) is kind)
        for value, kind in zip(found, kinds, strict=True)
    ):
        raise CursorError("the cursor is of another list")
    return tuple(found)
