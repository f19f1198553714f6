"""A list of addresses, one per line, as sources of a plan. Pure; the same list means the same in a cluster and on a workstation."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import ValidationError

from ingest_contract.batch import Source
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.text import said

MAX_PLANNED: Final = 1000
"""Addresses that one plan order takes."""

_SHOWN: Final = 60
"""Characters of a line that are worth reading."""


class SourceError(ValueError):
    """A source of a batch cannot be planned as it is written; the message names the field and says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(said(message))  # it may quote a line of somebody's list, with a password in its address


def listed_sources(text: str, speakers: SpeakerCount, where: str) -> tuple[PlannedSource, ...]:
    """The addresses of a list. Empty lines and lines that begin with `#` are left out. Raises `SourceError`, naming the line."""
    return tuple(PlannedSource(url=_address(line, f"{where}, line {number}"), speakers=speakers) for number, line in _lines(text))


def fit_for_one_plan(sources: Sequence[PlannedSource]) -> tuple[PlannedSource, ...]:
    """The sources, if a plan order can take them. Raises `SourceError`."""
    if not sources:
        raise SourceError("spec.sources: the lists hold no address; every line is empty or begins with #")
    if len(sources) > MAX_PLANNED:
        raise SourceError(
            f"spec.sources: {len(sources)} addresses are not planned yet, and one plan takes {MAX_PLANNED}: "
            "list fewer, and add the others as a further source when these are planned"
        )
    return tuple(sources)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, content) of the lines that count."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):  # some editors begin a file with a mark
        content = line.strip()
        if content and not content.startswith("#"):
            yield number, content


def _address(line: str, where: str) -> str:
    """The line, if it is what a source's `url` may be: one rule for both."""
    try:
        Source(url=line)
    except ValidationError:
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
        raise SourceError(f"{where}: not an address (http://, https:// or file://, at most 2048 characters): {shown!r}") from None
    return line
