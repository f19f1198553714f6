"""What is at a batch's sources: recordings, with as much about each as the plan needs. Called by `plan`.

A recording whose address does not answer is still a recording: it becomes a candidate and fails in its own
run, where it is counted and told, and takes no other with it. A list that cannot be read fails the plan,
because nobody can say what is missing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from ingest_contract.failures import BREAKERS, Kind, Reason, Verdict
from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.text import legible
from ingest_worker.errors import StageError
from ingest_worker.planning import Candidate, Liveness
from ingest_worker.sources import contents, files, options
from ingest_worker.sources.addresses import (
    NotAnAddressError,
    as_sent,
    id_of_nothing,
    id_of_url,
    id_of_video,
    is_media_file,
    looks_like_media,
    shown,
)
from ingest_worker.sources.budget import Budget, for_a_look
from ingest_worker.sources.entries import address_of, candidate_of, title_of
from ingest_worker.sources.guard import Guard, Policy
from ingest_worker.sources.ytdlp import GENERIC, MOST_ENTRIES, Extractor, Info, Session

_DEPTH: Final = 2
"""Lists in lists that are opened: a channel, and its tabs."""

_LINKS: Final = ("url", "url_transparent")
"""Entries that are addresses yet; yt-dlp says of them whose list they are in, and not always who reads
them."""

_STABLE: Final = "Youtube"
"""The extractor whose addresses hold the very id that extraction gives."""


class Resolver:
    """Looks at sources under one policy."""

    def __init__(self, order: PlanOrder, policy: Policy, looked: Callable[[], None] = lambda: None) -> None:
        """`looked` is called before every look, and before every file."""
        self._fetch, self.looked = order.fetch, looked
        self._namespace = order.batch.partition("/")[0]
        self._claims: Mapping[str, Path] = {
            claim: Path(folder).resolve() for claim, folder in order.claims.items()
        }
        self.session = Session(Guard(policy), options.for_listing(MOST_ENTRIES), self._budget)

    def _budget(self) -> Budget:
        """Of the next look."""
        self.looked()
        return for_a_look(self._fetch)

    def candidates(self, source: PlannedSource) -> Iterator[Candidate]:
        """Every recording of a source, in its order.

        Raises:
            NotAnAddressError: the source's address is none.
            StageError: a list, page or folder that cannot be read, with the source's name in the message.
        """
        try:
            if files.is_local(source.url):
                yield from self._local(source)
            else:
                yield from self._remote(source.model_copy(update={"url": as_sent(source.url)}))
        except NotAnAddressError:
            raise
        except StageError as error:
            raise StageError(
                error.reason, f"{shown(source.url)}: {error}", retry_after_seconds=error.retry_after_seconds
            ) from error

    def _local(self, source: PlannedSource) -> Iterator[Candidate]:
        allow = self._fetch.allow
        try:
            place = files.located(source.url, allow)
        except StageError as error:
            path = files.resolved(source.url)
            if (
                error.reason is not Reason.NOT_FOUND
                or source.glob is not None
                or not is_media_file(path.name)
            ):
                raise
            found = [path]
        else:
            found, others = (
                files.files_in(place, source.glob, allow)
                if place.is_dir()
                else ([files.media_file(source.url, allow)], Counter())
            )
            yield from _unread_files(place, others)
        for path in found:
            self.looked()
            identity = contents.id_of(path, contents.scope_of(path, self._namespace, self._claims))
            yield Candidate(identity, path.as_uri(), legible(path.stem), speakers=source.speakers)

    def _remote(self, source: PlannedSource) -> Iterator[Candidate]:
        try:
            found = self.session.look(source.url)
        except StageError as error:
            yield self._unread(source, error)
            return
        if "entries" in found:
            yield from self._entries(found, source, _DEPTH)
        else:
            yield told(candidate_of(found, source, alone=True), found)

    def _entries(self, found: Info, source: PlannedSource, depth: int) -> Iterator[Candidate]:
        """Each entry by itself: one whose address is none is left out, counted and named, and the others go
        on."""
        for entry in found["entries"]:
            try:
                yield from self._entry(entry, source, depth)
            except NotAnAddressError as error:
                yield unusable(str(entry.get("url") or ""), title_of(entry), error)

    def _entry(self, entry: Info, source: PlannedSource, depth: int) -> Iterator[Candidate]:
        key = entry.get("ie_key")
        if depth > 1 and key and entry.get("duration") is None and self.session.gives_lists(key):
            inner = self.session.look(address_of(entry))
            yield from self._entries(inner if "entries" in inner else {"entries": [inner]}, source, depth - 1)
        else:
            yield told(candidate_of(self._named(entry), source, alone=False), entry)

    def _named(self, entry: Info) -> Info:
        """The entry with its own extractor: a feed may list a site's pages, which the site's own list names
        by their ids."""
        if entry.get("ie_key") or entry.get("_type") not in _LINKS:
            return entry
        address = as_sent(address_of(entry))  # extractors' patterns meet nothing that is no address
        if looks_like_media(address):  # thousands of episodes need not be shown to thousands of extractors
            return {**entry, "ie_key": GENERIC}
        extractor = self.session.extractor_of(address)
        return {**entry, "ie_key": extractor.key, "id": extractor.name}

    def _unread(self, source: PlannedSource, error: StageError) -> Candidate:
        """The one recording at an address that could not be read. Raises the error where it may be a list, or
        all would fail alike."""
        if looks_like_media(source.url):
            return Candidate(id_of_url(source.url), source.url, speakers=source.speakers)
        extractor = self.session.extractor_of(source.url)
        if extractor.gives != "video" or not extractor.name or error.reason in BREAKERS:
            raise error
        if error.failure.kind is not Kind.INPUT and extractor.key != _STABLE:
            raise error  # it may be read tomorrow, under another id
        return _without_media(source, extractor, error)


def _unread_files(folder: Path, others: Counter[str]) -> Iterator[Candidate]:
    """What stands in for the files of a folder that no decoder reads, one for each ending, so that the plan
    counts and names them."""
    for ending, count in sorted(others.items()):
        told = f"{count} without an ending" if not ending else f"{count} .{ending}"
        yield Candidate(
            id_of_nothing(f"{folder}\n{ending}"), "", legible(f"{told} in {folder.name}"), unread=count
        )


def unusable(address: str, title: str, error: NotAnAddressError) -> Candidate:
    """What stands in for what cannot be fetched, so that the plan counts and names it."""
    return Candidate(id_of_nothing(address), "", title, fault=str(error))


def _without_media(source: PlannedSource, extractor: Extractor, error: StageError) -> Candidate:
    """A site's recording of which only the address is known; one that is nothing to ingest says so
    already."""
    live = error.reason is Reason.LIVE_OR_UPCOMING
    return Candidate(
        id=id_of_video(extractor.key, extractor.name or ""),
        url=source.url,
        speakers=source.speakers,
        liveness=Liveness.UPCOMING if live else None,
        outcome=error.reason if error.failure.verdict is Verdict.SKIP and not live else None,
    )


_CLOSED: Final = {
    "private": Reason.PRIVATE,
    "premium_only": Reason.MEMBERS_ONLY,
    "subscriber_only": Reason.MEMBERS_ONLY,
    "needs_auth": Reason.AGE_GATED,
}
"""yt-dlp's `availability`, where it means that there is nothing to fetch."""


def told(candidate: Candidate, info: Info) -> Candidate:
    """The candidate, with what its description says about whether it can be had."""
    return replace(candidate, outcome=_CLOSED.get(str(info.get("availability"))))
