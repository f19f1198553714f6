"""Carries out a plan order: resolve the sources, ask the store, extract details where the selection needs
them, and plan.

Called by the worker's main for a plan order. The order of the steps saves requests: a recording that the
store has, or that its list's own entry rules out, is never extracted.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ingest_contract.failures import SITE_BREAKERS, Reason, Verdict
from ingest_contract.object_address import is_object
from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.plan_document import PlanDocument
from ingest_contract.selection import Order, Select
from ingest_worker.audio.probe import announced_lengths
from ingest_worker.details import Fact, Memory, Nothing
from ingest_worker.errors import StageError
from ingest_worker.paths import path_of
from ingest_worker.planning import Candidate, StoredRecording, channel_key, plan, sift
from ingest_worker.sources import files
from ingest_worker.sources.addresses import has_header
from ingest_worker.sources.entries import candidate_of, seconds_of
from ingest_worker.sources.guard import policy_of
from ingest_worker.sources.headers import announced_length
from ingest_worker.sources.left_out import leaving_out
from ingest_worker.sources.listed import listed
from ingest_worker.sources.notes import Notes, applied
from ingest_worker.sources.page_pace import PagePace
from ingest_worker.sources.resolve import NO_SITES, Resolver, completed
from ingest_worker.sources.sites import Sites
from ingest_worker.sources.ytdlp import Info

LOG = logging.getLogger("ingest_worker.sources")

Stored = Callable[[Mapping[str, str | None]], Mapping[str, StoredRecording]]
"""Queries the store: ids, each with the language that a manifest names, to what it knows about them; unknown
ids are left out."""


_NO_MEMORY: Final = Nothing()

Keep = Callable[[Mapping[str, str]], None]
"""Stores addresses with credentials for the runs that fetch from them: ids to addresses."""


def make_plan(
    order: PlanOrder,
    stored: Stored,
    keep: Keep,
    *,
    on_request: Callable[[], None] = lambda: None,
    memory: Memory = _NO_MEMORY,
    sites: Sites = NO_SITES,
) -> PlanDocument:
    """The plan.

    Args:
        order: What is wanted.
        stored: The store's answer; it may raise `StageError`.
        keep: Called before the plan is returned, if recordings have addresses with credentials; the plan
            shows those without.
        on_request: Called before every request, as a heartbeat.
        memory: What recordings' pages said to earlier plans, and keeps what they say to this one.
        sites: What sites want.

    Raises:
        StageError: a source that is a list cannot be read; a site slows us down; the store does not answer.
    """
    claims = {claim: Path(os.path.realpath(folder)) for claim, folder in order.claims.items()}
    resolver = Resolver(
        order.fetch,
        policy_of(order.fetch.allow),
        on_request,
        sites=sites,
        namespace=order.batch.partition("/")[0],
        claims=claims,
    )
    found, waiting = listed(resolver, order.sources)
    languages = {candidate.id: candidate.named_language for candidate in reversed(found)}
    channels = _channels(found)
    known = dict(stored(dict(sorted(languages.items())) | channels))
    kept, _ = sift(found, order, known)
    detailed = _Closer(resolver, order, Notes(memory)).extract(kept, memory)
    complete = [_more_of(candidate, detailed) for candidate in found]
    if learned := {key: None for key in _channels(complete) if key not in channels}:
        known |= stored(learned)
    document = leaving_out(plan(complete, order, known), waiting)
    # the first occurrence of a duplicate counts
    first = {candidate.id: candidate.url for candidate in reversed(found) if not candidate.reference}
    if secret := {
        item.id: first[item.id] for item in document.items if first.get(item.id, item.url) != item.url
    }:
        keep(secret)
    return document


def _channels(candidates: Sequence[Candidate]) -> dict[str, None]:
    """What the store is asked about these candidates' channels."""
    return {
        channel_key(channel): None for channel in sorted({each.channel or "" for each in candidates} - {""})
    }


def _more_of(candidate: Candidate, detailed: Mapping[str, Candidate]) -> Candidate:
    """The candidate with all that is known by now. A duplicate at another place, such as a second copy of a
    file, keeps its own name."""
    found = detailed.get(candidate.id, candidate)
    return found if found.url == candidate.url else candidate


_MOST_SLOW_PAGES: Final = 3
"""Pages of one host that may time out, before its other pages are skipped."""


_PROBED_FILES: Final = 1000
"""Files between two heartbeats: twenty seconds' work."""


class _Closer:
    """Finds lengths and dates that the sources did not give and the selection needs."""

    def __init__(self, resolver: Resolver, order: PlanOrder, notes: Notes) -> None:
        self._resolver, self._scratch, self._notes = resolver, Path(order.place.scratch), notes
        self._pace = PagePace(order.sites, resolver.on_request)
        self._length, self._date = _asks_for_length(order.select), _asks_for_date(order.select)
        self._language = bool(order.select.languages)
        self._filters_by_length = _filters_by_length(order.select)

    def extract(self, candidates: Sequence[Candidate], memory: Memory) -> dict[str, Candidate]:
        """By id, the candidates about which more is known now. Raises `StageError` when a site throttles us
        and dates decide; what was learned until then is kept."""
        found = dict(self._in_folders([each for each in candidates if files.is_local(each.url)]))
        found |= self._in_buckets([each for each in candidates if is_object(each.url)])
        lacking = [each for each in candidates if self._on_a_site(each) and self._lacks(each)]
        known = memory.recall([each.id for each in lacking]) if lacking else {}
        left = list[Candidate]()
        for each in lacking:
            detail = known.get(each.id)
            if detail is not None and set(self._lacks(each)) <= set(detail.asked):
                found[each.id] = applied(each, detail)
            else:
                left.append(each)
        try:
            return found | self._on_the_web(left)
        finally:
            self._notes.flush()

    @staticmethod
    def _on_a_site(candidate: Candidate) -> bool:
        return not files.is_local(candidate.url) and not is_object(candidate.url)

    def _on_the_web(self, candidates: Sequence[Candidate]) -> dict[str, Candidate]:
        found = dict[str, Candidate]()
        slowed: set[str | None] = set()
        slow: Counter[str | None] = Counter()
        for candidate in candidates:
            host = urlsplit(candidate.url).hostname
            if host in slowed:
                continue
            self._pace.wait(candidate)
            try:
                found[candidate.id] = self._from_the_web(candidate)
            except StageError as error:
                slow[host] += error.reason is Reason.TOO_SLOW
                if error.reason is Reason.TOO_SLOW and slow[host] < _MOST_SLOW_PAGES:
                    continue  # one page that does not end; the others may
                if self._date:  # with its dates unknown, everything would count as new
                    raise
                LOG.warning("%s slows us down, so lengths there stay unknown: %s", host, error)
                slowed.add(host)
        return found

    def _lacks(self, candidate: Candidate) -> list[Fact]:
        """What its page is to be asked for. Not for the length of a short, where it decides about nothing but
        the order; a media file says no language."""
        length = self._filters_by_length or (self._length and not candidate.short)
        language = self._language and not has_header(candidate.url)
        wanted = {
            Fact.LENGTH: length and candidate.duration_seconds is None,
            Fact.DATE: self._date and candidate.published_at is None,
            Fact.LANGUAGE: language and candidate.language is None,
        }
        return [fact for fact, lacks in wanted.items() if lacks]

    def _in_folders(self, candidates: Sequence[Candidate]) -> Iterator[tuple[str, Candidate]]:
        if self._length:
            for start in range(0, len(candidates), _PROBED_FILES):
                self._resolver.on_request()
                some = candidates[start : start + _PROBED_FILES]
                for candidate, seconds in zip(
                    some, announced_lengths([path_of(each.url) for each in some]), strict=True
                ):
                    yield candidate.id, replace(candidate, duration_seconds=seconds_of(seconds))

    def _in_buckets(self, candidates: Sequence[Candidate]) -> dict[str, Candidate]:
        if not self._length:
            return {}
        lengths = dict(self._resolver.buckets.lengths(candidates, self._scratch))
        return {
            each.id: replace(each, duration_seconds=seconds_of(lengths.get(each.id))) for each in candidates
        }

    def _from_the_web(self, candidate: Candidate) -> Candidate:
        """One extraction of a recording's own page. What it does not give stays unknown, and a recording that
        is private or the like is marked so.

        Raises `StageError` only when the site asks us to slow down, or is too slow itself.
        """
        session, asked = self._resolver.session, self._lacks(candidate)
        try:
            if not has_header(candidate.url) or (self._date and candidate.published_at is None):
                candidate = _completed(candidate, session.extract(candidate.url))
            if has_header(candidate.url) and self._length and candidate.duration_seconds is None:
                seconds = announced_length(
                    lambda offset, count: session.read(candidate.url, offset, count), self._scratch
                )
                candidate = replace(candidate, duration_seconds=seconds_of(seconds))
        except StageError as error:
            if error.reason in SITE_BREAKERS or error.reason is Reason.TOO_SLOW:
                raise
            if error.failure.verdict is not Verdict.SKIP:
                return candidate
            candidate = replace(candidate, outcome=error.reason)
        self._notes.add(candidate, asked)
        return candidate


def _completed(candidate: Candidate, info: Info) -> Candidate:
    """The candidate with what its own page adds to the list's entry; the list's values win."""
    full = completed(
        candidate_of(info, PlannedSource(url=candidate.url, speakers=candidate.speakers), alone=True), info
    )
    return replace(
        full,
        id=candidate.id,
        url=candidate.url,
        reference=candidate.reference,
        named_language=candidate.named_language,
        title=candidate.title or full.title,
        duration_seconds=candidate.duration_seconds or full.duration_seconds,
        published_at=candidate.published_at or full.published_at,
        liveness=full.liveness or candidate.liveness,
        short=full.short or candidate.short,
        language=candidate.language or full.language,
    )


def _asks_for_length(select: Select) -> bool:
    return select.order in (Order.LONGEST_FIRST, Order.SHORTEST_FIRST) or _filters_by_length(select)


def _filters_by_length(select: Select) -> bool:
    return select.min_duration_seconds > 0 or select.max_duration_seconds is not None


def _asks_for_date(select: Select) -> bool:
    return (
        select.order is Order.NEWEST_FIRST
        or select.published_after is not None
        or select.published_before is not None
    )
