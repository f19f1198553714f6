"""A yt-dlp whose lists survive an entry that fails. Called by `ytdlp`.

yt-dlp processes each entry once more while it lists (`YoutubeDL.process_ie_result`): it parses the address,
it requires formats. An exception there ends the whole list, or, with `ignoreerrors`, drops the entry
silently; neither is reported. So such an entry stays as its list shows it, and the reader of the list decides
about it alone.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from itertools import count
from typing import Any, ClassVar, Final

from typing_extensions import override
from yt_dlp import YoutubeDL
from yt_dlp.globals import extractors
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadCancelled, OnDemandPagedList, PagedList

from ingest_worker.errors import StageError
from ingest_worker.hiding import learned
from ingest_worker.sources.budget import Budget

LOG = logging.getLogger("ingest_worker.sources")

_MOST_REPEATED_ENTRIES: Final = 1000
"""Entries in a row that a list has had before. People repeat a few; sites' pages have a hundred at most."""

_ALONE: Final = frozenset({"url", "url_transparent", "video"})
"""Types of entries that are one recording each, in yt-dlp's terms; an entry that is a list itself is read
over the network, and may fail."""


class Listing(YoutubeDL):  # type: ignore[misc] # yt-dlp has no types
    """A yt-dlp that loses no list because of one of its entries, and reads no more than its budget allows."""

    budget: Budget
    _chosen: ClassVar[tuple[Any, list[Any]]] = (None, [])
    """The table of all extractors, and those of it that our options allow."""

    @override
    def add_default_info_extractors(self) -> None:
        """The extractors that the options allow, chosen once for all of our yt-dlps, which have the same
        options: comparing 1,900 names takes half of the processor time that a page takes."""
        table, chosen = Listing._chosen
        if table is not extractors.value:
            super().add_default_info_extractors()
            Listing._chosen = (extractors.value, list(self._ies.values()))
            return
        for extractor in chosen:  # the last one, for addresses that no other claims, is no class
            self.add_info_extractor(extractor if isinstance(extractor, type) else type(extractor)())

    @cached_property
    def cookiejar(self) -> Any:
        """The cookies of this yt-dlp. Of those that a site sets or renews nothing is said, either."""
        jar = super().cookiejar
        took = jar.set_cookie

        def take(cookie: Any) -> None:
            learned([cookie.value])
            took(cookie)

        jar.set_cookie = take
        return jar

    @override
    def urlopen(self, req: Any) -> Any:
        try:
            return self.budget.bounded(super().urlopen(req))
        except HTTPError as error:  # extractors read the pages of refusals too
            self.budget.bounded(error.response)
            raise

    @override
    def process_ie_result(self, ie_result: Any, download: bool = True, extra_info: Any = None) -> Any:
        if isinstance(pages := ie_result.get("entries"), Iterator | OnDemandPagedList):
            ie_result = {**ie_result, "entries": _as_long_as_new(pages)}
        in_a_list = "playlist" in (extra_info or {}) and ie_result.get("_type", "video") in _ALONE
        try:
            return super().process_ie_result(ie_result, download, extra_info)
        except (DownloadCancelled, StageError):
            raise
        except Exception:
            if not in_a_list:
                raise
            return {**extra_info, **ie_result}


def _as_long_as_new(entries: "Iterator[Any] | OnDemandPagedList") -> Iterator[Any]:
    """Entries that an extractor reads page by page, until far too many in a row were there before: it follows
    a site that does not turn pages without end. The repeated ones stay, and the plan counts them."""
    known, repeated = set[tuple[Any, Any]](), 0
    for entry in entries if isinstance(entries, Iterator) else _in_order(entries):
        name = (entry.get("id"), entry.get("url")) if isinstance(entry, dict) else (None, None)
        repeated = repeated + 1 if name in known and any(name) else 0
        if repeated > _MOST_REPEATED_ENTRIES:
            LOG.warning("a list has the same %d entries again and again, and is read no further", len(known))
            return
        known.add(name)
        yield entry


def _in_order(entries: OnDemandPagedList) -> Iterator[Any]:
    with suppress(PagedList.IndexError):
        for place in count():
            yield entries[place]
