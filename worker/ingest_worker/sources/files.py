"""Recordings in folders: `file:` addresses and absolute paths, only below the folders that the profile
allows.

Symbolic links are resolved before anything is compared, and only regular files are media: a pipe or a device
would block a worker.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.text import legible
from ingest_worker.domain import Media
from ingest_worker.errors import StageError, unreadable
from ingest_worker.formats import ending_of
from ingest_worker.paths import path_of
from ingest_worker.sources.addresses import is_media_file
from ingest_worker.sources.contents import check
from ingest_worker.sources.folders import Walk

MOST_FILES: Final = 20_000
"""Media files of one folder that a plan reads at most."""


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


def is_folder(path: Path) -> bool:
    """Whether a folder is there. Raises `StageError` as `located`."""
    return stat.S_ISDIR(_status(path).st_mode)


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What a folder holds."""

    media: list[Path]
    """Resolved, sorted by path, each once."""
    others: Counter[str]
    """The number of other files, by extension."""
    unread: dict[Path, str]
    """Files with a media extension, links and folders that cannot be read, and why."""


def files_in(folder: Path, glob: str | None, allow: AllowedSources) -> FolderContents:
    """The files of a folder that match `glob`, or all in it and below it.

    Every name without a media extension is counted apart: a folder has notes too. A file whose disk or server
    fails counts as there: it fails in its own run.

    Raises:
        StageError: `SOURCE_UNSUPPORTED` for an invalid pattern, or for more files than a plan can hold;
            `NOT_FOUND` if the folder cannot be listed; `DOWNLOAD_FAILED` if a disk or server fails meanwhile.
    """
    walk = Walk(folder, "**/*" if glob is None else glob)
    matches = set(_few(walk, folder))
    folders = _folders(allow)
    media, others, unread = set[Path](), dict[Path, str](), dict[Path, str]()
    for path in matches:
        judged = _judged(path, folders)
        if isinstance(judged, Path):
            if is_media_file(judged.name):
                media.add(judged)
            else:
                others[judged] = ending_of(judged.name)
        elif judged and is_media_file(path.name):
            unread[path] = judged
    unread |= {path: _NOT_FOLLOWED for path in walk.links if _leads_elsewhere(path, folder, folders)}
    if len(media) > MOST_FILES:
        raise StageError(
            Reason.SOURCE_UNSUPPORTED, f"{folder} holds more than {MOST_FILES} media files: name parts of it"
        )
    return FolderContents(
        sorted(media), Counter(others.values()), dict(sorted((walk.unread | unread).items()))
    )


_NOT_FOLLOWED: Final = "a link to a folder, which ** does not follow: name that folder as a source of its own"


def _judged(path: Path, folders: Sequence[Path]) -> Path | str:
    """The real path of a file that may be read, or why it may not; empty for what is neither a file nor a
    link to one. Whether something is there is told only below the allowed folders."""
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(allowed) for allowed in folders):
        return "leads out of the folders that the profile allows"
    try:
        return real if stat.S_ISREG(real.stat().st_mode) else ""
    except OSError as error:
        if unreadable(str(path), error).reason is not Reason.NOT_FOUND:
            return real
        gone = isinstance(error, FileNotFoundError) and not path.is_symlink()  # deleted a moment ago
        return "" if gone else error.strerror or str(error)


def _leads_elsewhere(link: Path, folder: Path, folders: Sequence[Path]) -> bool:
    """Whether a link leads to another allowed folder, whose files are not found below this one."""
    real = Path(os.path.realpath(link))
    if real.is_relative_to(folder) or not any(real.is_relative_to(allowed) for allowed in folders):
        return False
    try:
        return real.is_dir()
    except OSError:
        return False


def _few(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """The paths, as long as they are few enough for a plan."""
    for count, path in enumerate(paths):
        if count > MOST_FILES * 10:
            raise StageError(
                Reason.SOURCE_UNSUPPORTED,
                f"{folder} holds more than {MOST_FILES * 10} entries: name parts of it",
            )
        yield path


def _status(path: Path) -> os.stat_result:
    """Raises `StageError`: `NotFound` for what is not there, `DownloadFailed` if a disk or server fails."""
    try:
        return path.stat()
    except OSError as error:
        raise unreadable(str(path), error) from error


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
    """Allowed folders, resolved;
    a relative path would mean something else in every process, and allows nothing."""
    return tuple(Path(os.path.realpath(folder)) for folder in allow.folders if Path(folder).is_absolute())
