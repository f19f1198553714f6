"""yt-dlp's descriptions into candidates. Pure: dictionaries in, values out, so it is tested with real answers
of sites.

The id decides whether a recording is ingested twice, so it comes from the site if the site names its
recordings, and from the address if it does not: yt-dlp's generic extractors use the file name as the id, and
every podcast has an `episode-1.mp3`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from yt_dlp.utils import unsmuggle_url

from ingest_contract.languages import code_of
from ingest_contract.order import PlannedSource
from ingest_contract.text import legible
from ingest_worker.planning import Candidate, Liveness
from ingest_worker.sources.addresses import as_sent, id_of_url, recording_id

_NAMELESS: Final = frozenset({"", "generic", "html5", "html5mediaembed"})
"""Extractors whose ids are file names."""

_LIVENESS: Final = {
    "is_upcoming": Liveness.UPCOMING,
    "is_live": Liveness.LIVE,
    "post_live": Liveness.LIVE,
    "was_live": Liveness.WAS_LIVE,
    "not_live": Liveness.NEVER,
}
"""Values of yt-dlp's `live_status`; `post_live` is over but not yet complete."""


def candidate_of(info: Mapping[str, Any], source: PlannedSource, *, alone: bool) -> Candidate:
    """The candidate for yt-dlp's description of a recording.

    Args:
        info: A whole description, or an entry as a list shows it.
        source: Where it was found.
        alone: Whether the source is this recording: then the source's own address is kept.

    Raises:
        NotAnAddressError: an entry without a valid address.
    """
    site = str(info.get("ie_key") or info.get("extractor_key") or "").lower()
    name = info.get("id")
    if site in _NAMELESS or not name:
        address = as_sent(source.url if alone else address_of(info))
        identity = id_of_url(address)
    else:
        address = as_sent(str(info.get("webpage_url") or address_of(info)))
        identity = recording_id(site, str(name))
    return Candidate(
        id=identity,
        url=address,
        title=title_of(info),
        duration_seconds=seconds_of(info.get("duration")),
        published_at=_published(info),
        channel=_channel(info),
        liveness=_LIVENESS.get(str(info.get("live_status"))),
        short=_short(info, address),
        language=language_of(info),
        speakers=source.speakers,
    )


def title_of(info: Mapping[str, Any]) -> str:
    """The source's title, as people may read it; empty if it has none."""
    return legible(str(info.get("title") or ""))


def seconds_of(duration: object) -> int | None:
    """A length in whole seconds, rounded; None if it is not a length."""
    if not isinstance(duration, int | float) or not 0 < duration < 100_000_000:  # noqa: PLR2004 -- `Seconds`; not so for NaN
        return None
    return max(1, round(duration))


def address_of(info: Mapping[str, Any]) -> str:
    """The address of an entry, without the parts that yt-dlp appends for its own use."""
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


def _short(info: Mapping[str, Any], address: str) -> bool:
    """Whether it is a short: yt-dlp says so of a recording's page (`media_type`), and a list by the address
    that it gives the recording."""
    return info.get("media_type") == "short" or "shorts" in urlsplit(address).path.split("/")


def language_of(info: Mapping[str, Any]) -> str | None:
    """The language of a recording, or the one of its formats with sound: the code of an IETF tag such as
    `en-US`. Of several, as of a dubbed recording, the one that yt-dlp prefers, which is the original's
    (`language_preference`); None if it prefers none."""
    formats = info.get("formats")
    heard = [
        each
        for each in (formats if isinstance(formats, list) else ())
        if isinstance(each, dict) and each.get("acodec") != "none" and each.get("language")
    ]
    best = max(map(_preference, heard), default=0)
    said = [each["language"] for each in heard if _preference(each) == best]
    codes = {code_of(str(tag)) for tag in said}  # an unknown one among others may be any
    return code_of(str(info.get("language") or "")) or (codes.pop() if len(codes) == 1 else None)


def _preference(form: Mapping[str, Any]) -> int:
    found = form.get("language_preference")
    return found if isinstance(found, int) else -1


def _published(info: Mapping[str, Any]) -> str | None:
    """When it was first shown, otherwise when it was uploaded, in the contract's time format."""
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
        return None  # not a day, or not one of the calendar


def _written(moment: datetime) -> str:
    """In the contract's time format; `strftime` omits the leading zeros of a year before 1000."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + "Z"
