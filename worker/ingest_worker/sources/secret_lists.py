"""Addresses that stay in a file: a source that is such a file, and a recording that names one of its lines.

Called by `resolve` and `fetcher`, which run in the process that fetches, and by `apart`, which tells when the
file is missing. A recording found in the file is planned, stored and shown by a reference,
`secret://<file>#<the line's digest>.<its digest without credentials>`, and the run that fetches finds the
line again: a renewed signature or password changes the first digest only. Neither errors nor warnings quote a
line.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.secret_addresses import SECRET, secret_address, secret_path
from ingest_contract.source_lines import lines_that_count, manifest_line, text_of
from ingest_contract.text import without_credentials
from ingest_worker.errors import StageError
from ingest_worker.sources.addresses import NotAnAddressError, as_sent
from ingest_worker.sources.empty_lists import worded

MOST_LINES: Final = 1000
"""Addresses in one list, as in one plan."""

_MOST_BYTES: Final = 1 << 20
"""Bytes of one list: what a Secret holds."""

_DIGITS: Final = 16
_TELLING_CHARACTERS: Final = 6
"""Characters: shorter parts of an address are in every message (`feed`, `8080`)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One address of a list."""

    name: str
    """How it is called in messages: `line 3 of private-feeds/urls.txt`."""
    url: str
    """The address. Secret."""
    reference: str
    """What stands for it wherever it is stored or shown."""
    facts: PlannedSource | None = None
    """What a JSON object says about it; its `fault` says why it names no address."""


def is_secret(url: str) -> bool:
    """Whether an address is a list, or a line of one."""
    return url.startswith(SECRET)


def lines_of(url: str) -> list[Line]:
    """The lines of a list that count.

    Raises:
        StageError: `CREDENTIALS_INVALID` if the file is missing or has no address; `SOURCE_UNSUPPORTED` if it
            has too many.
    """
    path = Path(secret_path(url) or "/")
    name = f"{path.parent.name}/{path.name}"
    lines = list(_lines(path, name))
    if not lines:
        raise StageError(
            Reason.CREDENTIALS_INVALID, f"{name} has no address: every line is empty or begins with #"
        )
    if len(lines) > MOST_LINES:
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"{name} has more than {MOST_LINES} addresses: make two lists of it"
        )
    return lines


def line_of(url: str) -> Line:
    """The line that a reference means: the one that has not changed, or else the one that has been renewed.

    Raises:
        StageError: as `lines_of`; `NOT_FOUND` if no line or several lines may be meant.
    """
    whole, _, public = url.partition("#")[2].partition(".")
    lines = lines_of(url)
    for wanted in (
        [each for each in lines if _digest(each.url) == whole],
        [each for each in lines if _digest(without_credentials(each.url)) == public],
    ):
        if len({each.url for each in wanted}) == 1:
            return wanted[0]
    name = lines[0].name.partition(" of ")[2]
    raise StageError(
        Reason.NOT_FOUND, f"{name} no longer has the address that this recording was planned with"
    )


@contextmanager
def unquoted(line: Line) -> Iterator[None]:
    """Errors of the block do not quote the address, nor its parts."""
    try:
        yield
    except NotAnAddressError:
        raise _NoAddressError(line) from None
    except StageError as error:
        raise worded(error, f"{line.name}: {hidden(str(error), line.url)}") from None


def hidden(text: str, address: str) -> str:
    """The text without the address, and without the parts of it that let somebody in."""
    for part in sorted(_parts(address), key=len, reverse=True):
        text = text.replace(part, "***")
    return text


class _NoAddressError(NotAnAddressError):
    """As its base, without the line."""

    def __init__(self, line: Line) -> None:
        StageError.__init__(self, Reason.SOURCE_UNSUPPORTED, f"{line.name} is not an http or https address")


def _lines(path: Path, name: str) -> Iterator[Line]:
    try:
        with path.open("rb") as file:
            text = text_of(file.read(_MOST_BYTES))
    except OSError as error:
        raise StageError(
            Reason.CREDENTIALS_INVALID,
            f"{name} cannot be read ({error.strerror}): is there a Secret {path.parent.name} with the key "
            f"{path.name} in the batch's namespace?",
        ) from None
    for number, content in lines_that_count(text):
        called = f"line {number} of {name}"
        facts = manifest_line(content, SpeakerCount(), called) if content.startswith("{") else None
        url = content if facts is None else facts.url
        digests = f"{_digest(url)}.{_digest(without_credentials(url))}"
        yield Line(called, url, f"{secret_address(str(path))}#{digests}", facts)


def _parts(address: str) -> set[str]:
    """The address, and what of it may appear alone in a message."""
    forms = {address, without_credentials(address)}
    try:
        forms.add(as_sent(address))
        parts = urlsplit(address)
        user, password = parts.username, parts.password
    except (StageError, ValueError):
        return forms
    query = re.split("[&;=]", parts.query)
    short = {
        user or "",
        password or "",
        parts.query,
        parts.fragment,
        parts.path,
        *parts.path.split("/"),
        *query,
    }
    return forms | {
        form for each in short for form in (each, unquote(each)) if len(form) >= _TELLING_CHARACTERS
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
