"""The recordings on every page of a feed. Called by `resolve`.

A page that cannot be read takes all that is behind it with it. What was read before is kept, and the plan
counts and names the page: the next plan reads it again.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from ingest_contract.failures import SITE_BREAKERS, Kind, Reason
from ingest_contract.order import PlannedSource
from ingest_contract.text import without_credentials
from ingest_worker.errors import StageError
from ingest_worker.planning import Candidate
from ingest_worker.sources.addresses import as_sent, canonical_url, id_of_entry, id_of_nothing
from ingest_worker.sources.feeds import MOST_PAGES, FeedPage, is_feed, read_page
from ingest_worker.sources.ytdlp import MOST_ENTRIES, Info, SiteSession

LOG = logging.getLogger("ingest_worker.sources")

_MOST_IDLE_PAGES: Final = 3
"""Pages behind `next` with nothing new, in a row, after which a feed has ended: a server that does not turn
pages names a next one on each. One page may repeat what came while we read, or have no recordings."""

Entries = Callable[[Info, PlannedSource], Iterator[Candidate]]
"""The recordings of a list in yt-dlp's terms."""


class FeedReader:
    """Reads feeds in one session."""

    def __init__(self, session: SiteSession, entries: Entries) -> None:
        self._session, self._entries = session, entries

    def page(self, url: str) -> FeedPage | None:
        """The page of a feed at an address; None if there is something else. Raises `StageError`."""
        return self._session.page(url, is_feed, read_page)

    def candidates(self, page: FeedPage, source: PlannedSource) -> Iterator[Candidate]:
        """The recordings of a feed, from its first page on. Raises `StageError`: a site slows us down."""
        seen, met, number, archive, idle = {canonical_url(source.url)}, set[str](), 1, False, 0
        while True:
            before = len(met)
            for name, candidate in list(self._on(page, source, met)):
                if len(met) == MOST_ENTRIES and name not in met:
                    yield _unread(page, number, f"a feed is read up to {MOST_ENTRIES} entries")
                    return
                met.add(name)
                yield candidate
            if page.broken:
                yield _unread(page, number, page.broken)
            idle = 0 if number == 1 or archive or len(met) > before else idle + 1
            if page.following is None:
                return
            if idle == _MOST_IDLE_PAGES:
                LOG.warning("%s names a next page on each, and the last %d bring nothing", page.title, idle)
                return
            number, archive = number + 1, page.archives
            try:
                address = as_sent(page.following)
                if canonical_url(address) in seen:
                    return
                seen.add(canonical_url(address))
                page = self._older(address, number)
            except StageError as error:
                if error.reason in SITE_BREAKERS:
                    raise
                yield _unread(page, number, str(error))
                return

    def _older(self, address: str, number: int) -> FeedPage:
        """A page with older entries, asked for twice if it must be. Raises `StageError`."""
        if number > MOST_PAGES:
            raise StageError(Reason.SOURCE_UNSUPPORTED, f"a feed is read up to page {MOST_PAGES}")
        try:
            found = self.page(address)
        except StageError as error:
            if error.reason in SITE_BREAKERS or error.failure.kind is Kind.INPUT:
                raise
            found = self.page(address)
        if found is None:
            raise StageError(Reason.SOURCE_UNSUPPORTED, "there is no feed")
        return found

    def _on(self, page: FeedPage, source: PlannedSource, met: set[str]) -> Iterator[tuple[str, Candidate]]:
        """The recordings of one page that no newer page had, each with what the feed knows it by.

        The store knows it by its address, as everywhere, unless that has a signature or a token in it, which
        may be another tomorrow: then by the feed's own id.
        """
        for entry in page.entries:
            for candidate in self._entries({"entries": [entry]}, source):
                guid = "" if candidate.fault else str(entry["guid"])
                signed = without_credentials(candidate.url) != candidate.url
                known = guid and signed and candidate.id.startswith("url:")
                if guid not in met:
                    identity = id_of_entry(source.url, guid) if known else candidate.id
                    yield guid or identity, replace(candidate, id=identity)


def _unread(page: FeedPage, number: int, why: str) -> Candidate:
    """A placeholder for what is on a page that cannot be read, and behind it."""
    name = f"page {number} of {page.title or 'the feed'}"
    return Candidate(id_of_nothing(f"{name}\n{why}"), "", name, unreadable=f"{name}: {why}")
