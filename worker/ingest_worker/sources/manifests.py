"""Manifests: lists behind an address or in a file, with a JSON object on each line. Called by `resolve`.

The text comes from outside; what a line may say, `ingest_contract.source_lines` knows. A line that cannot be
read is a source with a fault, which the plan counts and names by its number.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource
from ingest_contract.source_lines import MANIFEST_ENDINGS, faulty, lines_that_count, manifest_line, text_of
from ingest_worker.errors import StageError, unreadable
from ingest_worker.planning import Candidate
from ingest_worker.sources.addresses import as_sent, id_of_url, shown

MOST_LINES: Final = 20_000
"""Lines of one manifest: as many as a list may have entries."""

_MOST_BYTES: Final = 32 << 20
"""Bytes of one manifest in a file: as many as one of a web server may have."""


def is_manifest(url: str) -> bool:
    """Whether an address names a manifest, judged by its file extension."""
    try:
        return urlsplit(url).path.lower().endswith(MANIFEST_ENDINGS)
    except ValueError:
        return False


def bytes_of(path: Path) -> bytes:
    """A manifest in a file. Raises `StageError`: `SOURCE_TOO_LARGE`, or why it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise unreadable(str(path), error) from error
    if len(content) > _MOST_BYTES:
        raise StageError(Reason.SOURCE_TOO_LARGE, f"a manifest has more than {_MOST_BYTES >> 20} MiB")
    return content


def listed(content: bytes, manifest: PlannedSource) -> Iterator[PlannedSource]:
    """The source on each line. Raises `StageError(SOURCE_UNSUPPORTED)` for more lines than a plan can
    hold."""
    name = shown(manifest.url).rpartition("/")[2]
    for count, (number, line) in enumerate(lines_that_count(text_of(content))):
        if count == MOST_LINES:
            raise StageError(
                Reason.SOURCE_UNSUPPORTED, f"{name} has more than {MOST_LINES} lines: make two of it"
            )
        where = f"{name}, line {number}"
        found = manifest_line(line, manifest.speakers, where)
        yield faulty(where, "a manifest names no other") if is_manifest(found.url) else found


def named(line: PlannedSource) -> Candidate:
    """The recording of a line that names a media file. Raises `NotAnAddressError`."""
    return Candidate(id_of_url(line.url), as_sent(line.url), speakers=line.speakers)


def with_facts(source: PlannedSource, found: Iterator[Candidate]) -> Iterator[Candidate]:
    """The recordings of a source with what a manifest says: the language of all of them, title and date of
    one alone."""
    if source.title or source.published_at:
        every = list(found)
        if len(every) == 1:
            title, day = source.title or every[0].title, source.published_at or every[0].published_at
            every = [replace(every[0], title=title, published_at=day)]
        found = iter(every)
    for candidate in found:
        language = source.language
        yield replace(candidate, language=language, named_language=language) if language else candidate
