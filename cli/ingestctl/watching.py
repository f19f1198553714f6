"""`ingestctl watch`: follows a batch to its end, in a cluster or here, on the screen of `ingestctl run`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ingest_contract.batch import IngestBatch
from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.failed import is_pass_asked
from ingestctl.backends.port import Batches, CommandError, Found, PassingError
from ingestctl.causes import Why, of_batch
from ingestctl.screen import PlainWatcher, TerminalWatcher

EVERY_SECONDS: Final = 2.0
"""Seconds between two looks at the status."""

Shown = Callable[[Found, IngestBatchStatus, Mapping[int, Item]], None]


def is_over(batch: IngestBatch) -> bool:
    """Whether nothing of it happens any more unless a person acts. What was complete before a retry that
    nobody has begun yet goes on."""
    if batch.status is None:
        return False
    holding = {
        each.type: each.reason for each in batch.status.conditions if each.status is ConditionStatus.TRUE
    }
    if ConditionType.COMPLETE in holding:
        return not is_pass_asked(batch.spec, batch.status.retry_failed)
    match holding.get(ConditionType.FAILED):
        case "PlanningFailed":
            return batch.status.plan is None
        case "TooManyFailures":  # nothing more starts
            asked, counts = is_pass_asked(batch.spec, batch.status.retry_failed), batch.status.counts
            return not asked and not counts.running and not counts.fetching
        case _:
            return False


def on_screen(watcher: PlainWatcher | TerminalWatcher) -> Shown:
    """Shows a status as `ingestctl run` does, and a line whenever something else holds the batch up."""
    last: list[Why | None] = [None]

    def shown(found: Found, status: IngestBatchStatus, items: Mapping[int, Item]) -> None:
        why = of_batch(batch_of(found))
        if (last[0] is None or why.reason != last[0].reason) and why.reason not in _QUIET:
            watcher.said(f"{why.reason}: {found.said(why.next_step)}")
            if why.particulars:
                watcher.said(f"  {why.particulars}")
        last[0] = why
        watcher.showed(status, with_rows(status, items))

    return shown


_QUIET: Final = frozenset({"Running", "Outdated"})
"""What the screen shows anyway, or what passes in a moment."""


def with_rows(status: IngestBatchStatus, items: Mapping[int, Item]) -> Mapping[int, Item]:
    """The recordings, and in place of those whose plan is not known yet, what the status says of them."""
    unknown = (row for row in status.recordings if row.index not in items)
    return {row.index: Item(index=row.index, id=row.id, url=row.id, title=row.id) for row in unknown} | dict(
        items
    )


def batch_of(found: Found) -> IngestBatch:
    """The batch, where it can be read. Raises `CommandError`."""
    if found.batch is None:
        raise CommandError(
            f"{found.namespace}/{found.name} comes from another version ({found.unreadable}): "
            "use the ingestctl of that version"
        )
    return found.batch


async def follow(
    batches: Batches,
    name: str,
    shown: Shown,
    said: Callable[[str], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Found:
    """Show each status until the batch is over, or nobody carries it on. Raises `CommandError`."""
    items: Mapping[int, Item] = {}
    planned = -1
    while True:
        try:
            found = await batches.get(name)
            batch = batch_of(found)
            status = batch.status or IngestBatchStatus()
            if status.plan is not None and status.plan.recordings != planned:
                items, planned = await batches.items(found), status.plan.recordings
        except PassingError as error:
            said(f"{error}; asked again")
            await pause(EVERY_SECONDS)
            continue
        shown(found, status, items)
        if is_over(batch):
            return found
        if not await batches.is_live(found):
            if is_over(batch_of(last := await batches.get(name))):  # it ended between the two looks
                shown(last, batch_of(last).status or status, items)
                return last
            said(f"nobody carries {found.namespace}/{found.name} on: `ingestctl run` with its file does")
            return found
        await pause(EVERY_SECONDS)
