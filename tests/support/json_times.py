"""Times in what is printed for programs: text in UTC, as statuses have them, and never a number."""

import re
from collections.abc import Iterator
from typing import Any

NAMES = re.compile(r"(?:At|Time|Since|Until|Before)$|^(?:at|since|until)$|_at$")
"""Of what is a time, in a resource or beside it."""
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{3})?Z)?")
"""A moment, or a day."""
LIKE_ONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*")
FIRST_EPOCH_SECONDS = 1e9
"""In 2001: a fraction beyond it is a time, whatever it is called."""


def odd_times(value: Any, place: str = "") -> Iterator[str]:
    """Where a time has another form, in JSON values."""
    if isinstance(value, dict):
        for name, each in value.items():
            inside = f"{place}.{name}"
            if NAMES.search(name) and not isinstance(each, dict | list | None):
                if not (isinstance(each, str) and WRITTEN.fullmatch(each)):
                    yield f"{inside}: {each!r}"
            else:
                yield from odd_times(each, inside)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from odd_times(each, f"{place}[{number}]")
    elif isinstance(value, str):
        if LIKE_ONE.fullmatch(value) and not WRITTEN.fullmatch(value):
            yield f"{place}: {value!r}"
    elif isinstance(value, float) and value > FIRST_EPOCH_SECONDS:
        yield f"{place}: {value!r}"
