"""The command `ingestctl search`."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from ingest_worker.store.searching.terms import MOST_FOUND_PASSAGES, fault_of
from ingestctl.asking.finding import Readers, find
from ingestctl.asking.printing import show
from ingestctl.asking.question import Question
from ingestctl.consoles import console, people
from ingestctl.options import Dsn, Format, Home, Model, ModelSet, Output, root

_TIME = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s?)?")

EXAMPLES = """Examples:

ingestctl search 'what did they say about vector indexes'

ingestctl search '"night bus" -cost' --speaker ann --since 2025-01-01

ingestctl search budget --channel 'City Council' --language en --longest 1h --output json

docs/search.md says how passages are found and what the score means.
"""

light = root()
"""The command line with this command only: to import the others takes seconds."""


@light.command(epilog=EXAMPLES)
def search(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="A question, or words. What is in quotes must occur as it stands; "
            "what has a minus must not occur.",
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
        str | None,
        typer.Option("--since", metavar="DATE", help="Published on this day (2025-01-31, UTC) or later."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Published on this day (2025-01-31, UTC) or earlier."),
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
    model_set: ModelSet = None,
    model: Model = None,
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader",
            envvar="INGEST_READER",
            metavar="URL",
            help="A reader to ask. Omitted: the one that `ingestctl serve` runs for this home and store, "
            "or the store itself.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", envvar="INGEST_READER_TOKEN_FILE", help="The token of that reader."),
    ] = None,
    verbose: Annotated[  # noqa: FBT002  an option of a command has no other form
        bool, typer.Option("--verbose", "-v", help="Say who answered, and why no reader did.")
    ] = False,
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
    first, last = _day(since, "--since"), _day(until, "--until")
    if first and last and last < first:
        raise typer.BadParameter("is before --since", param_hint="--until")
    least, most = _seconds(shortest, "--shortest"), _seconds(longest, "--longest")
    if least is not None and most is not None and most < least:
        raise typer.BadParameter("is less than --shortest", param_hint="--longest")
    question = Question(
        text=query,
        limit=limit,
        speaker=_given(speaker),
        recording=_given(recording),
        channel=_given(channel),
        batch=_given(batch),
        language=_given(language),
        since=first,
        until=last,
        shortest_seconds=least,
        longest_seconds=most,
        words_only=words,
        model_set=model_set,
        model=model,
    )
    reasons: list[str] = []
    found = find(question, Readers(reader, token_file), home, dsn, reasons.append)
    if verbose:
        for each in (*reasons, f"answered by {found.way}"):
            people().print(each, soft_wrap=True)
    show(found, output, console(), people())
    if not found.items:
        people().print("nothing found")


def _given(text: str | None) -> str | None:
    """A blank value is none, as a reader takes it (docs/reader.md)."""
    return text if text and text.strip() else None


def _day(text: str | None, option: str) -> date | None:
    if not (text := _given(text)):
        return None
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day such as 2025-01-31", param_hint=option) from error


def _seconds(text: str | None, option: str) -> float | None:
    if not (text := _given(text)):
        return None
    match = _TIME.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 10m or 1h30m", param_hint=option)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(3600 * hours + 60 * minutes + seconds)
