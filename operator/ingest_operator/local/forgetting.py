"""What lies of a forgotten recording in a workstation's home: its audio in the cache, its scratch, its runs,
and its entries in frozen plans. Called by `ingestctl forget`."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from ingest_contract.cache import cache_key
from ingest_operator.local.folders import BatchFolder, read_json, write_atomically
from ingest_operator.local.status_store import holding

FORGOTTEN_ID: Final = "forgotten:"
"""How the id begins that stands in a plan for a recording which is gone: indexes of others must not move."""

_KEPT: Final[tuple[str, ...]] = ("index", "durationSeconds")


@dataclass(frozen=True, slots=True)
class GoneHere:
    """What went."""

    files: int
    """Files and folders of the cache, scratch and runs."""
    plans: int
    """Entries of plans."""


def forget_here(home: Path, recordings: Iterable[str], *, dry_run: bool = False) -> GoneHere:
    """Remove what this home has of these recordings. Raises `BatchBusyError` if a batch of it is running."""
    away, files, plans = frozenset(recordings), 0, 0
    for folder in BatchFolder.every(home):
        with holding(folder):
            indexes, entries = _out_of_plans(folder, away, dry_run=dry_run)
            plans += entries
            namespace = folder.path.parent.name
            keys = [cache_key(f"{namespace}/x", each) for each in away]
            left = [path for key in keys for path in (home / "cache").glob(f"*{key}*")]
            left += [path for index in indexes for path in _of_recording(folder, index)]
            if entries:
                left += [
                    path for path in (folder.path / "plans", folder.path / "forking.log") if path.exists()
                ]
            files += _removed(left, dry_run=dry_run)
    return GoneHere(files, plans)


def _of_recording(folder: BatchFolder, index: int) -> Iterator[Path]:
    if folder.scratch(index).exists():
        yield folder.scratch(index)
    yield from (folder.path / "runs").glob(f"{index:05d}-*")


def _out_of_plans(folder: BatchFolder, away: frozenset[str], *, dry_run: bool) -> tuple[set[int], int]:
    """(indexes of recordings that are gone, entries that were)."""
    indexes, entries, number = set[int](), 0, 0
    while (saved := read_json(folder.plan(number))) is not None:
        document, before = saved["document"], entries
        for key in ("items", "skipped"):
            for place, entry in enumerate(document.get(key, ())):
                if entry["id"] in away:
                    entries += 1
                    indexes |= {entry["index"]} if "index" in entry else set()
                    document[key][place] = _blank(entry)
        if entries > before and not dry_run:
            write_atomically(folder.plan(number), json.dumps(saved))
        number += 1
    return indexes, entries


def _blank(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with nothing in it but what others count on."""
    digest = hashlib.sha256(entry["id"].encode()).hexdigest()[:16]
    kept: dict[str, Any] = {key: entry[key] for key in _KEPT if key in entry}
    if "reason" in entry:
        return {"reason": entry["reason"], "id": f"{FORGOTTEN_ID}{digest}"}
    return {**kept, "id": f"{FORGOTTEN_ID}{digest}", "url": FORGOTTEN_ID}


def _removed(paths: list[Path], *, dry_run: bool) -> int:
    if not dry_run:
        for path in paths:
            if path.is_dir():
                rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return len(paths)
