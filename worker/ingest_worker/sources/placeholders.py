"""Candidates in place of what cannot be planned, so that the plan counts and names it.

Called by `resolve` and `plan`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from ingest_contract.failures import Kind
from ingest_contract.text import legible
from ingest_worker.errors import StageError
from ingest_worker.planning import Candidate
from ingest_worker.sources.addresses import id_of_nothing
from ingest_worker.sources.empty_lists import EmptyListError


def unread_files(folder: PurePath, others: Counter[str]) -> Iterator[Candidate]:
    """Placeholders for the files of a folder that no decoder reads, one for each extension, so that the plan
    counts and names them."""
    for ending, count in sorted(others.items()):
        completed = f"{count} without an ending" if not ending else f"{count} .{ending}"
        yield Candidate(
            id_of_nothing(f"{folder}\n{ending}"), "", legible(f"{completed} in {folder.name}"), unread=count
        )


def unreadable_files(paths: Mapping[Path, str]) -> Iterator[Candidate]:
    """Placeholders for the files and folders that cannot be read, so that the plan counts and names them."""
    for path, why in paths.items():
        yield Candidate(id_of_nothing(str(path)), "", legible(path.name), unreadable=f"{path}: {why}")


def unusable(address: str, title: str, fault: str) -> Candidate:
    """A placeholder for an entry that cannot be fetched, so that the plan counts and names it."""
    return Candidate(id_of_nothing(address), "", title, fault=fault)


def unread_line(address: str, title: str, error: StageError) -> Candidate:
    """A placeholder for a line of a manifest, or a list, at which nothing can be read, so that the plan
    counts and names it. Raises the error if it is not about this one alone: a network or a site that fails
    takes all."""
    if error.failure.kind is not Kind.INPUT:
        raise error
    empty = error.reason if isinstance(error, EmptyListError) else None
    return Candidate(id_of_nothing(address), "", title, unreadable=str(error), empty=empty)
