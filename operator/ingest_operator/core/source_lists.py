"""A list of addresses or JSON objects, one per line, as sources of a plan. Pure; the same list means the same
in a cluster and on a workstation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ingest_contract.batch import Source
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.selection import StoreSource
from ingest_contract.source_lines import lines_that_count, manifest_line
from ingest_contract.text import said

MAX_ADDRESSES: Final = 1000
"""The most addresses in one plan order."""

MAX_CHARACTERS: Final = 400_000
"""The most characters of addresses in one plan order of several sources: in a cluster the order is in a
ConfigMap of one mebibyte, beside the ids of earlier plans."""

STORE_URL: Final = "store:"
"""What stands for an address where recordings are in the store."""

_SHOWN_CHARACTERS: Final = 60
"""Characters of a line that a message quotes."""


class SourceError(ValueError):
    """A source of a batch cannot be planned as it is written;
    the message names the field and says what to do."""

    def __init__(self, message: str) -> None:
        # it may quote a line of a user's list, with a password in its address
        super().__init__(said(message))


@dataclass(frozen=True, slots=True)
class Fitting:
    """The sources of a batch that one plan order takes."""

    sources: tuple[PlannedSource, ...]
    """Addresses; duplicates are among them only where there is room. None if no entry has any."""
    entries: tuple[int, ...]
    """The entries of `spec.sources` that are planned when this plan is frozen."""
    problems: tuple[SourceError, ...] = ()
    """Why other entries cannot be planned as they are written, or not yet."""


def parse_source_list(text: str, speakers: SpeakerCount, where: str) -> tuple[PlannedSource, ...]:
    """The sources of a list. Empty lines and lines that begin with `#` are ignored. Raises `SourceError` for
    a line that is no address, naming it; a JSON object that says no source is one with a fault."""
    return tuple(
        manifest_line(line, speakers, f"{where}, line {number}")
        if line.startswith("{")
        else PlannedSource(url=_address(line, f"{where}, line {number}"), speakers=speakers)
        for number, line in lines_that_count(text)
    )


def in_the_store(store: StoreSource) -> PlannedSource:
    """A source that is fetched from nowhere."""
    return PlannedSource(url=STORE_URL, store=store)


def fit_for_one_plan(
    groups: Mapping[int, Sequence[PlannedSource]], problems: Sequence[SourceError] = ()
) -> Fitting:
    """As many whole sources as one plan order takes, from the first on; the next plan takes the next ones.
    An entry that alone has more addresses than an order takes is among the problems.

    Args:
        groups: The addresses that entries of `spec.sources` stand for, by their numbers, in order.
        problems: Why there is no group of others.

    Raises:
        SourceError: no entry has any address, and there are no problems.
    """
    taken, entries, found = list[PlannedSource](), list[int](), list(problems)
    for number, group in groups.items():
        fresh = list(group) if _fits([*taken, *group]) else _without_doubles(group)
        if len(fresh) > MAX_ADDRESSES:
            said = (
                f"{len(fresh)} different addresses, and one plan takes {MAX_ADDRESSES}: "
                "make two sources of this list"
            )
            found.append(SourceError(f"spec.sources[{number}]: {said}"))
            continue
        if taken and not _fits([*taken, *fresh]):
            break
        taken += [each.model_copy(update={"entry": number}) for each in fresh]
        entries.append(number)
    if not taken and not found:
        raise SourceError("spec.sources: the lists hold no address; every line is empty or begins with #")
    return Fitting(tuple(taken), tuple(entries), tuple(found))


def _fits(sources: Sequence[PlannedSource]) -> bool:
    return len(sources) <= MAX_ADDRESSES and sum(map(_size, sources)) <= MAX_CHARACTERS


def _size(source: PlannedSource) -> int:
    """Characters of its address, and bytes of what may be in any script."""
    return len(source.url) + len(source.title.encode()) + len(source.fault.encode())


def _without_doubles(group: Sequence[PlannedSource]) -> list[PlannedSource]:
    """Drop what the plan would leave out as `Duplicate` anyway, before it is counted; of two equal addresses
    the first one counts. Those of another entry stay: the worker may leave out that entry, which is whole or
    not there."""
    fresh: dict[object, PlannedSource] = {}
    for source in group:
        fresh.setdefault((source.url, source.glob, source.store), source)
    return list(fresh.values())


def _address(line: str, where: str) -> str:
    """The line, if it is a valid `url` of a source: one rule for both."""
    try:
        Source(url=line)
    except ValidationError:
        shown = line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}..."
        raise SourceError(
            f"{where}: not an address (http://, https:// or file://, at most 2048 characters): {shown!r}"
        ) from None
    return line
