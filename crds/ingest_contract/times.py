"""A moment as text, in the one form that statuses, JSON and exports have. Pure."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, `2026-01-31T12:00:00Z`; fractions, if any, to milliseconds."""
    here = moment.astimezone(UTC)
    spec = "milliseconds" if here.microsecond >= 1_000 else "seconds"  # noqa: PLR2004  of a millisecond
    return here.isoformat(timespec=spec).replace("+00:00", "Z")
