"""The cache in a folder: a claim, a folder of the node, or one in a workstation's home.

Several workers may share it, on several machines. A file is written under a temporary name beside its place,
synchronised, and renamed. Only regular files count: a link or a pipe that somebody put there is not followed
and does not block.
"""

import contextlib
import errno
import os
import re
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from typing_extensions import override

from ingest_worker.cache.storage import BLOCK_BYTES, Storage, StoredFile, missing, unavailable

_ABSENT: Final = frozenset({errno.ENOENT, errno.ELOOP})
"""Error numbers of what is not there, and of a link where there should be a file."""

_NOT_SYNCHRONISED: Final = frozenset({errno.EINVAL, errno.ENOTSUP})
"""Error numbers of a file system that synchronises files and no folders: some of those over a network or of a
virtual machine's host. Files are as safe there as they can be."""

_DRAFT: Final = re.compile(r"^\.(.+)\.[0-9a-f]{32}\.part$")
"""The temporary name of a file that is being written."""


class FolderStorage(Storage):
    """Implements `Storage` in one folder, which is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def size(self, name: str, /) -> int | None:
        with self._typed():
            try:
                status = (self._folder / name).lstat()
            except FileNotFoundError:
                return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @override
    def blocks(self, name: str, /) -> Iterator[bytes]:
        descriptor = self._opened(name)
        try:
            while block := self._read(descriptor):
                yield block
        finally:
            os.close(descriptor)

    def _opened(self, name: str) -> int:
        with self._typed():
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                descriptor = os.open(self._folder / name, flags)
            except OSError as error:
                if error.errno in _ABSENT:
                    raise missing(name) from error
                raise
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
            raise missing(name)

    def _read(self, descriptor: int) -> bytes:
        with self._typed():
            return os.read(descriptor, BLOCK_BYTES)

    @override
    def write(self, name: str, blocks: Iterable[bytes], /) -> None:
        draft = self._folder / f".{name}.{uuid.uuid4().hex}.part"
        try:
            with self._typed():
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor
                    file.writelines(blocks)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._folder / name)
                self._synchronise()
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def _synchronise(self) -> None:
        """Make the new name last, too: without it a manifest could outlive its audio after a power cut."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NOT_SYNCHRONISED:
                raise
        finally:
            os.close(descriptor)

    @override
    def remove(self, name: str, /) -> None:
        with self._typed():
            (self._folder / name).unlink(missing_ok=True)

    @override
    def stored(self, prefix: str = "", /) -> Iterator[StoredFile]:
        now = time.time()
        with self._typed():
            try:
                entries = os.scandir(self._folder)
            except FileNotFoundError:
                return
            with entries:
                for entry in entries:
                    draft = _DRAFT.match(entry.name)
                    if (draft.group(1) if draft else entry.name).startswith(prefix):
                        with contextlib.suppress(FileNotFoundError):
                            yield StoredFile(entry.name, now - entry.stat(follow_symlinks=False).st_mtime)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unavailable(str(self._folder), error.strerror or str(error)) from error
