"""What somebody may have meant. Pure."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

SHOWN_NAMES: Final = 8
"""The most names that an error lists."""


def near_names(wanted: str, known: Sequence[str]) -> str:
    """The end of an error's sentence: names that are near, or those that there are."""
    if near := get_close_matches(wanted, known, 3):
        return f"; did you mean {' or '.join(near)}?"
    if not known:
        return "; there is none"
    more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
    return f"; there: {', '.join(known[:SHOWN_NAMES])}{more}"
