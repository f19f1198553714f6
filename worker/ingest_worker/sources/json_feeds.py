"""JSON Feed, 1 and 1.1 (jsonfeed.org): a page as XML feeds give it. Called by `feeds`."""

import json
from collections.abc import Iterator
from datetime import datetime
from time import struct_time
from typing import Any

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

Attachment = tuple[str, str, float | None]
"""Address, type, seconds."""


def is_json_feed(head: bytes) -> bool:
    """Whether a page that begins like this is one."""
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return begins and b"jsonfeed.org/version/1" in head.replace(rb"\/", b"/")


def parsed(content: bytes) -> dict[str, Any]:
    """The document. Raises `StageError(SOURCE_UNSUPPORTED)` for one that cannot be read."""
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise StageError(Reason.SOURCE_UNSUPPORTED, f"the JSON Feed is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise StageError(Reason.SOURCE_UNSUPPORTED, "the JSON Feed is no JSON object")
    return found


def entries_of(feed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Its items, as far as they are any."""
    items = feed.get("items")
    yield from (each for each in items if isinstance(each, dict)) if isinstance(items, list) else ()


def attachments_of(item: dict[str, Any]) -> Iterator[Attachment]:
    """What is attached to an item."""
    found = item.get("attachments")
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict) and isinstance(each.get("url"), str):
            yield each["url"].strip(), str(each.get("mime_type") or ""), _seconds(each)


def _seconds(attachment: dict[str, Any]) -> float | None:
    said = attachment.get("duration_in_seconds")
    return said if isinstance(said, int | float) and said > 0 else None  # entries bound it


def published(item: dict[str, Any]) -> struct_time | None:
    """The date in UTC; None for no date, or one that no calendar has."""
    try:
        moment = datetime.fromisoformat(str(item.get("date_published")))
        return moment.utctimetuple() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
