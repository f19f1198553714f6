"""A yt-dlp whose lists survive an entry that fails. Called by `ytdlp`.

yt-dlp processes each entry once more while it lists (`YoutubeDL.process_ie_result`): it parses the address,
it requires formats. An exception there ends the whole list, or, with `ignoreerrors`, drops the entry
silently; neither is reported. So such an entry stays as its list shows it, and the reader of the list decides
about it alone.
"""

from functools import cached_property
from typing import Any, ClassVar, Final

from typing_extensions import override
from yt_dlp import YoutubeDL
from yt_dlp.globals import extractors
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadCancelled

from ingest_worker.errors import StageError
from ingest_worker.hiding import learned
from ingest_worker.sources.budget import Budget

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
        in_a_list = "playlist" in (extra_info or {}) and ie_result.get("_type", "video") in _ALONE
        try:
            return super().process_ie_result(ie_result, download, extra_info)
        except (DownloadCancelled, StageError):
            raise
        except Exception:
            if not in_a_list:
                raise
            return {**extra_info, **ie_result}
