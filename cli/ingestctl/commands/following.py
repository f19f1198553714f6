"""`ingestctl list`, `status`, `watch` and `why`: batches of this machine or of a cluster."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console

from ingest_contract.documents import InvalidDocumentError
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingestctl import programs
from ingestctl.backends.choice import Where, on
from ingestctl.backends.port import Batches, CommandError, Found
from ingestctl.causes import of_batch
from ingestctl.commands.app import ItsName, app
from ingestctl.commands.somewhere import somewhere
from ingestctl.consoles import people, results
from ingestctl.listing import record_of, show_list
from ingestctl.options import Format, Output
from ingestctl.run import Screen, exit_code, show, show_document
from ingestctl.screen import watcher_on
from ingestctl.watching import Shown, batch_of, follow, on_screen, with_rows
from ingestctl.why import answer, show_why


@app.command(
    "list",
    epilog="Examples: ingestctl list; kubectl ingest list -A; ingestctl list --context gpu -n talks -o json",
)
@somewhere
def list_batches(
    *,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="The batches of every namespace.")
    ] = False,
    where: Where,
    output: Format = Output.TABLE,
) -> None:
    """List batches with their state, counts, progress and age: those of this machine, or of a cluster.

    Exit code 0, also where there is none; 1 if the cluster refuses or does not answer; 2 without a usable
    kubeconfig.
    """
    # a list of this machine's batches has those of every namespace, unless one is named
    where = replace(where, everywhere=everywhere or (where.is_here and where.namespace is None))

    async def story(batches: Batches) -> tuple[str, tuple[Found, ...]]:
        return batches.where, await batches.all()

    place, found = on(where, story)
    if output is Output.TABLE and not found:
        people().print(f"no batches in {place}", soft_wrap=True)
        return
    show_list(found, output, time.time(), results())


@app.command(epilog="Examples: ingestctl status my-channel -o yaml; kubectl ingest status talks -n media")
@somewhere
def status(
    name: ItsName,
    *,
    where: Where,
    output: Format = Output.TABLE,
) -> None:
    """Show how far a batch is, or how it ended. With -o json or yaml: its object, in a cluster as `kubectl
    get` has it, but addresses without credentials.

    Exit code 0; 1 if the cluster refuses or does not answer; 2 if there is no such batch.
    """

    async def story(batches: Batches) -> tuple[Found, Mapping[int, Item], str]:
        found = await batches.get(name)
        if found.batch is None and where.is_here:  # it says itself which file it is, and what to do
            raise InvalidDocumentError((found.unreadable,))
        items, gap = dict[int, Item](), ""
        if output is Output.TABLE:  # a document names recordings by their ids
            batch = batch_of(found)
            try:
                items |= await batches.items(found)
            except CommandError as error:  # of a plan that is damaged, a status is wanted all the more
                gap = f"titles and lengths are not known: {error}"
            items = dict(with_rows(batch.status or IngestBatchStatus(), items))
        return found, items, gap

    found, items, gap = on(where, story)
    if output is not Output.TABLE and found.thing is not None:
        show_document(found.thing, output)
        return
    batch = batch_of(found)
    if gap:
        people().print(gap, soft_wrap=True)
    if batch.status is None and output is Output.TABLE:
        why = of_batch(batch)
        people().print(f"{batch.metadata.namespace}/{name}: {why.reason}: {why.next_step}", soft_wrap=True)
        return
    show(batch, items, Screen(people(), output))


@app.command(epilog="Examples: ingestctl watch my-channel; kubectl ingest watch my-channel -n talks")
@somewhere
def watch(
    name: ItsName,
    *,
    where: Where,
    output: Format = Output.TABLE,
) -> None:
    """Follow a batch to its end: bars on a terminal, lines in a pipe, with -o json a JSON object per change.

    Exit code 0 only if it is complete and nothing failed; 1 if something did; 2 if there is no such batch;
    130 after Ctrl-C, which ends the watching and not the batch.
    """
    if output is Output.YAML:
        raise typer.BadParameter(
            "what goes on is no document: -o json gives an object per change", param_hint="--output"
        )
    if output is Output.TABLE:
        console = people()
        with watcher_on(console) as watcher:
            shown = _while_read(console, on_screen(watcher))
            found = on(where, lambda batches: follow(batches, name, shown, watcher.said), tells=True)
    else:
        say = people().print
        found = on(where, lambda batches: follow(batches, name, _as_lines(), say), tells=True)
    raise typer.Exit(exit_code(batch_of(found)))


def _while_read(console: Console, shown: Shown) -> Shown:
    """The same, until nobody reads it: `2>&1 | head` has what it wanted."""

    def shown_to_somebody(found: Found, status: IngestBatchStatus, items: Mapping[int, Item]) -> None:
        shown(found, status, items)
        if console.quiet:
            raise BrokenPipeError

    return shown_to_somebody


def _as_lines() -> Shown:
    last: list[Any] = [None]

    def shown(found: Found, status: IngestBatchStatus, _: object) -> None:
        record = record_of(found, time.time()) | {
            "recordings": json.loads(status.to_json()).get("recordings", [])
        }
        del record["ageSeconds"]
        if record != last[0]:
            programs.show_line(record)
        last[0] = record

    return shown


@app.command(
    epilog="Examples: ingestctl why my-channel; kubectl ingest why my-channel youtube:CNxH0rHS320 -n talks"
)
@somewhere
def why(
    name: ItsName,
    recording: Annotated[
        str | None,
        typer.Argument(help="A recording: its id, the end of it, or its number (#3).", metavar="RECORDING"),
    ] = None,
    *,
    where: Where,
    output: Format = Output.TABLE,
) -> None:
    """Say in one sentence why a batch or a recording is where it is, and what to do next; then what is known:
    conditions, reasons, nodes, Events, runs, rungs, the last lines of the log.

    The sentences are in docs/why.md. Exit code 0 if it could be said; 2 if there is no such batch or
    recording.
    """
    show_why(on(where, lambda batches: answer(batches, name, recording)), output, results())
