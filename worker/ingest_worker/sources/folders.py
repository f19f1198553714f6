"""The entries of a folder that match a pattern, and the folders that could not be listed.

Called by `files`. `Path.glob` leaves out silently what it may not enter and lets every other error through as
an `OSError`; here a folder without permission is noted and costs no other, and a failing disk or server is
`DownloadFailed`: nobody knows then what is missing, and the plan is made again.
"""

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_contract.text import composed
from ingest_worker.errors import StageError, unreadable

_BELOW: Final = "**"
"""The part of a pattern that means a folder and every folder below it, through no link."""

_WILD: Final = re.compile(r"[*?\[]")


class Walk:
    """One pass over a folder."""

    def __init__(self, folder: Path, glob: str) -> None:
        """Raises `StageError(SOURCE_UNSUPPORTED)` if `glob` is no pattern relative to the folder."""
        self._folder, self._parts = folder, _parts(glob)
        self.unread: dict[Path, str] = {}
        """After the pass: the folders that could not be entered, and why."""
        self.links: set[Path] = set()
        """After the pass: links that `**` met and did not follow."""

    def __iter__(self) -> Iterator[Path]:
        """Every entry that matches and is not a folder, in no order, some twice.

        Raises:
            StageError: `NOT_FOUND` if the folder itself cannot be listed; `DOWNLOAD_FAILED` if a disk or a
                server fails.
        """
        waiting, seen = [(self._folder, 0)], set[tuple[Path, int]]()
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                folder, place = here
                step = self._below if self._parts[place] == _BELOW else self._matching
                for path, at in step(folder, place):
                    if at == len(self._parts):
                        yield path
                    else:
                        waiting.append((path, at))

    def _below(self, folder: Path, place: int) -> Iterator[tuple[Path, int]]:
        """For `**`: the folder itself, its folders, and its files if nothing else is wanted of them."""
        last = place + 1 == len(self._parts)
        if not last:
            yield folder, place + 1
        for entry in self._listed(folder):
            path = folder / entry.name
            if entry.is_symlink():
                self.links.add(path)
            if _is_folder(entry):
                yield path, place
            elif last:
                yield path, place + 1

    def _matching(self, folder: Path, place: int) -> Iterator[tuple[Path, int]]:
        """For a name or a pattern of names: files in the last place, and folders in every other."""
        part, last = self._parts[place], place + 1 == len(self._parts)
        named = _WILD.search(part) is None
        for name in self._named(folder, part) if named else self._names(folder, part):
            path = folder / name
            if last or self._enters(path):
                yield path, place + 1

    def _named(self, folder: Path, name: str) -> list[str]:
        """The name itself, which may be of a folder that cannot be listed, and whatever there is of it in
        another normal form."""
        others = list[str]()
        ours = os.access in os.supports_effective_ids
        if not name.isascii() and os.access(folder, os.R_OK | os.X_OK, effective_ids=ours):
            others = [each.name for each in self._listed(folder) if composed(each.name) == composed(name)]
        return list(dict.fromkeys([name, *others]))

    def _names(self, folder: Path, part: str) -> Iterator[str]:
        return (each.name for each in self._listed(folder) if _fits(each.name, part))

    def _listed(self, folder: Path) -> Iterator["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except OSError as error:
            failure = unreadable(str(folder), error)
            if failure.reason is not Reason.NOT_FOUND or folder == self._folder:
                raise failure from error
            self.unread[folder] = error.strerror or str(error)

    def _enters(self, path: Path) -> bool:
        """Whether it is a folder, or a link to one."""
        try:
            return stat.S_ISDIR(path.stat().st_mode)
        except OSError as error:
            failure = unreadable(str(path), error)
            if failure.reason is not Reason.NOT_FOUND:
                raise failure from error
            if isinstance(error, PermissionError):
                self.unread[path] = str(error.strerror)
            return False


def matcher(glob: str) -> Callable[[str], bool]:
    """Whether a path relative to a folder, `a/b.mp3`, is one that a walk with this pattern finds.

    For what has names but no folders that could be walked. Raises `StageError(SOURCE_UNSUPPORTED)` if `glob`
    is no pattern.
    """
    parts = _parts(glob)

    def reached(places: Iterable[int]) -> set[int]:
        """The places, and those behind a `**` that matches no folder."""
        found = set(places)
        for place in sorted(found):
            while place + 1 < len(parts) and parts[place] == _BELOW:
                place += 1  # noqa: PLW2901 -- it walks on
                found.add(place)
        return found

    def matches(path: str) -> bool:
        places = reached([0])
        for name in path.split("/"):
            after = set[int]()
            for place in places:
                if place < len(parts) and parts[place] == _BELOW:
                    after |= {place, place + 1} if place + 1 == len(parts) else {place}
                elif place < len(parts) and _fits(name, parts[place]):
                    after.add(place + 1)
            places = reached(after)
        return len(parts) in places

    return matches


def _fits(name: str, part: str) -> bool:
    """Whether a name fits a pattern of names, whatever the normal form of either."""
    return fnmatch.fnmatchcase(composed(name), composed(part))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder and no link; what cannot be asked is judged as a file."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _parts(glob: str) -> list[str]:
    """The pattern's parts; `**` several times in a row means the same as once."""
    parts = [part for part in glob.split("/") if part not in ("", ".")]
    if glob.startswith("/") or not parts:
        raise _no_pattern(glob, "it is no pattern below the folder")
    if "\0" in glob:
        raise _no_pattern(glob, "it has a zero byte")
    if any(_BELOW in part and part != _BELOW for part in parts):
        raise _no_pattern(glob, "** can only stand alone between two /")
    return [
        part for part, before in zip(parts, ["", *parts], strict=False) if (part, before) != (_BELOW,) * 2
    ]


def _no_pattern(glob: str, why: str) -> StageError:
    return StageError(Reason.SOURCE_UNSUPPORTED, f"the glob {glob!r} cannot be used: {why}")
