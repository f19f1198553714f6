"""`ingestctl search` and `export`: what is stored, for people and for other programs."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ingest_reader.exports.formats import Format as Form
from ingest_worker.store.search import MOST_FOUND_PASSAGES, Filters, fault_of
from ingestctl import search as searching
from ingestctl.bulk import BulkFormat, export_all
from ingestctl.catalog import reading
from ingestctl.commands.app import Dsn, Format, Home, app
from ingestctl.export import NoTranscriptError, stored_transcript, write
from ingestctl.place import Workplace, console, people
from ingestctl.run import FAILED_EXIT, Output

_DAY = ["%Y-%m-%d"]
_TIME = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s?)?")


_EXAMPLES = """Examples:

ingestctl search 'what did they say about vector indexes'

ingestctl search '"night bus" -cost' --speaker ann --since 2025-01-01

ingestctl search budget --channel 'City Council' --language en --longest 1h --output json

docs/search.md says how passages are found and what the score means.
"""


@app.command(epilog=_EXAMPLES)
def search(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    query: Annotated[
        str,
        typer.Argument(
            help="A question, or words. What is in quotes must occur as it stands; "
            "what has a minus must not occur."
        ),
    ],
    speaker: Annotated[
        str | None, typer.Option("--speaker", help="Only what this person says: a name, or 'unknown #3'.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", help="Only in recordings of this channel, by its name.")
    ] = None,
    batch: Annotated[
        str | None, typer.Option("--batch", help="Only what this batch ingested, for example default/talks.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Only in recordings of this language, for example de.")
    ] = None,
    recording: Annotated[
        str | None,
        typer.Option("--recording", help="Only in this recording, for example youtube:CNxH0rHS320."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", formats=_DAY, metavar="DATE", help="Published on this day (2025-01-31, UTC) or later."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            formats=_DAY,
            metavar="DATE",
            help="Published on this day (2025-01-31, UTC) or earlier.",
        ),
    ] = None,
    shortest: Annotated[
        str | None,
        typer.Option("--shortest", metavar="TIME", help="Only in recordings of this length (10m) or more."),
    ] = None,
    longest: Annotated[
        str | None,
        typer.Option("--longest", metavar="TIME", help="Only in recordings of this length (1h30m) or less."),
    ] = None,
    words: Annotated[  # noqa: FBT002  an option of a command has no other form
        bool,
        typer.Option("--words", help="By words alone: no text model is needed, and no paraphrase is found."),
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_FOUND_PASSAGES, help="At most so many passages.")
    ] = 10,
    model_set: Annotated[
        str | None,
        typer.Option(
            "--model-set",
            help="The set (name or file) to take the text model from. Omitted: any that is here.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="The text model, where the store has vectors of several, for example all-MiniLM-L6-v2.",
        ),
    ] = None,
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Find passages by meaning and by words at once, best first, with the speaker, the time, and a link to
    the moment.

    A passage need not hold every word of the question: rare words count more than common ones, in whatever
    form they stand. Behind the score is what it is made of: how much of the question's words the passage
    holds, and how near its meaning is (1.00 is the same).
    """
    if fault := fault_of(query):
        raise typer.BadParameter(fault, param_hint="QUERY")
    if since and until and until < since:
        raise typer.BadParameter("is before --since", param_hint="--until")
    filters = Filters(
        speaker=speaker,
        recording=recording,
        channel=channel,
        batch=batch,
        language=language,
        published_from=None if since is None else since.date(),
        published_before=searching.day_after(None if until is None else until.date()),
        shortest_seconds=_seconds(shortest, "--shortest"),
        longest_seconds=_seconds(longest, "--longest"),
    )
    question = searching.Question(query, limit, filters, words, model_set, model)
    answer = searching.find(Workplace.of(home, dsn), question)
    searching.show(answer, output, console(), people())
    if not answer.hits:
        people().print("nothing found")


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    match = _TIME.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 10m or 1h30m", param_hint=option)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(3600 * hours + 60 * minutes + seconds)


@app.command(
    epilog="Examples: ingestctl export youtube:CNxH0rHS320 --format vtt --to talk.vtt; "
    "ingestctl export --all --format jsonl --to talks.jsonl; "
    "ingestctl export --all --format vtt --to captions/"
)
def export(
    recording: Annotated[
        str | None,
        typer.Argument(
            help="The recording's id, as `ingestctl status` and `search` show it.", metavar="[RECORDING]"
        ),
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every recording: a file each, or one of jsonl or parquet.")
    ] = False,
    form: Annotated[
        BulkFormat, typer.Option("--format", "-f", help="docs/how-to.md describes each.")
    ] = BulkFormat.JSON,
    to: Annotated[
        Path | None,
        typer.Option("--to", "-o", help="The file to write, or the folder. Omitted: standard output."),
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
    with reading(place) as connection:
        tally = export_all(connection, form, to)
    for each in tally.unreadable:
        people().print(f"not written: {each}", soft_wrap=True)
    people().print(f"{tally.recordings} recordings with {tally.passages} passages written", soft_wrap=True)
    if tally.unreadable:
        raise typer.Exit(FAILED_EXIT)
