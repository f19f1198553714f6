"""Extracting and downloading in a separate process: it can be killed, and it has budgets. Implements
`ports.Fetcher`, and makes plans.

Called by `tools` and `planner`. Must not import yt-dlp: this process holds the models and the store's
address. The child's output is trusted only as far as it can be true of a source.
"""

import logging
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

from typing_extensions import override

from ingest_contract.captions import CaptionsWish
from ingest_contract.failures import Reason
from ingest_contract.object_address import is_object, object_address
from ingest_contract.order import Item, PlanOrder
from ingest_contract.plan_document import MAX_BYTES, PlanDocument, PlanFramesError, unframe
from ingest_contract.profile import FetchProfile
from ingest_contract.receipt import MAX_MESSAGE_CHARACTERS
from ingest_contract.sites import SiteAccess, SiteReport
from ingest_contract.text import said
from ingest_worker.details import Memory, Nothing
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.hiding import hidden
from ingest_worker.planning import StoredRecording
from ingest_worker.ports import Fetcher, Report
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sandbox.process import Child, ChildEndedError, ChildGarbledError, number
from ingest_worker.sources import files
from ingest_worker.sources.answers import languages, texts
from ingest_worker.sources.budget import MAX_LISTING_SECONDS
from ingest_worker.sources.captions_beside import with_those_beside
from ingest_worker.sources.captions_read import read, without_secrets
from ingest_worker.sources.child_reports import TELLABLE, ended, failed, garbled, media_of, site_met
from ingest_worker.sources.contents import check
from ingest_worker.sources.credentials import check_secrets
from ingest_worker.sources.left_out import leaving_out, without_missing, worth_telling
from ingest_worker.sources.remembering import Remembering
from ingest_worker.sources.site_secrets import Secrets, read_secrets, read_what_is_there

log = logging.getLogger("ingest_worker.sources")

_PASSED_ON: Final = (
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DENO_DIR", "DENO_CERT",
    "INGEST_YTDLP_PLUGINS",
)  # fmt: skip
"""The part of our environment that the child gets:
where programs and certificates are, and no credentials."""

_OF_STORES: Final = "AWS_"
"""How the variables begin from which S3 clients read their credentials and settings: for a child that reads a
bucket with the machine's own credentials, and for no other."""

_DATA_BYTES: Final = 1 << 30
"""Bytes. yt-dlp with all its extractors takes 120 MB, a list of 20,000 entries 200 MB more; deno needs more
than half of this to start."""

_LARGEST_FILE_BYTES: Final = 1 << 41
"""A plan's outline of a media file is as long as the file, but sparse (`headers`)."""

_SLACK_SECONDS: Final = 60
"""Seconds beyond a child's own budgets, after which it is killed: for its start, and for what its own timers
do not interrupt."""

_ROOM_BYTES: Final = 1 << 20
"""Bytes by which a file may be larger than the profile allows, so that it is reported as too large and not as
a full disk."""

Said = dict[str, Any]
Stored = Callable[[Mapping[str, str | None]], Mapping[str, StoredRecording]]
Keep = Callable[[Mapping[str, str]], None]
_NO_MEMORY: Final = Nothing()

OnSite = Callable[[SiteReport], None]
"""Called with every site that is met, before anything is sent to it."""


def _unheard(_: SiteReport) -> None:
    """Nobody asks."""


class FetcherApart(Fetcher):
    """Implements `ports.Fetcher`: local files directly, everything else by a child."""

    def __init__(
        self,
        fetch: FetchProfile,
        sites: Sequence[SiteAccess] = (),
        on_site: OnSite = _unheard,
        captions: CaptionsWish | None = None,
    ) -> None:
        """`captions` says which captions are wanted; None: none."""
        self._fetch, self._sites, self._on_site, self._wish = fetch, sites, on_site, captions

    @override
    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        """The item's media, at `into/media.<ext>` if they were downloaded, with the captions that are wanted.

        Raises:
            StageError: any reason of the kinds `Input` and `Source`, `SCRATCH_FULL`, `HOST_OUT_OF_MEMORY`,
                `INTERRUPTED`, `CREDENTIALS_INVALID` for a Secret that is missing or is not what it should be.
        """
        if files.is_local(item.url):
            media = files.planned_file(item, self._fetch)
            report(1.0)
            return read(with_those_beside(media, self._wish, self._fetch.allow))
        check_secrets(item.url)
        shown, secrets = _Shown(report), read_secrets(self._sites)
        request = {
            "do": "fetch",
            "fetch": self._fetch.to_json(),
            "item": item.to_json(),
            "sites": secrets.request,
            "captions": self._wish and self._wish.to_json(),
        }
        limits = Limits(
            self._fetch.timeout_seconds + MAX_LISTING_SECONDS,
            self._fetch.max_bytes + _ROOM_BYTES,
            None,
            data=_DATA_BYTES,
            open_files=256,
        )
        with _Asked({**request, "into": str(into)}, limits, [item.url], secrets, self._on_site) as child:
            for line in child.lines(_patience(self._fetch) + self._fetch.timeout_seconds, shown.again):
                if "share" in line:
                    shown.send(line["share"])
                elif "done" in line:
                    media = media_of(line["done"], into)
                    report(1.0)
                    return read(without_secrets(media))
        raise StageError(Reason.UNKNOWN, "the process that fetches said nothing")

    @override
    def confirm(self, item: Item, media: Media, /) -> None:
        """Raise `StageError(SOURCE_CHANGED)` for a file that was replaced or has grown while it was read."""
        if files.is_local(item.url):
            check(item.id, media.path)


def make_plan_apart(
    order: PlanOrder,
    stored: Stored,
    keep: Keep,
    waiting: Callable[[], None],
    memory: Memory = _NO_MEMORY,
    on_site: OnSite = _unheard,
) -> PlanDocument:
    """The plan, as `plan.make_plan` makes it, in a separate process.

    Args:
        order: What is wanted.
        stored: The store's answer; it may raise `StageError`.
        keep: Stores addresses with credentials; it may raise `StageError`.
        waiting: Called a few times a second; it may raise.
        memory: What recordings' pages said to earlier plans.
        on_site: Called with every site that is met.

    Raises:
        StageError: a source that is a list cannot be read; a site slows us down; the store does not answer;
            `CREDENTIALS_INVALID` for a Secret that is missing or is not what it should be.
    """
    order, missing = without_missing(order)
    try:
        document = _planned(order, stored, keep, waiting, memory, on_site)
    except StageError as error:
        raise worth_telling([error, *missing.values()]) from error
    return leaving_out(document, missing)


def _planned(
    order: PlanOrder,
    stored: Stored,
    keep: Keep,
    waiting: Callable[[], None],
    memory: Memory,
    on_site: OnSite,
) -> PlanDocument:
    sources, secrets = [source.url for source in order.sources], read_what_is_there(order.sites)
    framed, size, remembering = list[str](), 0, Remembering(memory)
    limits = Limits(_DAY_SECONDS, _LARGEST_FILE_BYTES, None, data=_DATA_BYTES, open_files=256)
    request = {"do": "plan", "order": order.to_json(), "sites": secrets.request}
    with _Asked(request, limits, sources, secrets, on_site, asks=True) as child:
        for line in child.lines(_patience(order.fetch), waiting):
            if "stored" in line:
                known = stored(languages(line["stored"]))
                child.send({"known": {name: (row.unchanged, row.outcome) for name, row in known.items()}})
            elif "keep" in line:
                addresses = line["keep"] if isinstance(line["keep"], dict) else {"": None}
                keep(dict(zip(texts([*addresses]), texts([*addresses.values()]), strict=True)))
                child.send({"kept": True})
            elif "recall" in line or "remember" in line:
                child.send(remembering.answer(line))
            elif "frame" in line:
                framed.append(str(line["frame"]))
                if (size := size + len(framed[-1])) > _MOST_FRAMED_BYTES:
                    raise garbled()
    try:
        return unframe(framed)
    except PlanFramesError as error:
        raise StageError(Reason.UNKNOWN, f"the plan was not told whole: {error}") from error


_MOST_FRAMED_BYTES: Final = 2 * MAX_BYTES
"""Of a plan's frames: base64 adds a third to a document that does not compress."""

_DAY_SECONDS: Final = 86_400


def _patience(fetch: FetchProfile) -> int:
    """Seconds that extraction may take without output."""
    return min(fetch.timeout_seconds, MAX_LISTING_SECONDS) + _SLACK_SECONDS


class _Shown:
    """The child's progress, as far as it is plausible: never backwards, never done."""

    def __init__(self, report: Report) -> None:
        self._report, self._share = report, 0.0

    def send(self, share: Any) -> None:
        """Report a new share."""
        self._share = max(self._share, min(number(share) or 0.0, 0.99))
        self.again()

    def again(self) -> None:
        """Report the same share again, so that the caller can end the run."""
        self._report(self._share)


class _Asked:
    """A child with one request, whose end is translated into the failure table's reasons."""

    def __init__(
        self,
        request: Said,
        limits: Limits,
        addresses: Sequence[str],
        secrets: Secrets,
        on_site: OnSite,
        *,
        asks: bool = False,
    ) -> None:
        """`addresses`: where it goes. `asks`: whether the child asks questions, and so goes on to read the
        answers."""
        self._secrets, self._on_site = secrets, on_site
        stores = [object_address(each) for each in addresses if is_object(each)]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if any(each.mount is None for each in stores):
            environment |= {name: os.environ[name] for name in os.environ if name.startswith(_OF_STORES)}
        refused = bool(stores or secrets.missing)
        self._tellable = TELLABLE | ({Reason.CREDENTIALS_INVALID} if refused else set())
        self._child = Child("ingest_worker.sources.child", environment)
        self._request, self._asks = {**request, "limits": asdict(limits)}, asks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def send(self, line: Said) -> None:
        """Answer a question of the child."""
        self._child.send(line)

    def lines(self, seconds: int, waiting: Callable[[], None]) -> Generator[Said, None, None]:
        """The child's output. `seconds` limit all of it,
        or each line if the child asks questions. Raises `StageError`."""
        try:
            for line in self._child.ask(
                self._request, seconds=seconds, last=not self._asks, restart=self._asks, waiting=waiting
            ):
                if "failed" in line:
                    raise failed(line, self._tellable)
                if "log" in line:
                    log.warning("%s", hidden(said(str(line["log"])))[:MAX_MESSAGE_CHARACTERS])
                elif "site" in line:
                    self._on_site(site_met(line, self._secrets))
                else:
                    yield line
        except TimeoutError as error:
            raise StageError(Reason.TOO_SLOW, f"nothing came of it in {seconds} s") from error
        except ChildEndedError as error:
            raise ended(error.code) from error
        except ChildGarbledError as error:
            raise StageError(
                Reason.EXTRACTOR_BROKEN, f"the process that fetches says what it never says: {error}"
            ) from error
