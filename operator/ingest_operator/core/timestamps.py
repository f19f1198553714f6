"""Timestamps as text and as numbers: the API has RFC 3339 in UTC, the core counts seconds since the epoch.
Pure; reads no clock."""

from datetime import UTC, datetime

from ingest_contract.times import rfc3339


def to_rfc3339(moment: float) -> str:
    """Epoch seconds as `2026-01-31T12:00:00Z`; fractions, if any, to milliseconds."""
    return rfc3339(datetime.fromtimestamp(round(moment, 3), tz=UTC))


def from_rfc3339(text: str) -> float:
    """`2026-01-31T12:00:00Z` as epoch seconds."""
    return datetime.fromisoformat(text).timestamp()
