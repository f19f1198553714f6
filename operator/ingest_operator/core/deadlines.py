"""How long a run may take, from the length of its media. Pure."""

from typing import Final, Literal

FLOOR_SECONDS: Final = 1800
"""Seconds for everything that does not grow with the media:
start, model loads, a slow download of a short recording."""

PER_MEDIA_SECOND: Final = {"cuda": 1.0, "cpu": 20.0}
"""Ten times the slowest real-time factor seen on such a device: the deadline ends runs that hang, it does not
police speed."""

UNKNOWN_LENGTH_SECONDS: Final = 4 * 3600
"""Media seconds to allow for where the source announces no length."""

FETCH_PER_MEDIA_SECOND: Final = 1.0
"""Seconds to allow a fetch for a second of media, beside the time that the profile allows its download: what
decoding takes a CPU, a hundred times over."""


def fetch_deadline_seconds(media_seconds: int | None, timeout_seconds: int) -> int:
    """Seconds from the start of the process after which a fetch is ended as `DeadlineExceeded`."""
    media = media_seconds or UNKNOWN_LENGTH_SECONDS
    return FLOOR_SECONDS + timeout_seconds + round(media * FETCH_PER_MEDIA_SECOND)


def deadline_seconds(media_seconds: int | None, device: Literal["cuda", "cpu"]) -> int:
    """Seconds from the start of the process after which a run is ended as `DeadlineExceeded`."""
    return FLOOR_SECONDS + round((media_seconds or UNKNOWN_LENGTH_SECONDS) * PER_MEDIA_SECOND[device])
