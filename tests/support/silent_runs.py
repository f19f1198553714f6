"""Batches that run on this machine by the stand-in for the worker, and say nothing on the way."""

from pathlib import Path
from typing import Final

STAND_IN: Final = Path(__file__).parent / "stand_in"
"""For `PYTHONPATH`, before the worker of the tree."""


class Silent:
    """Watches a session without a word."""

    def said(self, text: str) -> None: ...

    def showed(self, status: object, items: object) -> None: ...
