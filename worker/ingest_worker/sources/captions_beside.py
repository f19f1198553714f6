"""Captions that lie beside a media file in a folder. Called by `fetcher` and `apart`; opens none of them."""

from dataclasses import replace
from pathlib import Path

from ingest_contract.captions import CaptionsProblem, CaptionsWish
from ingest_contract.profile import AllowedSources
from ingest_worker.captions.choosing import FORMATS, in_language
from ingest_worker.captions.values import CaptionFile, NoCaptions
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.sources import files


def with_those_beside(media: Media, wish: CaptionsWish | None, allow: AllowedSources) -> Media:
    """A file in a folder, with the captions that are wanted."""
    return media if wish is None else replace(media, captions=beside(media.path, wish, allow))


def beside(media: Path, wish: CaptionsWish, allow: AllowedSources) -> CaptionFile | NoCaptions:
    """The captions beside a media file: `talk.en.vtt` and `talk.en.srt` of `talk.mp4`; `talk.vtt` where the
    batch names the language. A link counts if it leads to an allowed folder."""
    found: dict[str, Path] = {}
    for path in _siblings(media):
        tag = path.stem[len(media.stem) :].lstrip(".")
        found.setdefault(tag, path)
    if not found:
        return NoCaptions(CaptionsProblem.NOT_OFFERED)
    if wish.language is None:
        return NoCaptions(CaptionsProblem.LANGUAGE_UNKNOWN, ", ".join(path.name for path in found.values()))
    named = in_language(found, wish.language) or ("" if "" in found else None)
    if named is None:
        return NoCaptions(CaptionsProblem.OTHER_LANGUAGE, ", ".join(path.name for path in found.values()))
    try:
        path = files.media_file(str(found[named]), allow)
    except StageError as error:
        return NoCaptions(CaptionsProblem.FETCH_FAILED, str(error))
    return CaptionFile(path, wish.language)


def _siblings(media: Path) -> list[Path]:
    """Captions of this file, the better format first. A folder that cannot be listed has none."""
    try:
        names = [path for path in media.parent.iterdir() if path.name.startswith(f"{media.stem}.")]
    except OSError:
        return []
    fitting = [
        path
        for path in names
        if path.suffix[1:].lower() in FORMATS and path.stem[len(media.stem) :].count(".") <= 1
    ]
    return sorted(fitting, key=lambda path: (FORMATS.index(path.suffix[1:].lower()), path.name))
