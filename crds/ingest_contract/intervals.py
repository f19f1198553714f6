"""Sets of recording indexes as short text: `0-3,7,9-12`. Complete at any size, and readable in `kubectl get
-o yaml`."""

import re
from collections.abc import Container, Iterable
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

MAX_CHARACTERS: Final = 60_000
"""Characters. The worst case of 10,000 recordings, every other one, takes 24,444."""

_PART: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


def encode(indexes: Iterable[int], *, across: Container[int] = ()) -> str:
    """`{0, 1, 2, 7}` becomes `0-2,7`; the empty set becomes the empty text. Intervals continue across the
    indexes in `across`, which mean nothing to the reader."""
    runs: list[list[int]] = []
    for index in sorted(set(indexes)):
        if runs and all(between in across for between in range(runs[-1][1] + 1, index)):
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def decode(text: str) -> frozenset[int]:
    """The set that `encode` wrote.
    Raises `ValueError` for anything else, including overlapping or unordered intervals."""
    found: set[int] = set()
    after = -1
    for part in text.split(",") if text else ():
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"not an interval: {part!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if first <= after or last < first:
            raise ValueError(f"intervals must ascend: {part!r}")
        found.update(range(first, last + 1))
        after = last
    return frozenset(found)


def ordered(text: str) -> str:
    """What people write, as `encode` would: `9-7,3,8` becomes `3,7-9`. The text must have the pattern. No
    interval is spelled out, so that thousands of wide ones cost no more than narrow ones."""
    bounds = (part.split("-") for part in text.split(",") if part)
    wanted = sorted((min(ends), max(ends)) for ends in (tuple(map(int, each)) for each in bounds))
    found: list[tuple[int, int]] = []
    for first, last in wanted:
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)


def _checked(text: str) -> str:
    decode(text)
    return text


_SHAPE: Final = StringConstraints(
    max_length=MAX_CHARACTERS, pattern=r"^([0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*)?$"
)

Intervals = Annotated[str, _SHAPE, AfterValidator(_checked)]
"""A set of recording indexes, for example `0-3,7`."""

WrittenIntervals = Annotated[str, _SHAPE, AfterValidator(ordered)]
"""The same, as people write it: in any order. An API server checks no more than the pattern, and what it lets
in must be readable."""
