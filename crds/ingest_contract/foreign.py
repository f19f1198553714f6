"""Text from outside, as a type of the contract. Pure."""

from typing import Annotated, Final

from pydantic import BeforeValidator, StringConstraints

from ingest_contract.text import legible

LINE_CHARACTERS: Final = 256
"""Characters of a line for people."""


def _line(text: object) -> object:
    """Cut, never refused: a site's text must not make the recording fail."""
    return legible(text)[:LINE_CHARACTERS] if isinstance(text, str) else text


ForeignLine = Annotated[str, BeforeValidator(_line), StringConstraints(max_length=LINE_CHARACTERS)]
"""A line for people that comes from outside:
made legible and cut to its length where it enters the contract."""
