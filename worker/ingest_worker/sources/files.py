"""Recordings in folders: `file:` addresses and absolute paths, only below the folders that the profile
allows.

Symbolic links are resolved before anything is compared, and only regular files are media: a pipe or a device
would block a worker.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.text import legible
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.formats import ending_of
from ingest_worker.paths import path_of
from ingest_worker.sources.addresses import is_media_file
from ingest_worker.sources.contents import check

MOST_FILES: Final = 20_000
"""Media files of one folder that a plan reads at most."""


_NOT_THERE: Final = frozenset({errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR})
"""Errors that come back however often a file is asked for. Any other may pass: a server that restarts."""


def is_local(url: str) -> bool:
    """Whether an address names a file: `file:...`, or an absolute path."""
    return url.startswith("/") or url[:5].lower() == "file:"


def located(url: str, allow: AllowedSources) -> Path:
    """The resolved path of an existing file or folder.

    Raises:
        StageError: `SOURCE_REFUSED` for a path that the profile does not allow (whether or not it exists: a
            refusal must not reveal that), `NOT_FOUND` if nothing is there, `SOURCE_UNSUPPORTED` for a `file:`
            address of another machine.
    """
    path = resolved(url)
    if not any(path.is_relative_to(folder) for folder in _folders(allow)):
        folders = ", ".join(allow.folders) or "no folder"
        raise StageError(
            Reason.SOURCE_REFUSED,
            f"{path} is outside what the profile allows: `fetch.allow.folders` has {folders}.",
        )
    _status(path)
    return path


def resolved(url: str) -> Path:
    """The path of an address with every link followed, whether or not something is there. Raises `StageError`
    as `located`."""
    try:
        return _path(url).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a zero byte
        raise StageError(Reason.NOT_FOUND, f"{url} cannot be resolved: {error}") from error


def media_file(url: str, allow: AllowedSources) -> Path:
    """The resolved path of one regular file. Raises `StageError` as `located`, and `SOURCE_UNSUPPORTED` for a
    folder or a device."""
    path = located(url, allow)
    if not stat.S_ISREG(_status(path).st_mode):
        raise StageError(Reason.SOURCE_UNSUPPORTED, f"{path} is not a file")
    return path


def planned_file(item: Item, fetch: FetchProfile) -> Media:
    """The file of a planned item, in its place.

    Raises:
        StageError: as `media_file`; `TOO_LONG`; `SOURCE_CHANGED` for a file that is not the planned one.
    """
    path = media_file(item.url, fetch.allow)
    if (size := _status(path).st_size) > fetch.max_bytes:
        raise StageError(Reason.TOO_LONG, f"{size} bytes, and the profile allows {fetch.max_bytes}")
    check(item.id, path)
    return Media(path, item.title or legible(path.stem), None)


def files_in(folder: Path, glob: str | None, allow: AllowedSources) -> tuple[list[Path], Counter[str]]:
    """The media files of a folder, sorted by path: those that match `glob`, or all in it and below it.

    Links that lead outside the allowed folders are left out, as is every name without a media extension: a
    folder has notes too.

    Returns:
        The files, and the number of other files by their extension.

    Raises:
        StageError: `SOURCE_UNSUPPORTED` for an invalid pattern, or for more files than a plan can hold.
    """
    try:
        matches = {path for each in _matches(folder, glob) if (path := _resolved(each)) is not None}
    except (ValueError, NotImplementedError) as error:
        raise StageError(Reason.SOURCE_UNSUPPORTED, f"the glob {glob!r} cannot be used: {error}") from error
    found = sorted(path for path in matches if is_media_file(path.name))
    if len(found) > MOST_FILES:
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"{folder} holds more than {MOST_FILES} media files: name parts of it"
        )
    folders = _folders(allow)

    def is_allowed(path: Path) -> bool:
        return path.is_file() and any(path.is_relative_to(allowed) for allowed in folders)

    others = Counter(ending_of(path.name) for path in matches.difference(found) if is_allowed(path))
    return [path for path in found if is_allowed(path)], others


def _status(path: Path) -> os.stat_result:
    """Raises `StageError`: `NotFound` for what is not there, `DownloadFailed` if a disk or server fails."""
    try:
        return path.stat()
    except OSError as error:
        reason = Reason.NOT_FOUND if error.errno in _NOT_THERE else Reason.DOWNLOAD_FAILED
        raise StageError(reason, f"{path}: {error.strerror}") from error


def _resolved(path: Path) -> Path | None:
    """The real path; None for a link that leads nowhere, in a circle, or to a path that may not be read."""
    try:
        return path.resolve() if path.is_file() else None
    except (OSError, RuntimeError):
        return None


def _matches(folder: Path, glob: str | None) -> Iterator[Path]:
    """At most one file more than a plan can hold."""
    for count, path in enumerate(folder.glob(glob or "**/*")):
        if count > MOST_FILES * 10:
            raise StageError(
                Reason.SOURCE_UNSUPPORTED,
                f"{folder} holds more than {MOST_FILES * 10} entries: name parts of it",
            )
        yield path


def _path(url: str) -> Path:
    if url.startswith("/"):
        return Path(url)
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"{url} lies on another machine: file addresses begin with file:///"
        )
    path = path_of(url)
    if not path.is_absolute():
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"{url} is not a whole path: file addresses begin with file:///"
        )
    return path


def _folders(allow: AllowedSources) -> tuple[Path, ...]:
    """Allowed folders, resolved; a relative path would mean something else in every process, and allows
    nothing."""
    return tuple(Path(folder).resolve() for folder in allow.folders if Path(folder).is_absolute())
