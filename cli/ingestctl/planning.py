"""`ingestctl plan`: what a batch would ingest, without ingesting it.

The batch is planned under a name of its own, so that neither its own plan nor its status is touched; what
sites were asked counts for their pace as always.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml
from rich.console import Console

from ingest_contract.order import Item
from ingest_contract.status import PlanStatus
from ingest_contract.text import without_credentials
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.planning import read_items
from ingest_operator.local.session import Request, Watcher, run
from ingestctl.options import Output
from ingestctl.run import stopping_on_signals
from ingestctl.screen import duration, title_of

PREFIX: Final = "dry-run-"
"""In front of the batch's name, for the plan alone."""

MAX_NAME_CHARACTERS: Final = 63

SHOWN_RECORDINGS: Final = 20
"""Recordings that the table lists; JSON has all."""

DEFAULT_RTF_RATIO: Final = 0.05
"""Seconds of a GPU per second of audio where the user states none: the assumption of docs/performance.md."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a batch would ingest."""

    items: tuple[Item, ...]
    plan: PlanStatus
    rtf: float

    @property
    def unknown_lengths(self) -> int:
        """Recordings whose source announces no length: they are in no sum."""
        return sum(item.duration_seconds is None for item in self.items)

    @property
    def gpu_hours(self) -> float:
        """Hours of a GPU at the stated rate."""
        return self.plan.media_seconds * self.rtf / 3600


def dry(request: Request) -> Request:
    """The request to plan alone, apart from the batch itself."""
    metadata = request.batch.metadata
    name = f"{PREFIX}{metadata.name}"[:MAX_NAME_CHARACTERS].rstrip("-.")
    spec = request.batch.spec.model_copy(update={"dry_run": True})
    batch = request.batch.model_copy(
        update={"metadata": metadata.model_copy(update={"name": name}), "spec": spec}
    )
    return replace(request, batch=batch)


async def planned(request: Request, watcher: Watcher, clock: Callable[[], float], rtf: float) -> Planned:
    """Plan the sources, and leave nothing behind. Raises `PlanningError`, and `InterruptedBeforeRunsError`
    once the process that plans has ended after Ctrl-C."""
    metadata = request.batch.metadata
    folder = BatchFolder.of(request.home, metadata.namespace, metadata.name)
    shutil.rmtree(folder.path, ignore_errors=True)  # an earlier one may have been killed
    stop = asyncio.Event()
    try:
        with stopping_on_signals(stop, watcher):
            batch = await run(request, watcher, stop, clock)
        status = batch.status.plan if batch.status else None
        return Planned(
            read_items(folder), status or PlanStatus(sources=0, recordings=0, media_seconds=0), rtf
        )
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)


def document(found: Planned) -> dict[str, Any]:
    """The plan as JSON values."""
    return {
        "recordings": len(found.items),
        "media_hours": round(found.plan.media_seconds / 3600, 3),
        "unknown_lengths": found.unknown_lengths,
        "left_out": {each.reason: each.count for each in found.plan.left_out},
        "rtf": found.rtf,
        "gpu_hours": round(found.gpu_hours, 3),
        "items": [_item(item) for item in found.items],
    }


def _item(item: Item) -> Mapping[str, Any]:
    return {
        "index": item.index,
        "id": item.id,
        "title": item.title,
        "url": without_credentials(item.url),
        "duration_seconds": item.duration_seconds,
    }


def show_plan(found: Planned, output: Output, to: Console) -> None:
    """Print the plan."""
    match output:
        case Output.JSON:
            print(json.dumps(document(found), indent=2, ensure_ascii=False))
        case Output.YAML:
            print(yaml.safe_dump(document(found), sort_keys=False, allow_unicode=True), end="")
        case Output.TABLE:
            for line in _lines(found):
                to.print(line, soft_wrap=not to.is_terminal)


def _lines(found: Planned) -> list[str]:
    unknown = f", {found.unknown_lengths} of unknown length not counted" if found.unknown_lengths else ""
    lines = [
        f"{len(found.items)} recordings, {found.plan.media_seconds / 3600:.1f} h of audio{unknown}",
        f"{found.gpu_hours:.1f} GPU-hours at RTF {found.rtf:g} (--rtf says another rate)",
        *(f"left out: {each.count} {each.reason}" for each in found.plan.left_out),
    ]
    shown = found.items[:SHOWN_RECORDINGS]
    lines += [f"{item.index:5}  {duration(item.duration_seconds):>8}  {title_of(item)}" for item in shown]
    if len(found.items) > len(shown):
        lines.append(f"... and {len(found.items) - len(shown)} more (-o json lists all)")
    return lines
