"""`ingestctl export`: what is stored, for people and for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from ingest_contract.text import counted
from ingest_reader.exports.formats import Format as Form
from ingestctl.bulk import BulkFormat, export_all
from ingestctl.catalog import reading
from ingestctl.commands.app import app
from ingestctl.consoles import people
from ingestctl.ending import FAILED_EXIT
from ingestctl.export import NoTranscriptError, stored_transcript, write
from ingestctl.options import Dsn, Home
from ingestctl.place import Workplace
from ingestctl.progress import going


@app.command(
    epilog="Examples: ingestctl export youtube:CNxH0rHS320 --format vtt --to talk.vtt; "
    "ingestctl export --all --format jsonl --to talks.jsonl; "
    "ingestctl export --all --format vtt --to captions/"
)
def export(
    recording: Annotated[
        str | None,
        typer.Argument(
            help="The recording's id, as `ingestctl status` and `search` show it.", metavar="RECORDING"
        ),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every recording: a file each, or one of jsonl or parquet.")
    ] = False,
    form: Annotated[
        BulkFormat, typer.Option("--format", help="docs/how-to.md describes each.")
    ] = BulkFormat.JSON,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="The file to write, or the folder. Omitted: standard output."),
    ] = None,
    dsn: Dsn = None,
    home: Home = None,
) -> None:
    """Write one transcript, or all: JSON with everything, VTT or SRT captions, text for reading, or RTTM
    speaker turns; of all also JSON lines, a line per recording, or Parquet, a row per passage.

    Exit code 0 if all was written; 1 if a recording could not be read, while the others were; 2 if there is
    no such recording.
    """
    place = Workplace.of(home, dsn)
    if everything is (recording is not None):
        raise typer.BadParameter("either a recording is wanted, or --all", param_hint="RECORDING")
    if recording is None and to is None and form is not BulkFormat.JSONL:
        what = "file" if form is BulkFormat.PARQUET else "folder"
        raise typer.BadParameter(f"which {what}? Or --format jsonl, for standard output", param_hint="--to")
    try:
        if recording is None:
            _export_all(place, form, to)
        elif form in {BulkFormat.JSONL, BulkFormat.PARQUET}:
            raise typer.BadParameter(f"{form.value} is for --all", param_hint="--format")
        else:
            write(stored_transcript(place, recording), Form(form.value), to)
    except NoTranscriptError as error:
        raise typer.BadParameter(str(error), param_hint="RECORDING") from error
    except OSError as error:
        if to is None:  # a reader such as `head` has closed the pipe: the program's own main knows what to do
            raise
        raise typer.BadParameter(f"{to} cannot be written: {error.strerror}", param_hint="--to") from error


def _export_all(place: Workplace, form: BulkFormat, to: Path | None) -> None:
    with reading(place) as connection, going("writing every transcript", prints=to is None) as step:

        def begun(done: int, total: int) -> None:
            step.text = f"{done} of {total} recordings written"

        tally = export_all(connection, form, to, begun)
    for each in tally.unreadable:
        people().print(f"not written: {each}", soft_wrap=True)
    people().print(
        f"{counted(tally.recordings, 'recording')} with {counted(tally.passages, 'passage')} written",
        soft_wrap=True,
    )
    if tally.unreadable:
        raise typer.Exit(FAILED_EXIT)
