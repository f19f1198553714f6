"""`ingestctl run`: a batch on this machine, from its file to its final status."""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from ingest_contract.batch import IngestBatch
from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.text import redacted, without_credentials
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.planning import read_items
from ingest_operator.local.session import Request, Watcher, run
from ingestctl import programs
from ingestctl.consoles import results
from ingestctl.ending import FAILED_EXIT, INTERRUPTED_EXIT, leave
from ingestctl.options import Output
from ingestctl.screen import Items, summary, table_of, watcher_on
from ingestctl.tables import show_table


@dataclass(frozen=True, slots=True)
class Screen:
    """The two outputs: people read standard error, programs standard output."""

    people: Console
    output: Output


def run_batch(request: Request, screen: Screen) -> int:
    """Run the batch. Returns the process's exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    watcher = watcher_on(screen.people)
    try:
        with watcher:
            batch, interrupted = asyncio.run(_run(request, watcher))
    except InterruptedBeforeRunsError:
        return INTERRUPTED_EXIT
    folder = BatchFolder.of(request.home, batch.metadata.namespace, batch.metadata.name)
    show(batch, read_items(folder), screen)
    return INTERRUPTED_EXIT if interrupted else exit_code(batch)


async def _run(request: Request, watcher: Watcher) -> tuple[IngestBatch, bool]:
    stop = asyncio.Event()
    with stopping_on_signals(stop, watcher):
        batch = await run(request, watcher, stop, time.time)
    return batch, stop.is_set()


@contextmanager
def stopping_on_signals(stop: asyncio.Event, watcher: Watcher) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends workers cleanly;
    after a second one the command does not wait for them."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            leave()
        stop.set()
        watcher.said(
            "stopping: workers roll back and end; "
            "run the same command to go on (Ctrl-C again to leave at once)"
        )

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)  # the loop would leave the default: an end without a clear-up


def exit_code(batch: IngestBatch) -> int:
    """0 only if the batch is complete and nothing failed."""
    status = batch.status
    complete = status is not None and any(
        condition.type is ConditionType.COMPLETE and condition.status is ConditionStatus.TRUE
        for condition in status.conditions
    )
    return (
        0
        if status is not None and (complete or batch.spec.suspend) and not status.counts.failed
        else FAILED_EXIT
    )


def show(batch: IngestBatch, items: Items, screen: Screen) -> None:
    """Print the resource with its status, in the requested format."""
    if screen.output is Output.TABLE:
        _show_table(batch, items, results())
    else:
        document = json.loads(batch.model_dump_json(exclude_none=True, exclude_defaults=False))
        show_document(document, screen.output)


def show_document(batch: Mapping[str, Any], output: Output) -> None:
    """Print a resource's document, with no credentials in any address of it. As kubectl does, without who
    manages which field; and without what `kubectl apply` remembers, the whole manifest once more."""
    document = _without_credentials(batch)
    metadata = document.get("metadata", {})
    metadata.pop("managedFields", None)
    if isinstance(annotations := metadata.get("annotations"), dict):
        annotations.pop(LAST_APPLIED, None)
    programs.show(document, output)


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation by which `kubectl apply` remembers what it was given."""


def _without_credentials(value: Any) -> Any:
    """A copy. Every text is looked at: a field of a later version may hold an address too."""
    match value:
        case str():
            return redacted(without_credentials(value))
        case Mapping():
            return {key: _without_credentials(each) for key, each in value.items()}
        case list():
            return [_without_credentials(each) for each in value]
        case _:
            return value


def _show_table(batch: IngestBatch, items: Items, to: Console) -> None:
    status = batch.status
    if status is None:
        return
    to.print(f"{batch.metadata.namespace}/{batch.metadata.name}: {status.state} ({summary(status)})")
    for condition in status.conditions:
        if condition.status is ConditionStatus.TRUE and condition.message:
            to.print(f"{condition.type}: {condition.reason}: {condition.message}")
    if status.plan and status.plan.left_out:
        to.print(
            "left out by the plan: "
            + ", ".join(f"{entry.count} {entry.reason}" for entry in status.plan.left_out)
        )
    for word, entries in (("failed", status.failures), ("skipped", status.skips)):
        for entry in entries:
            to.print(f"{entry.count} {word}: {entry.reason}{_how(entry.reason)}: {entry.sentence}")
    if status.recordings:
        show_table(table_of(status, items), to)


def _how(reason: str) -> str:
    """How a run shows that it ended so; nothing of a reason that only a later operator knows."""
    if reason not in set(Reason):
        return ""
    code = FAILURES[Reason(reason)].exit_code
    return f" (exit code {code})" if code is not None else " (seen from outside)"
