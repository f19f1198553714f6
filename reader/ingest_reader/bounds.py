"""Bounds that pages, the API and tools share."""

from typing import Final

LATEST_SECONDS: Final = 1e7
"""Of any moment and length: longer than every recording that is taken in."""

MOST_COMPARED_VOICES: Final = 50
"""Voices without a name that are compared with every named one for one answer (decision 0061)."""
