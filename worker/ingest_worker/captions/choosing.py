"""Which of a source's captions are taken: in the language that is spoken, people's before automatic ones.
Pure; called by `sources`, with what yt-dlp says of a recording or with the names of files.

A site's automatic captions in another language than the spoken one are translations, and yt-dlp lists a
hundred of those. YouTube marks the original: `en-orig`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest_contract.captions import CaptionsProblem, CaptionsWish
from ingest_contract.languages import code_of, first_part
from ingest_worker.captions.values import NoCaptions

FORMATS: Final = ("vtt", "srt")
"""By preference. SubRip has no rules about what may stand in a caption's text."""

Tracks = Mapping[str, Sequence[Mapping[str, Any]]]
"""Language tag to the same captions in several formats (yt-dlp's `subtitles` and `automatic_captions`)."""

_ORIGINAL: Final = "-orig"


@dataclass(frozen=True, slots=True)
class Track:
    """The captions that are taken."""

    language: str
    """ISO 639 code."""
    automatic: bool
    form: Mapping[str, Any]
    """Where they are and how they are written (yt-dlp's description)."""


def chosen(info: Mapping[str, Any], wish: CaptionsWish, spoken: str | None) -> Track | NoCaptions:
    """The captions of a recording.

    Args:
        info: yt-dlp's description.
        wish: Which are wanted.
        spoken: The language that the site names; the wish's own comes first.
    """
    written, automatic = _tracks(info.get("subtitles")), _tracks(info.get("automatic_captions"))
    if not written and not automatic:
        return NoCaptions(CaptionsProblem.NOT_OFFERED)
    originals = {first_part(tag) for tag in automatic if tag.endswith(_ORIGINAL)}
    said = wish.language or spoken or (next(iter(originals)) if len(originals) == 1 else None)
    if said is None:
        return NoCaptions(CaptionsProblem.LANGUAGE_UNKNOWN, f"there are captions in {_named(written)}")
    heard = (
        automatic if not originals or code_of(said) in {code_of(each) for each in originals if each} else {}
    )
    mine, theirs = in_language(written, said), in_language(heard, said)
    if mine is None and theirs is None:
        return NoCaptions(CaptionsProblem.OTHER_LANGUAGE, f"{said} is spoken; there are {_named(written)}")
    if mine is None and not wish.automatic:
        return NoCaptions(CaptionsProblem.ONLY_AUTOMATIC)
    tag = mine or theirs or ""
    form = _readable((written if mine else heard)[tag])
    if form is None:
        return NoCaptions(CaptionsProblem.UNKNOWN_FORMAT, f"those in {tag}")
    return Track(said, mine is None, form)


def in_language(tags: Iterable[str], language: str) -> str | None:
    """The tag of a language that says least beside it: `en` before `en-orig` before `en-GB`."""
    fitting = [tag for tag in tags if first_part(tag) and code_of(tag) == code_of(language)]
    return min(fitting, key=lambda tag: (tag != language, not tag.endswith(_ORIGINAL), tag), default=None)


def _tracks(said: object) -> dict[str, Sequence[Mapping[str, Any]]]:
    """What has captions at all: a site's live chat is listed as a language."""
    if not isinstance(said, dict):
        return {}
    return {str(tag): forms for tag, forms in said.items() if forms and first_part(str(tag))}


def _readable(forms: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The best of the formats that can be read: one file each, and not a playlist of pieces."""
    whole = [each for each in forms if str(each.get("protocol") or "http").startswith("http")]
    fitting = [each for each in whole if each.get("ext") in FORMATS and (each.get("url") or each.get("data"))]
    return min(fitting, key=lambda each: FORMATS.index(each["ext"]), default=None)


def _named(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)[:_SHOWN_NAMES]) or "none that a person wrote"


_SHOWN_NAMES: Final = 8
