"""Recordings in object stores: what a bucket lists, and one object onto this disk. Called by `resolve`,
`plan` and `fetcher`.

A recording is known by bucket, key, ETag and size. The key alone would keep an object that was replaced from
being taken again; the ETag alone is no digest of the content on every server, and two recordings with one id
would be one of them lost. The endpoint stays out: one server has a name within a cluster and another outside.
An object is read in one request, a mebibyte at a time, and goes on where a connection broke off, as long as
its ETag is the same.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from ingest_contract.failures import BREAKERS, Reason
from ingest_contract.object_address import ObjectAddress, object_address
from ingest_contract.order import Item, PlannedSource
from ingest_contract.profile import FetchProfile
from ingest_contract.text import legible, spellings
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.formats import ending_of
from ingest_worker.planning import Candidate
from ingest_worker.ports import Report
from ingest_worker.sources.addresses import is_media_file
from ingest_worker.sources.budget import Budget, OverBudgetError, for_a_download, for_a_listing
from ingest_worker.sources.empty_lists import EmptyListError
from ingest_worker.sources.errors import local_reason
from ingest_worker.sources.files import MOST_FILES
from ingest_worker.sources.folders import matcher
from ingest_worker.sources.guard import Policy
from ingest_worker.sources.headers import announced_length
from ingest_worker.sources.objects import Store, opened

_MOST_OBJECTS: Final = MOST_FILES * 10
"""Objects of one source that a plan looks at."""

_BLOCK_BYTES: Final = 1 << 20
_BROKEN_TIMES: Final = 3
"""Breaks of a download with less than a block in between, after which it has failed."""

_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class BucketContents:
    """What a source in an object store holds."""

    media: list[Candidate]
    """In the order of their keys."""
    others: Counter[str]
    """The number of other objects, by extension."""


class Buckets:
    """Object stores under one profile."""

    def __init__(self, fetch: FetchProfile, policy: Policy, on_request: Callable[[], None]) -> None:
        """`on_request` is called before every request for a list, and before every object."""
        self._fetch, self._policy, self._on_request = fetch, policy, on_request

    @contextmanager
    def _open(self, address: ObjectAddress, budget: Budget, what: str) -> Iterator[Store]:
        try:
            with opened(address, self._fetch.allow, policy=self._policy) as store, budget.running(what):
                yield store
        except OverBudgetError as over:
            raise over.why from over

    def contents(self, source: PlannedSource) -> BucketContents:
        """The objects of a source that its glob matches.

        Raises:
            StageError: as `objects` translates it; `SOURCE_UNSUPPORTED` for an invalid pattern or for more
                objects than a plan can hold; `NOT_FOUND` if the source is one object and is not there, or,
                as an `EmptyListError`, if nothing has its prefix.
        """
        address = object_address(source.url)
        alone = is_media_file(address.key) and not address.key.endswith("/")
        prefix = address.key if alone or not address.key else f"{address.key.rstrip('/')}/"
        wanted = matcher(source.glob or "**/*")
        begins = spellings(prefix)  # one request more or two, for names that are not ASCII alone
        media, others, is_there = list[Candidate](), Counter[str](), not prefix
        with self._open(address, for_a_listing(self._fetch), "listing it") as store:
            for begin, found in ((each, found) for each in begins for found in self._listed(store, each)):
                key, is_there = str(found["Key"]), True
                if key.endswith("/") or (key != begin if alone else not wanted(key.removeprefix(begin))):
                    continue
                if is_media_file(key):
                    media.append(_candidate(address, key, found, source))
                else:
                    others[ending_of(key)] += 1
                _few(address, len(media), MOST_FILES)
        if alone and not media:
            raise StageError(Reason.NOT_FOUND, f"{address.shown}: there is no such object")
        if not is_there:
            raise EmptyListError(Reason.NOT_FOUND, f"{address.shown}: nothing in the bucket has this prefix")
        return BucketContents(media, others)

    def _listed(self, store: Store, prefix: str) -> Iterator[Mapping[str, Any]]:
        following: dict[str, str] = {}
        seen, begun, tokens = 0, set[str](), {""}
        while True:
            self._on_request()
            page = store.call("list_objects_v2", Prefix=prefix, **following)
            objects = page.get("Contents") or ()
            first = {str(each["Key"]) for each in objects[:1]}
            if first & begun:
                raise _stuck(store.address, seen)
            yield from objects
            _few(store.address, seen := seen + len(objects), _MOST_OBJECTS)
            if not page.get("IsTruncated"):
                return
            token = str(page.get("NextContinuationToken") or "")
            if token in tokens:
                raise _stuck(store.address, seen)
            begun |= first
            tokens.add(token)
            following = {"ContinuationToken": token}

    def lengths(self, candidates: Sequence[Candidate], scratch: Path) -> Iterator[tuple[str, float | None]]:
        """The length in seconds that each object's container announces, by id, from a few ranges of it; None
        where that is not known. Nothing at all from where a server asks us to slow down."""
        by_store: dict[ObjectAddress, list[Candidate]] = {}
        for candidate in candidates:
            address = object_address(candidate.url)
            one = ObjectAddress(address.bucket, "", address.endpoint, address.region, address.mount)
            by_store.setdefault(one, []).append(candidate)
        for address, group in by_store.items():
            with suppress(StageError), opened(address, self._fetch.allow, policy=self._policy) as store:
                for candidate in group:
                    self._on_request()
                    yield candidate.id, self._length(store, object_address(candidate.url).key, scratch)

    def _length(self, store: Store, key: str, scratch: Path) -> float | None:
        budget = for_a_listing(self._fetch)
        try:
            with budget.running("reading it"):
                return announced_length(partial(_range, store, key), scratch)
        except OverBudgetError:
            return None
        except StageError as error:
            if error.reason in BREAKERS:
                raise
            return None

    def fetch(self, item: Item, into: Path, report: Report) -> Media:
        """One object, at `into/media.<ext>`.

        Raises:
            StageError: as `objects` translates it; `SOURCE_CHANGED` for an object that is not the planned
                one; `TOO_LONG`; `DOWNLOAD_FAILED` if it breaks off again and again; `SCRATCH_FULL`.
        """
        address = object_address(item.url)
        into.mkdir(parents=True, exist_ok=True)
        for leftover in into.glob("media.*"):
            leftover.unlink()
        path = into / f"media.{ending_of(address.key) or 'bin'}"
        budget = for_a_download(self._fetch)
        with self._open(address, budget, "the download") as store, path.open("wb") as file:
            _Download(store, item, self._fetch.max_bytes, file, report).run()
        return Media(path, item.title or legible(PurePosixPath(address.key).stem), None)


class _Download:
    """One object, which may come in several pieces."""

    def __init__(self, store: Store, item: Item, most_bytes: int, file: BinaryIO, report: Report) -> None:
        self._store, self._item, self._most = store, item, most_bytes
        self._file, self._report = file, report
        self._key = object_address(item.url).key
        self._done, self._size, self._etag = 0, 0, ""

    def run(self) -> None:
        breaks = 0
        while True:
            before = self._done
            broke = self._piece()
            if broke is None:
                return
            breaks = 1 if self._done - before >= _BLOCK_BYTES else breaks + 1
            if breaks == _BROKEN_TIMES:
                raise StageError(
                    Reason.DOWNLOAD_FAILED,
                    f"{self._store.address.bucket}/{self._key} broke off at {self._done} of {self._size} "
                    f"bytes, again and again ({broke})",
                )

    def _piece(self) -> str | None:
        """Read on until the end, or until the connection breaks: then what broke it."""
        body = self._asked()
        try:
            while self._done < self._size:
                try:
                    block = self._store.read(body, min(_BLOCK_BYTES, self._size - self._done))
                except Exception as error:  # noqa: BLE001 -- botocore, aiohttp and asyncio each have their own
                    return type(error).__name__
                if not block:
                    return "it ended early"
                self._write(block)
        finally:
            body.close()
        return None

    def _asked(self) -> Any:
        """The body of the object from where we are. Raises `StageError`."""
        rest = {"Range": f"bytes={self._done}-", "IfMatch": self._etag} if self._done else {}
        answer = self._store.call("get_object", Key=self._key, **rest)
        body, etag = answer["Body"], str(answer.get("ETag", ""))
        if not self._done:
            self._size, self._etag = int(answer.get("ContentLength") or 0), etag
            self._check(body)
        elif etag != self._etag:
            body.close()
            raise self._changed()
        elif not str(answer.get("ContentRange", "")).startswith(f"bytes {self._done}-"):
            self._file.seek(0)  # a server without ranges begins anew
            self._file.truncate()
            self._done = 0
        return body

    def _check(self, body: Any) -> None:
        if id_of(self._store.address.bucket, self._key, self._etag, self._size) != self._item.id:
            body.close()
            raise self._changed()
        if self._size > self._most:
            body.close()
            raise StageError(Reason.TOO_LONG, f"{self._size} bytes, and the profile allows {self._most}")

    def _changed(self) -> StageError:
        where = f"{self._store.address.bucket}/{self._key}"
        return StageError(
            Reason.SOURCE_CHANGED, f"{where} has another content than when the batch was planned"
        )

    def _write(self, block: bytes) -> None:
        try:
            self._file.write(block)
        except OSError as error:
            reason = local_reason(error) or Reason.SCRATCH_FULL
            raise StageError(reason, f"the scratch disk: {error.strerror}") from error
        self._done += len(block)
        self._report(min(self._done / self._size, 0.99))


def id_of(bucket: str, key: str, etag: str, size: int) -> str:
    """`s3:<place>.<content>`, each 16 hex digits of a sha256: over bucket and key, and over ETag and size."""
    bare = etag.removeprefix("W/").strip('"')
    return f"s3:{_digits(f'{bucket}/{key}')}.{_digits(f'{size}:{bare}')}"


def _candidate(
    address: ObjectAddress, key: str, found: Mapping[str, Any], source: PlannedSource
) -> Candidate:
    one = ObjectAddress(address.bucket, key, address.endpoint, address.region, address.mount)
    identity = id_of(address.bucket, key, str(found.get("ETag", "")), int(found.get("Size") or 0))
    return Candidate(identity, one.url, legible(PurePosixPath(key).stem), speakers=source.speakers)


def _range(store: Store, key: str, offset: int, count: int) -> tuple[bytes, int | None]:
    """As `headers.Ranged`. Raises `StageError`."""
    answer = store.call("get_object", Key=key, Range=f"bytes={offset}-{offset + count - 1}")
    body, size = answer["Body"], str(answer.get("ContentRange", "")).rpartition("/")[2]
    found = bytearray()
    try:
        with store.typed(key):
            while len(found) < count and (block := store.read(body, count - len(found))):
                found += block
    finally:
        body.close()
    return bytes(found), int(size) if size.isdecimal() else None


def _few(address: ObjectAddress, count: int, most: int) -> None:
    if count > most:
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"{address.shown} holds more than {most} objects: name parts of it"
        )


def _stuck(address: ObjectAddress, seen: int) -> StageError:
    """The error for a server that says there is more and gives the same again, or no way to it."""
    return StageError(
        Reason.SOURCE_UNSUPPORTED,
        f"{address.shown}: the object store does not list what comes behind the first {seen} objects: name "
        "parts of it that hold fewer",
    )


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
