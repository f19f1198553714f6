"""`ingestctl plan`: what a batch would ingest, without ingesting it.

The batch is planned in a folder apart, so that no batch's plan or status is touched, whatever it is called;
what sites were asked counts for their pace as always.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from ingest_contract.order import Item
from ingest_contract.status import PlanStatus
from ingest_contract.text import counted, without_credentials
from ingest_operator.local.folders import APART, BatchFolder
from ingest_operator.local.planning import read_items
from ingest_operator.local.session import Request, Watcher, run
from ingest_operator.local.status_store import is_alive
from ingestctl import programs
from ingestctl.options import Output
from ingestctl.run import stopping_on_signals
from ingestctl.screen import duration, title_of

LEFT_SECONDS: Final = 3600.0
"""Seconds after which a folder that no session holds was left by a plan that was killed: whoever begins holds
its folder at once."""

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
    """The request to plan alone."""
    spec = request.batch.spec.model_copy(update={"dry_run": True})
    return replace(request, batch=request.batch.model_copy(update={"spec": spec}))


async def planned(request: Request, watcher: Watcher, clock: Callable[[], float], rtf: float) -> Planned:
    """Plan the sources, and leave nothing behind. Raises `PlanningError`, and `InterruptedBeforeRunsError`
    once the process that plans has ended after Ctrl-C."""
    stop = asyncio.Event()
    with _folder(request.home / APART, clock) as folder:
        with stopping_on_signals(stop, watcher):
            batch = await run(replace(request, apart=folder), watcher, stop, clock)
        status = batch.status.plan if batch.status else None
        return Planned(
            read_items(folder), status or PlanStatus(sources=0, recordings=0, media_seconds=0), rtf
        )


@contextmanager
def _folder(plans: Path, clock: Callable[[], float]) -> Iterator[BatchFolder]:
    """A folder of this plan's own. What an earlier one left that was killed goes."""
    plans.mkdir(parents=True, exist_ok=True)
    for left in map(BatchFolder, plans.iterdir()):
        with suppress(FileNotFoundError):  # another plan that ended meanwhile
            if not is_alive(left) and clock() - left.path.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left.path, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=plans) as made:
        yield BatchFolder(Path(made))


def document(found: Planned) -> dict[str, Any]:
    """The plan as JSON values."""
    return {
        "recordings": len(found.items),
        "mediaHours": round(found.plan.media_seconds / 3600, 3),
        "unknownLengths": found.unknown_lengths,
        "leftOut": [json.loads(each.to_json()) for each in found.plan.left_out],
        "rtf": found.rtf,
        "gpuHours": round(found.gpu_hours, 3),
        "items": [_item(item) for item in found.items],
    }


def _item(item: Item) -> Mapping[str, Any]:
    return {
        "index": item.index,
        "id": item.id,
        "title": item.title,
        "url": without_credentials(item.url),
        "durationSeconds": item.duration_seconds,
    }


def show_plan(found: Planned, output: Output, to: Console) -> None:
    """Print the plan."""
    if output is not Output.TABLE:
        programs.show(document(found), output)
        return
    for line in _lines(found):
        to.print(line, soft_wrap=not to.is_terminal)


def _lines(found: Planned) -> list[str]:
    unknown = f", {found.unknown_lengths} of unknown length not counted" if found.unknown_lengths else ""
    hours = f"{found.plan.media_seconds / 3600:.1f} h of audio"
    lines = [
        f"{counted(len(found.items), 'recording')}, {hours}{unknown}",
        f"{found.gpu_hours:.1f} GPU-hours at RTF {found.rtf:g} (--rtf says another rate)",
        *(f"left out: {each.count} {each.reason}" for each in found.plan.left_out),
    ]
    shown = found.items[:SHOWN_RECORDINGS]
    lines += [f"{item.index:5}  {duration(item.duration_seconds):>8}  {title_of(item)}" for item in shown]
    if len(found.items) > len(shown):
        lines.append(f"... and {len(found.items) - len(shown)} more (-o json lists all)")
    return lines
