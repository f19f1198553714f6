"""Gives a system user access to one folder and to nothing else: an access list entry on each folder above
that is closed to it.

Postgres refuses to run as root, so under root it runs as a user of its own, and that user must traverse
folders such as `/root` (mode 0700) to its program and its data. `chmod o+x /root` would let every user
through; a POSIX access list lets one user through.
"""

import errno
import os
import stat
import struct
from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError

_ATTRIBUTE: Final = "system.posix_acl_access"
_VERSION: Final = 2
_ENTRY: Final = struct.Struct("<HHI")
"""tag, permissions, id: `linux/posix_acl_xattr.h`. All integers are little-endian on every machine."""
_OWNER, _USER, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID: Final = 0xFFFF_FFFF
_PASS: Final = 0b001

Entries = list[tuple[int, int, int]]


def let_through(folder: Path, uid: int) -> None:
    """Let the user `uid` traverse `folder` and every folder above it. Linux, as root.

    Raises `StageError(DATABASE_UNAVAILABLE)` with the next step, if the file system has no access lists.
    """
    for place in (folder, *folder.parents):
        status = place.stat()
        if status.st_mode & stat.S_IXOTH or (status.st_uid == uid and status.st_mode & stat.S_IXUSR):
            continue
        try:
            _grant_pass(place, uid, status.st_mode)
        except OSError as error:
            said = (
                f"Postgres' system user cannot pass through {place}. Next: "
                f"use another folder, or `chmod o+x {place}`."
            )
            raise StageError(Reason.DATABASE_UNAVAILABLE, said) from error


def _grant_pass(place: Path, uid: int, mode: int) -> None:
    entries = _read(place, mode)
    kept = [entry for entry in entries if entry[0] != _MASK and entry[::2] != (_USER, uid)]
    before = next((permissions for tag, permissions, _ in entries if tag == _USER), 0)
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), (mode >> 3) & 0b111)
    kept += [(_USER, before & _PASS | _PASS, uid), (_MASK, mask | _PASS, _NO_ID)]
    content = b"".join(_ENTRY.pack(*entry) for entry in sorted(kept, key=lambda entry: (entry[0], entry[2])))
    os.setxattr(place, _ATTRIBUTE, struct.pack("<I", _VERSION) + content)


def _read(place: Path, mode: int) -> Entries:
    """The access list of a folder; without one, the entries that its mode means."""
    try:
        content = os.getxattr(place, _ATTRIBUTE)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return [(_OWNER, mode >> 6 & 7, _NO_ID), (_GROUP, mode >> 3 & 7, _NO_ID), (_OTHERS, mode & 7, _NO_ID)]
    return list(_ENTRY.iter_unpack(content[4:]))
