"""`ingestctl why`: why a batch, or one of its recordings, is where it is, and what to do next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ingest_contract.batch import IngestBatch
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingest_contract.text import counted, legible, without_credentials
from ingest_contract.times import rfc3339
from ingestctl import programs
from ingestctl.backends.near import near_names
from ingestctl.backends.port import Batches, CommandError, EventSeen, Found, MissingError, RunSeen
from ingestctl.causes import Why, next_step_of, of_batch, of_recording, state_of
from ingestctl.options import Output
from ingestctl.screen import doubted_of, summary, title_of
from ingestctl.tables import show_table
from ingestctl.watching import batch_of, with_rows

SHOWN_EVENTS: Final = 10
"""The last Events that are shown."""

LOG_LINES: Final = 10
"""The last lines of the log that are shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known about one batch, or one recording of it."""

    found: Found
    batch: IngestBatch
    why: Why
    item: Item | None = None
    state: str = ""
    """The recording's."""
    runs: tuple[RunSeen, ...] = ()
    log: str = ""
    """The last lines of its last run's log."""
    events: tuple[EventSeen, ...] = ()
    gaps: tuple[str, ...] = ()
    """What could not be found out, and why."""


async def answer(batches: Batches, name: str, recording: str | None) -> Answer:
    """The answer about a batch, or a recording. Raises `CommandError`."""
    found = await batches.get(name)
    batch, gaps = batch_of(found), list[str]()
    try:
        events = await batches.events(found)
    except CommandError as error:
        events = ()
        gaps.append(f"Events: {error}")
    if recording is None:
        return Answer(found, batch, of_batch(batch), events=events, gaps=tuple(gaps))
    item = chosen(recording, await batches.items(found), batch.status or IngestBatchStatus(), name)
    runs, log = (await batches.runs(found, (item.index,)))[item.index], ""
    if runs:
        try:
            log = await batches.log(found, runs[-1], LOG_LINES)
        except CommandError as error:
            gaps.append(f"log: {error}")
    ended = next(
        (run for run in reversed(runs) if run.state not in ("Pending", "Running", "Succeeded")), None
    )
    why = of_recording(batch, item.index, (ended.state, ended.message) if ended else None)
    state = state_of(batch.status or IngestBatchStatus(), item.index)
    mine = tuple(each for each in events if item.id in each.note)
    return Answer(found, batch, why, item, state, runs, log, mine, tuple(gaps))


def chosen(text: str, items: Mapping[int, Item], status: IngestBatchStatus, batch: str) -> Item:
    """The recording that is meant: by its id, by the end of it that is its alone, or by its number, `#3`.
    Raises `MissingError` with ids that are near."""
    known = with_rows(status, items)
    exact = [item for item in known.values() if item.id == text]
    ends = [item for item in known.values() if item.id.rpartition(":")[2] == text]
    number = text.removeprefix("#")
    by_number = [known[int(number)]] if number.isdecimal() and int(number) in known else []
    for matching in (exact, ends, by_number):
        if len(matching) == 1:
            return matching[0]
    near = near_names(text, [item.id for item in known.values()])
    raise MissingError(f"no recording {text!r} in batch {batch}{near}")


def show_why(answered: Answer, output: Output, to: Console) -> None:
    """Print the answer."""
    if output is Output.TABLE:
        _print(answered, to)
    else:
        programs.show(document(answered), output)


def document(answered: Answer) -> dict[str, Any]:
    """The answer as JSON values."""
    status = answered.batch.status or IngestBatchStatus()
    item, found = answered.item, answered.found
    own: dict[str, Any] = {"recording": None, "runs": [], "log": []}
    if item is not None:
        row = next((each for each in status.recordings if each.index == item.index), None)
        own = {
            "recording": {
                "index": item.index,
                "id": item.id,
                "title": item.title,
                "url": without_credentials(item.url),
                "state": answered.state,
                "row": json.loads(row.to_json()) if row else None,
            },
            "runs": [programs.record(run) for run in answered.runs],
            "log": answered.log.splitlines(),
        }
    return {
        "namespace": found.namespace,
        "name": found.name,
        "state": status.state,
        "why": programs.record(answered.why) | {"nextStep": found.said(answered.why.next_step)},
        **own,
        "conditions": [json.loads(each.to_json()) for each in status.conditions],
        "failures": _reasons(found, status.failures),
        "skips": _reasons(found, status.skips),
        "soundsLike": [json.loads(each.to_json()) for each in status.sums.sounds_like],
        "nodes": [json.loads(each.to_json()) for each in status.nodes],
        "events": [programs.record(event) for event in answered.events],
        "gaps": list(answered.gaps),
    }


def _reasons(found: Found, entries: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"reason": e.reason, "count": e.count, "nextStep": found.said(next_step_of(e.reason))}
        for e in entries
    ]


def _print(answered: Answer, to: Console) -> None:
    found, status = answered.found, answered.batch.status or IngestBatchStatus()
    _line(to, f"{found.namespace}/{found.name}: {status.state} ({summary(status)})")
    if answered.item is not None:
        item = answered.item
        _line(to, f"#{item.index} {item.id}: {answered.state}: {title_of(item)}")
    _line(to, f"{answered.why.reason}: {found.said(answered.why.next_step)}")
    if answered.why.particulars:
        _line(to, f"  {legible(answered.why.particulars)}")
    if answered.item is None:
        _print_batch(found, status, to)
    else:
        _print_runs(answered, answered.item.index, to)
    if answered.events:
        to.print()
        show_table(_events(answered.events[-SHOWN_EVENTS:]), to)
        if (earlier := len(answered.events) - SHOWN_EVENTS) > 0:
            _line(to, f"... and {earlier} before them (-o json lists all)")
    if answered.log:
        to.print()
        _line(to, f"last lines of run {answered.runs[-1].number}'s log:")
        for line in answered.log.splitlines():
            _line(to, f"  {legible(line)}")
    for gap in answered.gaps:
        _line(to, f"not known: {gap}")


def _print_batch(found: Found, status: IngestBatchStatus, to: Console) -> None:
    for word, entries in (("failed", status.failures), ("skipped", status.skips)):
        for entry in entries:
            _line(to, f"{entry.count} {word}: {entry.reason}: {found.said(next_step_of(entry.reason))}")
    if doubted := doubted_of(status):
        _line(to, f"{doubted} doubted: LanguageDoubted: {next_step_of('LanguageDoubted')}")
    for node in status.nodes:
        avoided = f"avoided until {node.until}" if node.avoided else "watched"
        _line(to, f"node {node.name}: {counted(node.runs, 'run')} ended by {node.reason.value}, {avoided}")
    if status.conditions:
        to.print()
        table = _table("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE")
        for each in status.conditions:
            cells = (each.type.value, each.status.value, each.reason, each.last_transition_time)
            table.add_row(*cells, legible(each.message))
        show_table(table, to)


def _print_runs(answered: Answer, index: int, to: Console) -> None:
    rows = (answered.batch.status or IngestBatchStatus()).recordings
    row = next((each for each in rows if each.index == index), None)
    if row is not None:
        rung = f", rung {row.rung} of the memory ladder" if row.rung else ""
        later = f", not before {row.not_before}" if row.not_before else ""
        _line(to, f"run {row.run}, {counted(row.charged_attempts, 'attempt')} charged{rung}{later}")
    if answered.runs:
        to.print()
        table = _table("RUN", "PHASE", "END", "EXIT", "RUNG", "STARTED", "ENDED", "NODE", "MESSAGE")
        for run in answered.runs:
            code = "" if run.exit_code is None else str(run.exit_code)
            cells = (str(run.number), run.phase, run.state, code, str(run.rung))
            table.add_row(
                *cells, _at(run.started_at), _at(run.ended_at), run.node or "", legible(run.message)
            )
        show_table(table, to)


def _events(events: Sequence[EventSeen]) -> Table:
    table = _table("EVENT", "AT", "COUNT", "NOTE")
    for event in events:
        table.add_row(event.reason, event.at, str(event.count), legible(event.note))
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _at(moment: datetime | None) -> str:
    return "-" if moment is None else rfc3339(moment.replace(microsecond=0))


def _line(to: Console, text: str) -> None:
    to.print(text, soft_wrap=not to.is_terminal)
