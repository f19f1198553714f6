"""Stretches of time: sorted, disjoint (start, end) pairs in seconds. Pure; called where people's decisions
are laid over what a run found."""

from collections.abc import Iterable, Sequence

Spans = tuple[tuple[float, float], ...]


def joined(pairs: Iterable[Sequence[float]]) -> Spans:
    """Any pairs, sorted, those that touch as one, those without a length left out."""
    found: list[tuple[float, float]] = []
    for start, end in sorted((float(a), float(b)) for a, b in pairs):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def flat(spans: Spans) -> list[float]:
    """start, end, start, end, ...: as the store keeps them."""
    return [time for span in spans for time in span]


def from_flat(times: Sequence[float]) -> Spans:
    """The inverse of `flat`."""
    return joined(zip(times[::2], times[1::2], strict=True))


def length(spans: Spans) -> float:
    """Seconds."""
    return sum(end - start for start, end in spans)


def common(one: Spans, other: Spans) -> Spans:
    """What lies in both."""
    found: list[tuple[float, float]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def without(one: Spans, other: Spans) -> Spans:
    """What lies in `one` alone."""
    found: list[tuple[float, float]] = []
    for start, end in one:
        at = start
        for left, right in common(((start, end),), other):
            if at < left:
                found.append((at, left))
            at = right
        if at < end:
            found.append((at, end))
    return tuple(found)


def share(one: Spans, other: Spans) -> float:
    """How much of `one` lies in `other`, 0 to 1."""
    whole = length(one)
    return length(common(one, other)) / whole if whole else 0.0
