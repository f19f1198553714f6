"""The recordings at a batch's sources, each with as much detail as the plan needs. Called by `plan`.

A recording whose address does not answer is still a recording: it becomes a candidate and fails in its own
run, where it is counted and reported, and no other fails with it. A list that cannot be read fails the plan,
because it is unknown what is missing; one that a line of a manifest names is left out with its reason, if the
fault is its own, and so is one of which its site says that there is none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Final

from ingest_contract.failures import SITE_BREAKERS, Kind, Reason, Verdict
from ingest_contract.object_address import is_object, object_address
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.profile import FetchProfile
from ingest_contract.text import legible
from ingest_worker.errors import StageError
from ingest_worker.planning import Candidate, Liveness
from ingest_worker.sources import contents, files, options
from ingest_worker.sources.addresses import (
    NotAnAddressError,
    as_sent,
    id_of_url,
    is_media_address,
    is_media_file,
    recording_id,
    shown,
)
from ingest_worker.sources.buckets import Buckets
from ingest_worker.sources.budget import Budget, for_a_listing
from ingest_worker.sources.empty_lists import EmptyListError, worded
from ingest_worker.sources.entries import address_of, candidate_of, title_of
from ingest_worker.sources.feed_pages import FeedReader
from ingest_worker.sources.guard import Policy
from ingest_worker.sources.manifests import bytes_of, is_manifest, listed, named, with_facts
from ingest_worker.sources.placeholders import unread_files, unread_line, unreadable_files, unusable
from ingest_worker.sources.secret_lists import Line, hidden, is_secret, lines_of, unquoted
from ingest_worker.sources.sites import Sites
from ingest_worker.sources.ytdlp import GENERIC, MOST_ENTRIES, Extractor, Info, SiteSession

_MOST_LEVELS: Final = 2
"""Depth of nested lists that are opened: a channel, and its tabs. A channel's own address is all of its
uploads: yt-dlp gives the tabs with videos, shorts and streams as lists that it has read already."""

_LINKS: Final = ("url", "url_transparent")
"""Entries that are still addresses;
yt-dlp says in whose list they are, and not always which extractor reads them."""

_STABLE: Final = "Youtube"
"""The extractor whose addresses contain the very id that extraction gives."""


NO_SITES: Final = Sites()
"""Nothing is known of any site."""


class Resolver:
    """Reads sources under one policy."""

    def __init__(
        self,
        fetch: FetchProfile,
        policy: Policy,
        on_request: Callable[[], None] = lambda: None,
        *,
        sites: Sites = NO_SITES,
        namespace: str = "",
        claims: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        """`on_request` is called before every request, and before every file. Files on `claims`, resolved
        folders, belong to `namespace`."""
        self._fetch, self.on_request = fetch, on_request
        self._namespace, self._claims = namespace, claims
        self.buckets = Buckets(fetch, policy, on_request)
        self.session = SiteSession(policy, options.for_listing(MOST_ENTRIES), self._budget, sites)
        self._feeds = FeedReader(self.session, lambda found, source: self._entries(found, source, 1))

    def _budget(self) -> Budget:
        """The budget of the next extraction."""
        self.on_request()
        return for_a_listing(self._fetch)

    def candidates(self, source: PlannedSource) -> Iterator[Candidate]:
        """Every recording of a source, in its order.

        Raises:
            NotAnAddressError: the source is not a valid address.
            StageError: a list, page or folder that cannot be read, with the source's name in the message.
        """
        if source.fault:
            yield unusable(source.fault, source.url, source.fault)
        elif is_secret(source.url):
            yield from self._secret(source)
        else:
            try:
                yield from with_facts(source, self._found_at(source))
            except StageError as error:
                alone = source.of_line or isinstance(error, EmptyListError)
                if not alone or isinstance(error, NotAnAddressError):
                    raise
                yield unread_line(source.url, source.title or shown(source.url), error)

    def _found_at(self, source: PlannedSource) -> Iterator[Candidate]:
        try:
            if is_manifest(source.url):
                yield from self._manifest(source)
            elif files.is_local(source.url):
                yield from self._local(source)
            elif is_object(source.url):
                yield from self._objects(source)
            else:
                yield from self._remote(source.model_copy(update={"url": as_sent(source.url)}))
        except NotAnAddressError:
            raise
        except StageError as error:
            raise worded(error, f"{shown(source.url)}: {error}") from error

    def _manifest(self, source: PlannedSource) -> Iterator[Candidate]:
        """The recordings of every line; those of media files without a request."""
        if files.is_local(source.url):
            content = bytes_of(files.media_file(source.url, self._fetch.allow))
        else:
            content = self.session.page(as_sent(source.url), lambda _: True, lambda page, _: page) or b""
        for line in listed(content, source):
            try:
                direct = not files.is_local(line.url) and is_media_address(line.url)
                yield from with_facts(line, iter([named(line)])) if direct else self.candidates(line)
            except NotAnAddressError as error:
                yield unusable(line.url, line.title, str(error))

    def of_line(self, line: Line, identity: str) -> str:
        """The address of one recording that a line of a secret list leads to. Raises `StageError`."""
        if self._is_one(line.url) or identity == id_of_url(as_sent(line.url)):
            return as_sent(line.url)
        for candidate in self._remote(PlannedSource(url=as_sent(line.url))):
            if candidate.id == identity:
                return candidate.url
        raise StageError(Reason.NOT_FOUND, "what is listed there no longer has this recording")

    def _secret(self, source: PlannedSource) -> Iterator[Candidate]:
        """The recordings of every line. A line that is not an address is left out, and counted."""
        for line in lines_of(source.url):
            facts = line.facts or source
            if facts.fault:
                yield unusable(
                    line.reference, line.name, f"{line.name} is no JSON object that names an address"
                )
                continue
            speakers = source.speakers if facts.speakers == SpeakerCount() else facts.speakers
            one = facts.model_copy(update={"url": line.url, "speakers": speakers})
            try:
                with unquoted(line):
                    found = self._remote(one.model_copy(update={"url": as_sent(line.url)}))
                    for candidate in with_facts(one, found):
                        yield self._referred(candidate, line)
            except NotAnAddressError as error:
                yield unusable(line.reference, line.name, str(error))
            except StageError as error:
                if line.facts is None and not isinstance(error, EmptyListError):
                    raise
                yield unread_line(line.reference, line.name, error)

    def _referred(self, candidate: Candidate, line: Line) -> Candidate:
        """A recording that no address shows;
        what a site lists under its own ids has an address of its own."""
        is_sites = not candidate.id.startswith(("url:", "feed:"))
        if (is_sites and not self._is_one(line.url)) or candidate.fault:
            return replace(candidate, fault=hidden(candidate.fault, line.url))
        return replace(candidate, reference=line.reference)

    def _is_one(self, url: str) -> bool:
        """Whether a site's address is that of one recording."""
        return self.session.extractor_of(as_sent(url)).gives == "video"

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
            if files.is_folder(place):
                held = files.files_in(place, source.glob, allow)
                yield from unread_files(place, held.others)
                yield from unreadable_files(held.unread)
                found = held.media
            else:
                found = [files.media_file(source.url, allow)]
        for path in found:
            self.on_request()
            identity = contents.id_of(path, contents.scope_of(path, self._namespace, self._claims))
            yield Candidate(identity, path.as_uri(), legible(path.stem), speakers=source.speakers)

    def _objects(self, source: PlannedSource) -> Iterator[Candidate]:
        held, address = self.buckets.contents(source), object_address(source.url)
        yield from unread_files(PurePath(address.bucket, address.key), held.others)
        yield from held.media

    def _remote(self, source: PlannedSource) -> Iterator[Candidate]:
        try:
            page = self._feeds.page(source.url) if self._may_be_a_feed(source.url) else None
            found = self.session.extract(source.url) if page is None else {}
        except StageError as error:
            yield self._unread(source, error)
            return
        if page is not None:
            yield from self._feeds.candidates(page, source)
        elif "entries" in found:
            yield from self._entries(found, source, _MOST_LEVELS)
        else:
            yield completed(candidate_of(found, source, alone=True), found)

    def _may_be_a_feed(self, url: str) -> bool:
        return not is_media_address(url) and self.session.extractor_of(url).key == GENERIC

    def _entries(self, found: Info, source: PlannedSource, depth: int) -> Iterator[Candidate]:
        """Each entry by itself: one without a valid address is left out,
        counted and named, and the others continue."""
        for entry in found["entries"]:
            try:
                yield from self._entry(entry, source, depth)
            except NotAnAddressError as error:
                yield unusable(str(entry.get("url") or ""), title_of(entry), str(error))
            except EmptyListError as error:
                yield unread_line(address_of(entry), title_of(entry), error)

    def _entry(self, entry: Info, source: PlannedSource, depth: int) -> Iterator[Candidate]:
        key = entry.get("ie_key")
        if "entries" in entry:
            if depth > 1:
                yield from self._entries(entry, source, depth - 1)
        elif depth > 1 and key and entry.get("duration") is None and self.session.gives_lists(key):
            inner = self.session.extract(address_of(entry))
            yield from self._entries(inner if "entries" in inner else {"entries": [inner]}, source, depth - 1)
        else:
            yield completed(candidate_of(self._named(entry), source, alone=False), entry)

    def _named(self, entry: Info) -> Info:
        """The entry with its own extractor: a feed may list a site's pages, which the site's own list
        identifies by their ids."""
        if entry.get("ie_key") or entry.get("_type") not in _LINKS:
            return entry
        address = as_sent(address_of(entry))  # extractors' patterns get only valid addresses
        if is_media_address(address):  # so thousands of episodes meet no site's extractor
            return {**entry, "ie_key": GENERIC}
        extractor = self.session.extractor_of(address)
        return {**entry, "ie_key": extractor.key, "id": extractor.name}

    def _unread(self, source: PlannedSource, error: StageError) -> Candidate:
        """The one recording at an address that could not be read. Raises the error if the address may be a
        list, or if all recordings would fail alike."""
        if error.failure.verdict is Verdict.STOP_BATCH:
            raise error
        if is_media_address(source.url):
            return Candidate(id_of_url(source.url), source.url, speakers=source.speakers)
        extractor = self.session.extractor_of(source.url)
        if extractor.gives != "video" or not extractor.name or error.reason in SITE_BREAKERS:
            raise error
        if error.failure.kind is not Kind.INPUT and extractor.key != _STABLE:
            raise error  # it may be read tomorrow, under another id
        return _without_media(source, extractor, error)


def _without_media(source: PlannedSource, extractor: Extractor, error: StageError) -> Candidate:
    """A site's recording of which only the address is known;
    one that cannot be ingested is marked so already."""
    live = error.reason is Reason.LIVE_OR_UPCOMING
    return Candidate(
        id=recording_id(extractor.key, extractor.name or ""),
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
"""Values of yt-dlp's `availability` which mean that nothing can be fetched."""


def completed(candidate: Candidate, info: Info) -> Candidate:
    """The candidate, with what its description says about its availability."""
    return replace(candidate, outcome=_CLOSED.get(str(info.get("availability"))))
