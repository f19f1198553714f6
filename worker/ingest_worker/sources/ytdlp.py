"""yt-dlp under control: what is at an address, and one recording onto this disk. Called by `fetcher` and
`resolve`.

Every call runs under the guard and ends in a value or a `StageError`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final, TypeVar

from yt_dlp import YoutubeDL
from yt_dlp.globals import plugin_dirs
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.sources.budget import Budget, OverBudgetError
from ingest_worker.sources.errors import chain, stage_error
from ingest_worker.sources.guard import Guard, Policy
from ingest_worker.sources.gzipped import beginning, plain
from ingest_worker.sources.listing import Listing
from ingest_worker.sources.sites import Site, Sites

T = TypeVar("T")

Info = Mapping[str, Any]
"""yt-dlp's description of something (`yt_dlp/extractor/common.py`, `InfoExtractor`)."""

Read = Callable[[str, Mapping[str, str], int], bytes]
"""At most so many bytes at an address, asked for with these headers. May raise `StageError`."""

MOST_ENTRIES: Final = 20_000
"""Entries of one list: twice what a batch can hold."""

HEAD_BYTES: Final = 4096
"""Bytes of a page that show what it is."""

GENERIC: Final = "Generic"
"""yt-dlp's extractor for addresses that no site's own extractor claims."""

PLUGINS: Final = "INGEST_YTDLP_PLUGINS"
"""The environment variable that names a folder of yt-dlp plugins, such as extractors for a site of your own.
Whoever sets a worker's environment chooses its image too; no batch and no profile can."""

_PLUGIN_FOLDER: Final = os.environ.get(PLUGINS, "")

# no others: any package on the path could bring extractors of its own
plugin_dirs.value = [_PLUGIN_FOLDER] if os.path.isdir(_PLUGIN_FOLDER) else []  # noqa: PTH112 -- "" is the working folder for Path


_CHANNEL: Final = "YoutubeTab"
"""Gives lists and, for some addresses, recordings; as an entry of a list it is a tab of a channel."""


@dataclass(frozen=True, slots=True)
class Extractor:
    """Which extractor reads an address, and what that alone says."""

    key: str
    name: str | None
    """The recording's id, if the address contains it."""
    gives: str | None
    """`video`, `playlist`, `any`; None if yt-dlp does not know."""
    site: str = ""
    """What yt-dlp calls the site; empty where it knows none."""


class SiteSession:
    """One yt-dlp for each site, and one guard around everything it does."""

    def __init__(
        self, policy: Policy, parameters: dict[str, Any], budget: Callable[[], Budget], sites: Sites
    ) -> None:
        """`budget` makes the budget of one extraction."""
        self._policy, self._parameters, self._budget, self._sites = policy, parameters, budget, sites

    def _at(self, url: str) -> tuple[Site, Guard]:
        """What the site of an address wants, and the guard for it. Raises as `Guard.check`."""
        site = self._sites.of(url, lambda: self._names(url))
        guard = site.guard(self._policy)
        guard.check(url)
        return site, guard

    def _names(self, url: str) -> tuple[str, ...]:
        found = self.extractor_of(url)
        return () if found.key == GENERIC else (found.site, found.key.lower())

    @contextmanager
    def _open(self, site: Site, guard: Guard, budget: Budget) -> Iterator[YoutubeDL]:
        """A yt-dlp under the guard, on a budget of bytes."""
        parameters = {**self._parameters, **site.parameters}
        with guard.up(), Listing(parameters, auto_init="no_verbose_header") as downloader:
            downloader.budget = budget
            yield downloader

    @contextmanager
    def _typed(self, guard: Guard, *, downloading: bool = False) -> Iterator[None]:
        """Whatever yt-dlp raises becomes a `StageError`."""
        try:
            yield
        except OverBudgetError as over:
            _close(over)
            raise over.why from over
        except StageError as error:
            _close(error)
            raise
        except (
            Exception
        ) as error:  # extractors are thousands of parsers of other people's pages: any exception is possible
            _close(error)
            if guard.refused is not None:
                raise guard.refusal(f"what it leads to is at {guard.refused}") from error
            if guard.proxy_failure is not None:
                raise StageError(Reason.PROXY_FAILED, guard.proxy_failure) from error
            if any(isinstance(link, MemoryError) for link in chain(error)):
                raise StageError(
                    Reason.SOURCE_TOO_LARGE, "what is there takes more memory than is given to looking at it"
                ) from error
            raise stage_error(error, downloading=downloading) from error

    def extract(self, url: str) -> Info:
        """What is at an address: a recording, or a list whose entries are as the list shows them.

        Raises:
            StageError: as translated by `errors`; `SOURCE_UNSUPPORTED` for a list of more than
                `MOST_ENTRIES`.
        """
        site, guard = self._at(url)
        budget = self._budget()
        with (
            self._open(site, guard, budget) as downloader,
            self._typed(guard),
            budget.running("looking at it"),
        ):
            found = dict(downloader.extract_info(url, download=False) or {})
            if "entries" in found:
                found["entries"] = [entry for entry in found["entries"] if entry]
        if len(found.get("entries", ())) > MOST_ENTRIES:
            raise StageError(
                Reason.SOURCE_UNSUPPORTED, f"the list has more than {MOST_ENTRIES} entries: name parts of it"
            )
        return found

    def page(self, url: str, accept: Callable[[bytes], bool], use: Callable[[bytes, str], T]) -> T | None:
        """What `use` makes of a whole page and the address that it came from; None if its first bytes are
        not accepted, and then no more of it is read. Of a gzip file that is what is in it. Raises
        `StageError`, also what `use` raises."""
        site, guard = self._at(url)
        budget = self._budget()
        with (
            self._open(site, guard, budget) as downloader,
            self._typed(guard),
            budget.running("looking at it"),
            downloader.urlopen(Request(url)) as response,
        ):
            head: bytes = response.read(HEAD_BYTES)
            is_wanted = accept(beginning(head, HEAD_BYTES))
            return use(plain(head + response.read()), response.url) if is_wanted else None

    def read(self, url: str, offset: int, count: int) -> tuple[bytes, int | None]:
        """At most `count` bytes from an offset in a file on a web server, and the file's size if the server
        gives it.

        A server without ranges is read from its beginning only. Raises `StageError`.
        """
        site, guard = self._at(url)
        request = Request(
            url, headers={"Range": f"bytes={offset}-{offset + count - 1}", "Accept-Encoding": "identity"}
        )
        budget = self._budget()
        with (
            self._open(site, guard, budget) as downloader,
            self._typed(guard),
            budget.running("reading it"),
            downloader.urlopen(request) as response,
        ):
            ranged = response.status == 206  # noqa: PLR2004 -- HTTP's Partial Content
            if offset and not ranged:
                return b"", None
            announced = (
                response.headers.get("Content-Range", "").rpartition("/")[2]
                if ranged
                else response.headers.get("Content-Length", "")
            )
            return response.read(count), int(announced) if announced.isdecimal() else None

    def download(self, url: str, check: Callable[[Info, Read], None], budget: Budget) -> tuple[Path, Info]:
        """One recording, in two steps: its description, which `check` may refuse by raising, and then its
        media. `check` may read what the description leads to, as its own site.

        `budget` is for both steps, its time only for the second.

        Raises:
            StageError: as translated by `errors`, and what `check` raises.
        """
        site, guard = self._at(url)
        # one for both steps: the second needs the site's cookies of the first
        with self._open(site, guard, budget) as downloader:
            with self._typed(guard), self._budget().running("looking at it"):
                found = _the_one(downloader, downloader.extract_info(url, download=False))
            check(found, self._reading(downloader, guard))
            with self._typed(guard, downloading=True), budget.running("the download"):
                done = downloader.process_ie_result(dict(found), download=True)
        paths = [each["filepath"] for each in done.get("requested_downloads", ()) if each.get("filepath")]
        if len(paths) != 1 or not Path(paths[0]).is_file():
            raise StageError(Reason.DOWNLOAD_FAILED, "the download ended without a file")
        return Path(paths[0]), done

    def _reading(self, downloader: YoutubeDL, guard: Guard) -> Read:
        """Reads what belongs to a recording, by the session that described it."""

        def read(url: str, headers: Mapping[str, str], most: int) -> bytes:
            guard.check(url)
            content = bytearray()
            with (
                self._typed(guard),
                self._budget().running("reading it"),
                downloader.urlopen(Request(url, headers=dict(headers))) as response,
            ):
                while len(content) < most and (block := response.read(most - len(content))):
                    content += block
            return bytes(content)

        return read

    @cached_property
    def _extractors(self) -> Mapping[str, Any]:
        """Every allowed extractor by its key, in the order in which yt-dlp asks them."""
        with YoutubeDL(self._parameters, auto_init="no_verbose_header") as downloader:
            return dict(downloader._ies)  # noqa: SLF001 -- there is no public way to ask which extractor reads an address

    def extractor_of(self, url: str) -> Extractor:
        """Which extractor claims an address. Sends nothing."""
        for key, extractor in self._extractors.items():
            if extractor.suitable(url):
                site = str(extractor.IE_NAME).partition(":")[0].lower()
                return Extractor(key, extractor.get_temp_id(url), extractor._RETURN_TYPE, site)  # noqa: SLF001 -- what `YoutubeDL` itself reads
        return Extractor(GENERIC, None, "any")

    def gives_lists(self, key: str) -> bool:
        """Whether an extractor's results are lists: an entry of that kind is a list in a list, such as a tab
        of a channel."""
        extractor = self._extractors.get(key)
        return key == _CHANNEL or (extractor is not None and extractor._RETURN_TYPE == "playlist")  # noqa: SLF001 -- as above


def _the_one(downloader: YoutubeDL, found: Info) -> Info:
    """The recording behind an address that was planned as one recording."""
    if "entries" not in found:
        return found
    entries = [entry for entry in found["entries"] if entry]
    if len(entries) != 1:
        raise StageError(
            Reason.SOURCE_UNSUPPORTED,
            f"there are {len(entries)} recordings at this address now: plan it as a list",
        )
    entry: Info = downloader.process_ie_result(dict(entries[0]), download=False)
    return entry


def _close(error: BaseException) -> None:
    """Close what yt-dlp leaves open when an exception is raised: its connections, and its file, which takes
    room while it is open."""
    for link in chain(error):
        if isinstance(link, HTTPError):
            link.close()
        for frame, _ in walk_tb(link.__traceback__):
            context: Any = frame.f_locals.get("ctx")
            for key in ("data", "stream", "dest_stream") if isinstance(context, dict) else ():
                if context.get(key) is not None:
                    context[key].close()
