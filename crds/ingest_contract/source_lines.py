"""One line of a list of sources: an address, or a JSON object that says what is known about its recording.
Pure; the same line means the same in a ConfigMap, a Secret, a file and behind an address.

`{"url": "https://...", "title": "...", "language": "de", "speakers": 2, "publishedAt": "2025-01-31"}`. A line
that cannot be read becomes a source with a `fault`, which a plan counts and names, so that it takes no other
with it.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError

from ingest_contract.base import ContractModel, Timestamp
from ingest_contract.batch_sources import SourceUrl
from ingest_contract.foreign import ForeignLine
from ingest_contract.languages import code_of, first_part
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.selection import Language
from ingest_contract.text import said

MANIFEST_ENDINGS: Final = (".jsonl", ".ndjson")
"""How the names of lists end whose every line is a JSON object."""


_LINE_END: Final = re.compile(r"\r\n|\r|\n")


def _moment(value: object) -> object:
    """A day or a time with any offset, as the contract writes times."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    moment = datetime.fromisoformat(value.strip())  # a ValueError is the field's mistake
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        moment = aware.astimezone(UTC)
    except OverflowError:  # its offset leads out of the calendar, and it is the field's mistake too
        raise ValueError("not between the years 1 and 9999 in UTC") from None
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _language(value: object) -> object:
    """The code of whatever tag names a language (`en-US`, `EN`, `eng`); none where it names none (`und`)."""
    if not isinstance(value, str):
        return value
    tag = value.strip()
    if not tag:
        return None
    return code_of(tag) if first_part(tag) else value


def _title(value: object) -> object:
    return "" if value is None else value  # programs write null for what they do not know


def _count(value: object) -> object:
    if value is None or isinstance(value, dict):
        return value
    if isinstance(value, float) and value.is_integer():  # as tables write numbers in a column with gaps
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("neither a whole number nor an object with min and max")  # noqa: TRY004 -- a mistake of the line
    return {"min": value, "max": value}


class ManifestLine(ContractModel):
    """What a JSON line says."""

    url: SourceUrl
    title: Annotated[ForeignLine, BeforeValidator(_title)] = ""
    language: Annotated[Language | None, BeforeValidator(_language)] = None
    speakers: Annotated[SpeakerCount | None, BeforeValidator(_count)] = None
    published_at: Annotated[Timestamp | None, BeforeValidator(_moment)] = Field(default=None)


def text_of(content: bytes) -> str:
    """The text of a list in a file: UTF-8, or UTF-16 or UTF-32 if that is how it begins, as the shell of
    Windows writes. What is no text becomes U+FFFD."""
    return content.decode(json.detect_encoding(content), errors="replace")


def lines_that_count(text: str) -> Iterator[tuple[int, str]]:
    """(number, content) of each line that is neither empty nor begins with `#`."""
    # Lines end as in files, not at every separator of Unicode: JSON may hold those in a text.
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        content = line.strip()
        if content and not content.startswith("#"):
            yield number, content


def manifest_line(content: str, speakers: SpeakerCount, where: str) -> PlannedSource:
    """The source that a JSON line names, or one with a fault.

    Args:
        content: The line.
        speakers: How many people speak, if the line does not say.
        where: What the line is called: `urls.jsonl of backlog, line 3`.
    """
    try:
        found = ManifestLine.model_validate(_object(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"]))
        return faulty(where, f"{field}: {first['msg']}")
    except ValueError as error:
        return faulty(where, str(error))
    return PlannedSource(
        url=found.url,
        speakers=found.speakers or speakers,
        title=found.title,
        language=found.language,
        published_at=found.published_at,
        of_line=True,
    )


def faulty(where: str, why: str) -> PlannedSource:
    """A line that cannot be read, as a source that says so."""
    return PlannedSource(url=where[:_WHERE_CHARACTERS], fault=said(f"{where}: {why}"))


_WHERE_CHARACTERS: Final = 200


def _object(content: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("not a JSON object") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 -- one mistake of a line like the others
    return found
