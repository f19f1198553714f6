"""Why a batch does not want a recording, by what its source says of it. Pure; called by `planning`. What is
not known never decides."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

from ingest_contract.languages import code_of
from ingest_contract.plan_document import SkipReason
from ingest_contract.selection import Exclude, Select
from ingest_contract.text import composed

Unwanted = tuple[SkipReason, str] | None
"""The reason and the value that decided; None for what is wanted."""


def by_kind(select: Select, *, short: bool, stream: bool) -> Unwanted:
    """Shorts and live streams are what their site calls so, and all others are regular."""
    kind = Exclude.SHORTS if short else Exclude.REGULAR
    taken = (stream and not short) or kind not in select.exclude
    return None if taken else (SkipReason.KIND_UNWANTED, kind.value)


def by_title(select: Select) -> Callable[[str], Unwanted]:
    """Judges titles by the patterns, in whatever case and normal form."""
    wanted, unwanted = _matching(select.titles), _matching(select.except_titles)

    def judged(title: str) -> Unwanted:
        taken = (not select.titles or wanted(title)) and not unwanted(title)
        return None if taken or not title else (SkipReason.TITLE_UNWANTED, title)

    return judged


def _matching(patterns: Sequence[str]) -> Callable[[str], bool]:
    compiled = [re.compile(translate(_in_any_case(pattern))) for pattern in patterns]
    return lambda title: any(pattern.match(_in_any_case(title)) for pattern in compiled)


def _in_any_case(text: str) -> str:
    # Once more: folding takes some letters apart (`ΐ`), and `?` is one character.
    return composed(composed(text).casefold())


def by_language(select: Select, language: str | None) -> Unwanted:
    """Another language than those that are named, whichever of its codes either side writes."""
    if not select.languages or not language or (code := code_of(language)) is None:
        return None
    if code in set(map(code_of, select.languages)):
        return None
    return SkipReason.LANGUAGE_UNWANTED, language


def by_length(select: Select, seconds: int | None) -> Unwanted:
    """Shorter or longer than wanted."""
    if seconds is None:
        return None
    if seconds < select.min_duration_seconds:
        return SkipReason.TOO_SHORT, f"{seconds} s"
    if select.max_duration_seconds is not None and seconds > select.max_duration_seconds:
        return SkipReason.TOO_LONG, f"{seconds} s"
    return None


def by_date(select: Select, published_at: str | None) -> Unwanted:
    """Outside the days; ISO dates sort as text."""
    after, before = select.published_after or "", select.published_before or "9999-99-99"
    day = (published_at or "")[:10]
    return None if not day or after <= day < before else (SkipReason.OUTSIDE_DATES, day)


def code_said(language: str | None) -> str | None:
    """The code of the language that a source says, if it says one."""
    return code_of(language) if language else None
