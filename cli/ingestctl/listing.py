"""`ingestctl list`: every batch of a place, as a table or as JSON."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ingest_contract.status import IngestBatchStatus
from ingestctl import programs
from ingestctl.backends.port import Found
from ingestctl.causes import of_batch
from ingestctl.options import Output
from ingestctl.screen import duration
from ingestctl.tables import NARROW_COLUMNS, print_rows

_DAY_SECONDS: Final = 86_400


def age(seconds: float) -> str:
    """`45s`, `12m`, `7h` or `3d`, as kubectl shows it."""
    for unit, length in (("d", _DAY_SECONDS), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or (seconds >= length and unit != "m"):
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def record_of(found: Found, now: float) -> dict[str, Any]:
    """One batch as JSON values."""
    batch = found.batch
    status = (batch.status if batch else None) or IngestBatchStatus()
    why = of_batch(batch) if batch else None
    return {
        "namespace": found.namespace,
        "name": found.name,
        "state": status.state if batch else "Unreadable",
        "reason": why.reason if why else None,
        "nextStep": found.said(why.next_step) if why else found.unreadable,
        "counts": json.loads(status.counts.to_json()),
        "progressPercent": status.progress_percent,
        "etaSeconds": status.eta_seconds,
        "cost": json.loads(status.cost.to_json()) if status.cost else None,
        "createdAt": found.created_at,
        "ageSeconds": None if found.created_at is None else round(now - found.created_at.timestamp()),
    }


def show_list(found: Iterable[Found], output: Output, now: float, to: Console) -> None:
    """Print the batches."""
    if output is Output.TABLE:
        print_rows(_table(tuple(found), now, narrow=to.width < NARROW_COLUMNS), to)
    else:
        programs.show([record_of(each, now) for each in found], output)


def _table(found: tuple[Found, ...], now: float, *, narrow: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    left = {"NAMESPACE", "NAME", "STATE"}
    for name in _narrow() if narrow else _wide():
        table.add_column(name, justify="left" if name in left else "right", overflow="fold")
    for each in found:
        cells = dict(zip(_wide(), _cells(each, now), strict=True))
        table.add_row(*(cells[name] for name in (_narrow() if narrow else _wide())))
    return table


def _wide() -> tuple[str, ...]:
    return "NAMESPACE", "NAME", "STATE", "PROGRESS", "DONE", "SKIPPED", "FAILED", "TOTAL", "ETA", "AGE"


def _narrow() -> tuple[str, ...]:
    return "NAME", "STATE", "DONE", "FAILED", "TOTAL", "AGE"


def _cells(each: Found, now: float) -> Iterator[str]:
    status = (each.batch.status if each.batch else None) or IngestBatchStatus()
    counts = status.counts
    yield each.namespace
    yield each.name
    yield status.state if each.batch else "Unreadable"
    yield f"{status.progress_percent}%"
    for count in (counts.succeeded, counts.skipped, counts.failed, counts.total):
        yield str(count)
    yield duration(status.eta_seconds)
    yield "-" if each.created_at is None else age(now - each.created_at.timestamp())
