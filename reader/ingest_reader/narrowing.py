"""What pages, the API and tools take to narrow an answer: the same words, the same bounds, and an empty value
means in all of them that it is not given, as an empty field of a form does."""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from ingest_reader.bounds import LATEST_SECONDS
from ingest_worker.store.reading.listed import State

MAX_TEXT_CHARACTERS: Final = 1_000
"""Of any parameter: longer than every id, name and question that the store accepts."""


def storable(text: str) -> str:
    """Text that Postgres accepts."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("has characters that no text may have (NUL, or half a surrogate pair)")
    return text


def _given(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


GIVEN: Final = BeforeValidator(_given)
"""Blank text is nothing: it would fit nothing, and whoever asked would be told that there is nothing."""

Maybe = Annotated[
    str | None,
    Field(max_length=MAX_TEXT_CHARACTERS),
    GIVEN,
    AfterValidator(lambda text: text and storable(text)),
]
Seconds = Annotated[float, Field(ge=0, le=LATEST_SECONDS, allow_inf_nan=False)]
"""A moment or a length."""
Moment = Annotated[Seconds | None, GIVEN]

Speaker = Annotated[Maybe, Field(description="Only what this speaker says: a name, or `unknown #7`.")]
SpeaksIn = Annotated[
    Maybe, Field(description="Only recordings in which this speaker speaks: a name, or `unknown #7`.")
]
InRecording = Annotated[Maybe, Field(description="Only in this recording: its id.")]
Title = Annotated[Maybe, Field(description="Only titles that contain this, in any case.")]
Name = Annotated[Maybe, Field(description="Only names that contain this, in any case.")]
Channel = Annotated[Maybe, Field(description="Only recordings of this channel, by its whole name.")]
Batch = Annotated[Maybe, Field(description="Only what this batch ingested, as `namespace/name`.")]
BatchOfAll = Annotated[
    Maybe, Field(description="Only what this batch ingested or left out, as `namespace/name`.")
]
Language = Annotated[Maybe, Field(description="Only recordings in this language: a code, as `en`.")]
Since = Annotated[
    date | None, GIVEN, Field(description="Published on this day or later, in UTC, as 2025-01-31.")
]
Until = Annotated[
    date | None, GIVEN, Field(description="Published on this day or earlier, in UTC, as 2025-01-31.")
]
Shortest = Annotated[
    Seconds | None, GIVEN, Field(description="Only recordings that last these seconds or longer.")
]
Longest = Annotated[
    Seconds | None, GIVEN, Field(description="Only recordings that last these seconds or less.")
]
InState = Annotated[
    State | None,
    GIVEN,
    Field(description="Transcribed, left out for good (`reason` says why), or not yet either."),
]
IsNamed = Annotated[
    bool | None, GIVEN, Field(description="true: people with names; false: voices without one.")
]
Cursor = Annotated[Maybe, Field(description="`next` of the page before; omit it for the first page.")]
