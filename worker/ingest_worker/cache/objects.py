"""The cache in an object store, through fsspec: a bucket, and a prefix in it.

A store shows an object when it is whole, so nothing is renamed here. What a killed worker had begun to upload
in several parts the store keeps unseen, until a rule of the bucket removes it (docs/decisions/0036).
"""

import contextlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from ingest_worker.cache.storage import BLOCK_BYTES, Storage, StoredFile, missing, unavailable
from ingest_worker.errors import StageError
from ingest_worker.s3 import s3_files

_MOST_ATTEMPTS: Final = 2
"""Tries of one request by botocore, and by s3fs above it: a store that never answers is told after 80
seconds, with a GPU held. More are the operator's decision."""


def s3(endpoint: str | None) -> Any:
    """A file system of fsspec over an S3 store, with the credentials that the process has: those of its
    environment, or of its machine's role.

    Args:
        endpoint: The store's address; None for AWS.
    """
    files = s3_files(endpoint, {"total_max_attempts": _MOST_ATTEMPTS})
    files.retries = _MOST_ATTEMPTS
    return files


class ObjectStorage(Storage):
    """Implements `Storage` below one address of a file system of fsspec."""

    def __init__(self, files: Any, root: str) -> None:
        """`files` is an `fsspec.AbstractFileSystem`, `root` a bucket and a prefix: `bucket/prefix`."""
        self._files, self._root = files, root.rstrip("/")

    @override
    def size(self, name: str, /) -> int | None:
        with self._typed("reading"):
            try:
                size: int = self._files.info(self._path(name))["size"]
            except FileNotFoundError:
                return None
            return size

    @override
    def blocks(self, name: str, /) -> Iterator[bytes]:
        try:
            with self._typed("reading"):
                file = self._files.open(self._path(name), "rb", cache_type="none")
        except FileNotFoundError as error:
            raise missing(name) from error
        with file:
            while block := self._read(file, name):
                yield block

    def _read(self, file: Any, name: str) -> bytes:
        try:
            with self._typed("reading"):
                block: bytes = file.read(BLOCK_BYTES)
        except FileNotFoundError as error:
            raise missing(name) from error
        return block

    @override
    def write(self, name: str, blocks: Iterable[bytes], /) -> None:
        try:
            with self._typed("writing"):
                file = self._files.open(self._path(name), "wb", block_size=BLOCK_BYTES)
                try:
                    for block in blocks:
                        file.write(block)
                except BaseException:
                    _discard(file)
                    raise
                file.close()
        except FileNotFoundError as error:
            raise self._unavailable("writing", error) from None

    @override
    def remove(self, name: str, /) -> None:
        with self._typed("removing"):
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    @override
    def stored(self, prefix: str = "", /) -> Iterator[StoredFile]:
        with self._typed("listing"):
            try:
                found = self._files.ls(self._root, detail=True)
            except FileNotFoundError:
                return
        now = time.time()
        for each in found:
            name = str(each["name"]).rpartition("/")[2]
            if each["type"] == "file" and name.startswith(prefix):
                yield StoredFile(name, now - _written(each))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _typed(self, doing: str) -> Iterator[None]:
        """Whatever the libraries raise becomes a `StageError`, but for what is not there."""
        try:
            yield
        except (StageError, FileNotFoundError):
            raise
        except Exception as error:  # noqa: BLE001 -- botocore, aiohttp and s3fs each have their own
            raise self._unavailable(doing, error) from None

    def _unavailable(self, doing: str, error: BaseException) -> StageError:
        """Without what a library says of a request, but for the server's own code."""
        links = list(_chain(error))
        code = next((found for link in links if (found := _code(link))), "")
        why = f"the object store says {code}" if code else type(links[0]).__name__
        return unavailable(f"{doing} in {self._root}", why)


def _discard(file: Any) -> None:
    """Give up an upload: a file object that is only closed would upload what it has."""
    for give_up in (file.discard, lambda: setattr(file, "closed", True)):
        with contextlib.suppress(Exception):  # the error that led here is the one to tell
            give_up()


def _written(facts: dict[str, Any]) -> float:
    """When an object was written, in seconds of the epoch. S3 says `LastModified`, memory `created`."""
    when = facts.get("LastModified") or facts.get("created")
    return when.timestamp() if isinstance(when, datetime) else time.time()


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _code(link: BaseException) -> str:
    """S3's code in a botocore `ClientError`; empty for any other exception."""
    response = getattr(link, "response", None)
    said = response.get("Error", {}) if isinstance(response, dict) else {}
    code = str(said.get("Code", ""))
    return code if code.isascii() and code.isalnum() else ""
