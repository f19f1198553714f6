"""`ingestctl logs`: what a recording's worker wrote, or writes."""

from typing import Annotated

import typer

from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingestctl import programs
from ingestctl.backends.choice import Where, on
from ingestctl.backends.port import Batches, MissingError, RunSeen
from ingestctl.commands.app import ItsName, app
from ingestctl.commands.somewhere import somewhere
from ingestctl.consoles import people
from ingestctl.log_following import Printed, Wanted, follow_logs, prefix_of
from ingestctl.options import Format, Output
from ingestctl.watching import batch_of
from ingestctl.why import chosen


@app.command(
    epilog="Examples: kubectl ingest logs my-channel youtube:CNxH0rHS320 --run 2 --tail 50; "
    "ingestctl logs my-channel -f"
)
@somewhere
def logs(  # noqa: PLR0913  the options of a command are its parameters
    name: ItsName,
    recording: Annotated[
        str | None,
        typer.Argument(
            help="Its id, the end of it, or its number (#3). With --follow it may be left out: of every one.",
            metavar="RECORDING",
        ),
    ] = None,
    *,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Print lines as they are written: of this run, and of those after it."
        ),
    ] = False,
    number: Annotated[
        int | None, typer.Option("--run", min=1, help="Of this run. Omitted: of the last one.")
    ] = None,
    tail: Annotated[
        int | None, typer.Option("--tail", min=1, help="The last lines alone. Omitted: all.")
    ] = None,
    where: Where,
    output: Format = Output.TABLE,
) -> None:
    """Print the log of a recording's worker: a JSON object per line, as it was written.

    With -o json or yaml, one document with the run and its lines. --follow ends with the recording, or with
    the batch, whose lines have the recording in front; with -o json each line is an object. Exit code 0 if
    there is a log; 2 if there is no such batch, recording or run, or its log is gone; 130 after Ctrl-C, which
    ends the following and not the run.
    """
    if follow:
        _follow(where, Wanted(name, recording, number, tail), output)
        return
    if recording is None:
        raise typer.BadParameter(
            "which recording? Or --follow, for those of the whole batch", param_hint="RECORDING"
        )

    async def story(batches: Batches) -> tuple[RunSeen, str]:
        found = await batches.get(name)
        status = batch_of(found).status or IngestBatchStatus()
        item = chosen(recording, await batches.items(found), status, name)
        runs = (await batches.runs(found, (item.index,)))[item.index]
        mine = [run for run in runs if number in (None, run.number)]
        if not mine:
            there = ", ".join(str(run.number) for run in runs) or "none"
            raise MissingError(f"no such run of {item.id} is to be seen any more; there: {there}")
        return mine[-1], await batches.log(found, mine[-1], tail)

    run, text = on(where, story)
    if output is Output.TABLE:
        print(text, end="" if text.endswith("\n") or not text else "\n")
    else:
        programs.show({"run": run, "lines": text.splitlines()}, output)


def _follow(where: Where, wanted: Wanted, output: Output) -> None:
    if output is Output.YAML:
        raise typer.BadParameter("what goes on is no document: -o json gives an object per line")
    if wanted.number is not None and wanted.recording is None:
        raise typer.BadParameter("a run of which recording?", param_hint="--run")
    console = people()
    on(
        where,
        lambda batches: follow_logs(
            batches,
            wanted,
            _printer(wanted, output),
            lambda text: console.print(text, soft_wrap=True),
        ),
        tells=True,
    )


def _printer(wanted: Wanted, output: Output) -> Printed:
    def as_object(items: tuple[Item, ...], run: RunSeen, line: str) -> None:
        named = [item.id for item in items]
        programs.show_line({"recordings": named, "run": run.number, "line": line})

    def as_line(items: tuple[Item, ...], _: RunSeen, line: str) -> None:
        print(prefix_of(items) + line if wanted.recording is None else line, flush=True)

    return as_object if output is Output.JSON else as_line
