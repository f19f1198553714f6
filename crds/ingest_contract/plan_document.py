"""The plan document: which recordings a batch takes and which it leaves out, as a plan process prints it into
its log.

Made by the worker's planning, read by whoever started it. A log may be cut into lines, mixed with other lines
and end early, so the document travels as numbered frames, `plan/<n>/<of>:<base64>`, of zlib-compressed JSON
behind its own sha256. Must not know where recordings come from.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, ValidationError

from ingest_contract.base import ContractModel, Count
from ingest_contract.foreign import ForeignLine
from ingest_contract.order import Item
from ingest_contract.receipt import PlanSummary

MAX_ITEMS: Final = 10_000
"""Recordings of one batch."""

MAX_NAMED_ITEMS: Final = 1000
"""Left-out recordings that a plan names at most; the counts are always complete."""

FRAME_CHARACTERS: Final = 8_000
"""Base64 characters of one line: with its head below the 16 KiB at which container runtimes cut lines (CRI,
`P` and `F` tags)."""

MAX_BYTES: Final = 7 * 1024 * 1024
"""Size of a document before compression. Inflating stops with an error beyond it: an operator keeps the plans
of every batch that is not done. Framed, a document that does not compress at all takes 9.4 MiB, and a kubelet
keeps 10 MiB of a log (`containerLogMaxSize`)."""

MAX_ITEM_BYTES: Final = 6 * 1024 * 1024
"""Of that, the recordings: 10,000 of 629 bytes each, enough for a title of a hundred characters in any
script. Recordings beyond it are left out."""

MAX_NAMED_BYTES: Final = 512 * 1024
"""Of that, the left-out recordings that are named."""

_FRAME: Final = re.compile(r"plan/([1-9][0-9]{0,5})/([1-9][0-9]{0,5}):([A-Za-z0-9+/]*={0,2})\s*")
_SHA256_DIGITS: Final = 64


class SkipReason(StrEnum):
    """Why a recording that a source lists is not in the plan."""

    TOO_SHORT = "TooShort"
    """Shorter than the batch wants."""
    TOO_LONG = "TooLong"
    """Longer than the batch wants."""
    OUTSIDE_DATES = "OutsideDates"
    """Published before or after the days that the batch wants."""
    ALREADY_STORED = "AlreadyStored"
    """The store has it, and by `reprocess` that counts as done."""
    LIVE_OR_UPCOMING = "LiveOrUpcoming"
    """Live, upcoming, or the recording of a finished live stream that the batch did not ask for."""
    KIND_UNWANTED = "KindUnwanted"
    """A short, or a recording that is none, of a kind that the batch does not want."""
    TITLE_UNWANTED = "TitleUnwanted"
    """Its title is not one that the batch wants."""
    LANGUAGE_UNWANTED = "LanguageUnwanted"
    """Its source says another language than the batch wants."""
    DUPLICATE = "Duplicate"
    """Another source, or an earlier plan of the batch, has it."""
    OVER_LIMIT = "OverLimit"
    """The batch has as many recordings as it wants."""
    PLAN_FULL = "PlanFull"
    """The plan is as large as an operator keeps (6 MiB of recordings): put the others into another batch."""
    KNOWN_OUTCOME = "KnownOutcome"
    """It is known that there is nothing to ingest: the detail is the failure table's reason."""
    FORGOTTEN = "Forgotten"
    """It was forgotten when somebody asked for it, or its channel was (`ingestctl forget`)."""
    ENDING_UNKNOWN = "EndingUnknown"
    """A file in a folder whose name has no file extension of a media format;
    files are counted, and listed by extension."""
    UNREADABLE = "Unreadable"
    """A file, or a folder with all that is in it, that cannot be read: no permission, or a link that leads
    nowhere or out of the folders that the profile allows. Or a page of a feed, with all that is behind it; a
    line of a manifest: nothing is there, or the profile does not allow it; a tab that its channel does not
    have."""
    ADDRESS_TOO_LONG = "AddressTooLong"
    """Its address is longer than an order can carry (2,048 characters)."""
    ADDRESS_INVALID = "AddressInvalid"
    """Its address cannot be fetched: another scheme, or an impossible host or port."""


class Skipped(ContractModel):
    """One recording that was left out."""

    reason: SkipReason
    """Why."""

    id: ForeignLine
    """The id that it would have had."""

    title: ForeignLine = ""
    """Its title at the source."""

    detail: ForeignLine = ""
    """The value that decided, for people."""


class PlanDocument(ContractModel):
    """What a plan process found."""

    items: Annotated[tuple[Item, ...], Field(max_length=MAX_ITEMS)]
    """The recordings to ingest, in admission order."""

    skip_counts: dict[SkipReason, Count] = Field(default_factory=dict)
    """How many were left out, by reason: complete."""

    skipped: Annotated[tuple[Skipped, ...], Field(max_length=MAX_NAMED_ITEMS)] = ()
    """The first of them, one by one."""

    media_seconds: Count = 0
    """Sum of the recordings' announced lengths; unknown ones add nothing."""

    unknown_durations: Count = 0
    """Recordings of unknown length."""

    undated: Count = 0
    """Recordings of unknown publication date."""

    waiting: Annotated[tuple[Count, ...], Field(min_length=1, max_length=100)] | None = None
    """Entries of `spec.sources` of which nothing is planned here, because a person must mend something first:
    a Secret, a right, an address. They are planned apart, and that plan says what."""

    @property
    def sha256(self) -> str:
        """sha256 of the document before compression, 64 hex digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def summary(self) -> PlanSummary:
        """What the Receipt says about it; the reader of the log compares the two."""
        return PlanSummary(items=len(self.items), sha256=self.sha256)


class PlanFramesError(ValueError):
    """A log does not hold a whole plan. The plan has to be made again."""


def frames(document: PlanDocument) -> tuple[str, ...]:
    """The lines to print, without line ends: `plan/1/3:...`."""
    content = document.to_json().encode()
    body = hashlib.sha256(content).hexdigest().encode() + content
    text = base64.b64encode(zlib.compress(body, level=9)).decode()
    pieces = [text[start : start + FRAME_CHARACTERS] for start in range(0, len(text), FRAME_CHARACTERS)]
    return tuple(f"plan/{number}/{len(pieces)}:{piece}" for number, piece in enumerate(pieces, start=1))


def unframe(lines: Iterable[str]) -> PlanDocument:
    """The plan in a log; other lines between its frames are ignored.

    Raises:
        PlanFramesError: a frame is missing, contradicts another one or does not inflate, or the document is
            not what was written.
    """
    return _parsed(_inflated("".join(_pieces(lines))))


def _pieces(lines: Iterable[str]) -> list[str]:
    found: dict[int, str] = {}
    announced: set[int] = set()
    for line in lines:
        match = _FRAME.fullmatch(line)
        if match is None:
            continue
        number, total, piece = int(match[1]), int(match[2]), match[3]
        announced.add(total)
        if found.setdefault(number, piece) != piece:
            raise PlanFramesError(f"line {number} of the plan stands twice in the log and differs")
    if not announced:
        raise PlanFramesError("the log holds no plan")
    if len(announced) > 1:
        raise PlanFramesError(
            f"the log holds lines of plans of {' and '.join(map(str, sorted(announced)))} lines"
        )
    total = announced.pop()
    if found.keys() != set(range(1, total + 1)):
        raise PlanFramesError(f"the log holds {len(found)} of the plan's {total} lines")
    return [found[number] for number in range(1, total + 1)]


def _inflated(text: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise PlanFramesError(f"the plan does not inflate: {error}") from error
    if not inflater.eof:
        raise PlanFramesError(f"the plan is not complete, or larger than {MAX_BYTES} bytes")
    return body


def _parsed(body: bytes) -> PlanDocument:
    digest, content = body[:_SHA256_DIGITS], body[_SHA256_DIGITS:]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise PlanFramesError("the plan is not what was written: its sha256 differs")
    try:
        return PlanDocument.model_validate_json(content)
    except ValidationError as error:
        raise PlanFramesError(
            f"the plan comes from another version: {error.error_count()} fields are not understood"
        ) from error
