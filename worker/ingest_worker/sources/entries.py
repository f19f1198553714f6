"""yt-dlp's descriptions into candidates. Pure: dictionaries in, values out, so it is tested with what sites
really say.

The id decides whether a recording is ingested twice, so it comes from the site where the site names its
recordings, and from the address where it does not: yt-dlp's generic extractors call a recording by its file
name, and every podcast has an `episode-1.mp3`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from yt_dlp.utils import unsmuggle_url

from ingest_contract.order import PlannedSource
from ingest_contract.text import legible
from ingest_worker.planning import Candidate, Liveness
from ingest_worker.sources.addresses import as_sent, id_of_url, id_of_video

_NAMELESS: Final = frozenset({"", "generic", "html5", "html5mediaembed"})
"""Extractors whose ids are file names."""

_LIVENESS: Final = {
    "is_upcoming": Liveness.UPCOMING,
    "is_live": Liveness.LIVE,
    "post_live": Liveness.LIVE,
    "was_live": Liveness.WAS_LIVE,
    "not_live": Liveness.NEVER,
}
"""yt-dlp's `live_status`; `post_live` is over and not yet whole."""


def candidate_of(info: Mapping[str, Any], source: PlannedSource, *, alone: bool) -> Candidate:
    """What yt-dlp says about a recording.

    Args:
        info: A whole description, or an entry as a list shows it.
        source: Where it was found.
        alone: Whether the source is this recording: then the source's own address is the one to keep.

    Raises:
        NotAnAddressError: an entry whose address is none.
    """
    site = str(info.get("ie_key") or info.get("extractor_key") or "").lower()
    name = info.get("id")
    if site in _NAMELESS or not name:
        address = as_sent(source.url if alone else address_of(info))
        identity = id_of_url(address)
    else:
        address = as_sent(str(info.get("webpage_url") or address_of(info)))
        identity = id_of_video(site, str(name))
    return Candidate(
        id=identity,
        url=address,
        title=title_of(info),
        duration_seconds=seconds_of(info.get("duration")),
        published_at=_published(info),
        channel=_channel(info),
        liveness=_LIVENESS.get(str(info.get("live_status"))),
        speakers=source.speakers,
    )


def title_of(info: Mapping[str, Any]) -> str:
    """What the source calls it, as people may read it; empty where it does not say."""
    return legible(str(info.get("title") or ""))


def seconds_of(duration: object) -> int | None:
    """A length in whole seconds, rounded; None for what is no length."""
    if not isinstance(duration, int | float) or not 0 < duration < 100_000_000:  # noqa: PLR2004 -- `Seconds`; not so for NaN
        return None
    return max(1, round(duration))


def address_of(info: Mapping[str, Any]) -> str:
    """Where an entry is, without what yt-dlp hangs onto addresses for itself."""
    address, _ = unsmuggle_url(str(info.get("manifest_url") or info.get("url") or ""))
    return str(address)


def _channel(info: Mapping[str, Any]) -> str | None:
    name = (
        info.get("channel")
        or info.get("uploader")
        or info.get("playlist_channel")
        or info.get("playlist_uploader")
    )
    return legible(str(name)) or None if name else None


def _published(info: Mapping[str, Any]) -> str | None:
    """When it was shown first, else when it was uploaded, as the contract writes moments."""
    for key in ("release_timestamp", "timestamp"):
        moment = info.get(key)
        if isinstance(moment, int | float):
            try:
                return _written(datetime.fromtimestamp(moment, UTC))
            except (OverflowError, OSError, ValueError):
                continue
    try:
        return _written(
            datetime.strptime(str(info.get("release_date") or info.get("upload_date")), "%Y%m%d").replace(
                tzinfo=UTC
            )
        )
    except ValueError:
        return None  # no day, or none of the calendar


def _written(moment: datetime) -> str:
    """As the contract writes moments; `strftime` leaves the zeros of a year before 1000 out."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + "Z"
