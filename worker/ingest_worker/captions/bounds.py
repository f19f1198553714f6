"""How large a caption file, and one caption, may be. Pure."""

from typing import Final

MAX_BYTES: Final = 16 << 20
"""Bytes of a file. Twelve hours of automatic captions with the times of their words have four million."""

MAX_CUE_CHARACTERS: Final = 2000
"""Characters of one caption. A longer one has no time that means anything."""
