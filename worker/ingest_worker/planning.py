"""Which recordings a batch takes: filter, drop what is stored, order, limit. Pure: no network, no store, no
clock.

Called by `sources.plan` with what the sources list and what the store has. Everything left out has a reason,
and reasons are counted. Missing information never decides: a recording of unknown length, date or liveness
stays in.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median_low
from typing import Final, TypeVar

from ingest_contract.base import ContractModel
from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlanOrder, SpeakerCount
from ingest_contract.plan_document import (
    MAX_ITEM_BYTES,
    MAX_NAMED_BYTES,
    MAX_NAMED_ITEMS,
    PlanDocument,
    Skipped,
    SkipReason,
)
from ingest_contract.selection import Include, Order, Reprocess, Select
from ingest_contract.text import without_credentials
from ingest_worker.wanted import by_date, by_kind, by_language, by_length, by_title, code_said

M = TypeVar("M", bound=ContractModel)

MAX_ADDRESS_CHARACTERS: Final = 2048
"""Characters: what `Location` in the contract allows."""

SHORT_SECONDS: Final = 60
"""Of a short of unknown length, for the order alone: YouTube's had a minute at most, three since 10/2024."""


class Liveness(StrEnum):
    """The state of a recording between announced and archived."""

    UPCOMING = "upcoming"
    LIVE = "live"
    WAS_LIVE = "was live"
    NEVER = "never live"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recording that a source lists."""

    id: str
    url: str
    title: str = ""
    duration_seconds: int | None = None
    """None if unknown."""
    published_at: str | None = None
    """`2026-01-31T12:00:00Z`; None if unknown."""
    channel: str | None = None
    liveness: Liveness | None = None
    """None if unknown."""
    short: bool = False
    """Whether its site calls it a short."""
    language: str | None = None
    """Of what is spoken, as its source says: an ISO 639 code such as `en`; None if unknown."""
    speakers: SpeakerCount = field(default_factory=SpeakerCount)
    outcome: Reason | None = None
    """Why there is nothing to ingest, if reading its page has shown that already:
    private, removed and the like."""
    unread: int = 0
    """Number of files in a folder, counted by this candidate, that no decoder reads; 0 for a recording."""
    fault: str = ""
    """Why its address cannot be fetched; empty if it can."""
    empty: Reason | None = None
    """Why a plan of this alone fails, if its site says that there is no such list."""
    reference: str = ""
    """What is planned and shown in place of its address, if that is secret."""
    unreadable: str = ""
    """Why a file, a whole folder, or a page of a feed, cannot be read; empty if it can."""
    named_language: str | None = None
    """The language that a manifest names, in which it is heard; None: as the batch says."""


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """What the store knows about a recording."""

    unchanged: bool
    """Whether the current models and parameters would produce the same."""
    outcome: Reason | None = None
    """Why there was nothing to ingest the last time; None if there is a transcript."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A candidate, and why it is left out."""

    candidate: Candidate
    reason: SkipReason
    detail: str = ""
    """The value that decided."""


def channel_key(channel: str) -> str:
    """What the store is asked about a channel; no recording has such an id."""
    return f"{CHANNEL}{channel}"


CHANNEL: Final = "channel:"
Rule = Callable[[Candidate], tuple[SkipReason, str] | None]
"""Says why a candidate is left out, or None."""


def plan(
    candidates: Sequence[Candidate], order: PlanOrder, stored: Mapping[str, StoredRecording]
) -> PlanDocument:
    """The plan for the candidates, given in the sources' order.

    Args:
        candidates: What the sources list; the same id may occur twice.
        order: What is wanted. `select.limit` applies to the whole batch: recordings of earlier plans
            (`first_index`) count.
        stored: What the store knows, by id; and of channels that were forgotten, by `channel_key`.

    Returns:
        A document that depends only on the arguments.
    """
    kept, left = sift(candidates, order, stored)
    ordered = _ordered(kept, order.select.order)
    room = max(0, order.select.limit - order.first_index)
    left += [LeftOut(each, SkipReason.OVER_LIMIT, f"limit {order.select.limit}") for each in ordered[room:]]
    items = _fitting(_item(each, order.first_index + place) for place, each in enumerate(ordered[:room]))
    taken, beyond = ordered[: len(items)], ordered[len(items) : room]
    left += [LeftOut(each, SkipReason.PLAN_FULL, f"{MAX_ITEM_BYTES} bytes") for each in beyond]
    counts: Counter[SkipReason] = Counter()
    for each in left:
        counts[each.reason] += each.candidate.unread or 1
    return PlanDocument(
        items=items,
        skip_counts={reason: counts[reason] for reason in SkipReason if counts[reason]},
        skipped=_named(left),
        media_seconds=sum(each.duration_seconds or 0 for each in taken),
        unknown_durations=sum(each.duration_seconds is None for each in taken),
        undated=sum(each.published_at is None for each in taken),
    )


def _fitting(items: Iterable[Item]) -> tuple[Item, ...]:
    """The first recordings, as many as fit a plan's bytes."""
    return tuple(_within(items, MAX_ITEM_BYTES))


def _named(left: Sequence[LeftOut]) -> tuple[Skipped, ...]:
    return tuple(_within(map(_skipped, left[:MAX_NAMED_ITEMS]), MAX_NAMED_BYTES))


def _within(models: Iterable[M], room: int) -> Iterator[M]:
    for model in models:
        room -= len(model.to_json().encode()) + len(",")
        if room < 0:
            return
        yield model


def sift(
    candidates: Iterable[Candidate], order: PlanOrder, stored: Mapping[str, StoredRecording]
) -> tuple[list[Candidate], list[LeftOut]]:
    """What stays in, and what is left out before sorting. Also used to find the candidates that are worth
    reading in detail."""
    rules = (
        _repeated(order.known),
        _unusable,
        _live(order.select),
        _wanted(order.select),
        _stored(order, stored),
    )
    kept: list[Candidate] = []
    left: list[LeftOut] = []
    for candidate in candidates:
        verdict = next((found for rule in rules if (found := rule(candidate)) is not None), None)
        if verdict is None:
            kept.append(candidate)
        else:
            left.append(LeftOut(candidate, *verdict))
    return kept, left


def _repeated(known: Iterable[str]) -> Rule:
    seen = dict.fromkeys(known, "")

    def rule(candidate: Candidate) -> tuple[SkipReason, str] | None:
        if candidate.id in seen:
            return SkipReason.DUPLICATE, seen[candidate.id]
        seen[candidate.id] = candidate.title
        return None

    return rule


def _unusable(candidate: Candidate) -> tuple[SkipReason, str] | None:
    if candidate.unread:
        return SkipReason.ENDING_UNKNOWN, candidate.title
    if candidate.unreadable:
        return SkipReason.UNREADABLE, candidate.unreadable
    if candidate.fault:
        return SkipReason.ADDRESS_INVALID, candidate.fault
    if candidate.outcome is not None:
        return SkipReason.KNOWN_OUTCOME, candidate.outcome.value
    if len(candidate.url) > MAX_ADDRESS_CHARACTERS:
        return SkipReason.ADDRESS_TOO_LONG, f"{len(candidate.url)} characters"
    return None


def _live(select: Select) -> Rule:
    unwanted = (
        {Liveness.UPCOMING, Liveness.LIVE}
        if Include.LIVE in select.include
        else set(Liveness) - {Liveness.NEVER}
    )
    return lambda candidate: (
        (SkipReason.LIVE_OR_UPCOMING, candidate.liveness.value)
        if candidate.liveness is not None and candidate.liveness in unwanted
        else None
    )


def _wanted(select: Select) -> Rule:
    of_title = by_title(select)
    return lambda each: (
        by_kind(select, short=each.short, stream=each.liveness not in (None, Liveness.NEVER))
        or of_title(each.title)
        or by_length(select, each.duration_seconds)
        or by_date(select, each.published_at)
        or by_language(select, each.language)
    )


def _stored(order: PlanOrder, stored: Mapping[str, StoredRecording]) -> Rule:
    def rule(candidate: Candidate) -> tuple[SkipReason, str] | None:
        recording = stored.get(candidate.id)
        for known in (recording, stored.get(channel_key(candidate.channel or ""))):
            if known is not None and known.outcome is Reason.FORGOTTEN:
                return SkipReason.FORGOTTEN, ""
        if recording is None or order.reprocess is Reprocess.ALWAYS:
            return None
        if order.reprocess is Reprocess.IF_PIPELINE_CHANGED and not recording.unchanged:
            return None
        return (
            (SkipReason.ALREADY_STORED, "")
            if recording.outcome is None
            else (SkipReason.KNOWN_OUTCOME, recording.outcome.value)
        )

    return rule


def _ordered(candidates: Sequence[Candidate], order: Order) -> list[Candidate]:
    """Candidates in admission order; sorting is stable, so ties keep the source's order.

    An unknown length sorts as the median of the known ones: either end would be a guess, and a wrong guess
    would start the longest recording last. That of a short is `SHORT_SECONDS`.
    """
    known = [each.duration_seconds for each in candidates if each.duration_seconds is not None]
    typical = median_low(known) if known else 0

    def length(candidate: Candidate) -> int:
        unknown = SHORT_SECONDS if candidate.short else typical
        return unknown if candidate.duration_seconds is None else candidate.duration_seconds

    lengths = {each.id: length(each) for each in candidates}
    match order:
        case Order.LONGEST_FIRST:
            return sorted(candidates, key=lambda each: -lengths[each.id])
        case Order.SHORTEST_FIRST:
            return sorted(candidates, key=lambda each: lengths[each.id])
        case Order.NEWEST_FIRST:
            return sorted(candidates, key=lambda each: each.published_at or "", reverse=True)
        case Order.SOURCE:
            return list(candidates)


def _item(candidate: Candidate, index: int) -> Item:
    return Item(
        index=index,
        id=candidate.id,
        url=candidate.reference or without_credentials(candidate.url),
        title=candidate.title,
        duration_seconds=candidate.duration_seconds,
        published_at=candidate.published_at,
        channel=candidate.channel,
        speakers=candidate.speakers,
        language=candidate.named_language,
        said_language=None if candidate.named_language else code_said(candidate.language),
    )


def _skipped(left: LeftOut) -> Skipped:
    candidate = left.candidate
    return Skipped(reason=left.reason, id=candidate.id, title=candidate.title, detail=left.detail)
