"""`ingestctl voices`: who speaks in the corpus, and what people say about it."""

import getpass
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from ingest_worker.store.connect import Connection
from ingest_worker.store.deciding import Done, Signed
from ingest_worker.store.decisions import correct, correct_part, merge, name, split, undo
from ingest_worker.store.voice_list import decisions, voice_details, voices
from ingest_worker.store.voice_names import VoiceError, VoiceName, voice_of
from ingestctl import voices as shown
from ingestctl.catalog import reading
from ingestctl.commands.app import app
from ingestctl.consoles import people
from ingestctl.options import Dsn, Format, Home, Output
from ingestctl.place import Workplace
from ingestctl.progress import going

group = typer.Typer(
    name="voices",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who speaks in the corpus: list voices, put names to them, and set right what a run has mistaken. "
    "What a person decides holds for every recording at once, for every one that comes, and over every later "
    "run; each decision is kept with who made it and why, and can be taken back.",
    epilog="Example: ingestctl voices list; ingestctl voices name '#7' 'Ann Lee' --why 'introduces herself'",
)
app.add_typer(group)

_CLOCK = re.compile(
    r"(?:(?:(\d{1,3}):)?([0-5]?\d):)?((?<=:)[0-5]?\d(?:\.\d{1,3})?|(?<!:)\d{1,6}(?:\.\d{1,3})?)", re.ASCII
)

Voice = Annotated[
    str, typer.Argument(metavar="VOICE", help="A name, or '#7' for `unknown #7` (with quotes in a shell).")
]
Who = Annotated[str | None, typer.Option("--who", help="Who decides. Omitted: your name on this machine.")]
Why = Annotated[str, typer.Option("--why", help="How you know; kept with the decision.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]

From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="In one recording: only from here, as 1:02:03 or 750."),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="To here.")]


class Which(StrEnum):
    """Which voices to list."""

    ALL = "all"
    NAMED = "named"
    UNKNOWN = "unknown"


def signed(who: str | None, why: str, dry_run: bool) -> Signed:  # noqa: FBT001 -- the option as it is
    """Who decides: the option, else the user of this machine."""
    try:
        return Signed(who or getpass.getuser(), why, dry_run)
    except (KeyError, OSError) as error:  # a container's user without a name
        raise typer.BadParameter("this user has no name: say who decides", param_hint="--who") from error


def decided(place: Workplace, output: Output, decide: Callable[[Connection], Done]) -> None:
    """Make a decision and show what it changed. Mistakes of the user end with exit code 2."""
    try:
        with reading(place) as connection, going("deciding, in every recording"):
            done = decide(connection)
    except VoiceError as error:
        raise typer.BadParameter(str(error)) from error
    shown.show_done(done, output)


def called(text: str) -> VoiceName:
    """A voice as the user writes it. Raises `typer.BadParameter`."""
    try:
        return voice_of(text)
    except VoiceError as error:
        raise typer.BadParameter(str(error)) from error


@group.command("list", epilog="Example: ingestctl voices list --which unknown --min-seconds 60")
def list_voices(
    which: Annotated[Which, typer.Option("--which", help="Which voices.")] = Which.ALL,
    min_seconds: Annotated[
        float, typer.Option("--min-seconds", min=0, help="Only who speaks so long in all.")
    ] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")] = 1000,
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """List voices, who speaks most first: seconds of speech, recordings, the named voice that an unknown one
    is most like, and a link to listen to.

    OPEN counts decisions that a later run could not carry over: `voices show` says why.
    """
    with reading(Workplace.of(home, dsn)) as connection, going("listing voices"):
        found = voices(connection, which.value, min_seconds, limit + 1)
    shown.show_voices(found[:limit], output)
    if len(found) > limit:
        people().print("there are more: a higher --limit shows them", soft_wrap=True)


@group.command("show", epilog="Example: ingestctl voices show '#7'")
def show_voice(voice: Voice, dsn: Dsn = None, home: Home = None, output: Format = Output.TABLE) -> None:
    """Show one voice: where it speaks, with links; what a run says otherwise, with its score; what was
    decided about it, by whom; and what is open."""
    of = called(voice)
    try:
        with reading(Workplace.of(home, dsn)) as connection, going("looking for the voice"):
            found = voice_details(connection, of)
    except VoiceError as error:
        raise typer.BadParameter(str(error), param_hint="VOICE") from error
    shown.show_voice(found, output)


@group.command("history", epilog="Example: ingestctl voices history --output json")
def history(dsn: Dsn = None, home: Home = None, output: Format = Output.TABLE) -> None:
    """Show every decision, in order, those that were taken back too."""
    with reading(Workplace.of(home, dsn)) as connection, going("reading decisions"):
        found = decisions(connection)
    if not found and output is Output.TABLE:
        people().print("nothing was decided yet")
    shown.show_decisions(found, output)


@group.command("name", epilog="Example: ingestctl voices name '#7' 'Ann Lee' --why 'introduces herself'")
def name_voice(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    voice: Voice,
    name_: Annotated[str, typer.Argument(metavar="NAME", help="What transcripts show from now on.")],
    who: Who = None,
    why: Why = "",
    dry_run: DryRun = False,  # noqa: FBT002 -- a flag that is off unless it is given
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Put a name to a voice, or another name, in every recording.

    It becomes an enrolment too: runs that come recognise the voice by what it said in up to sixteen
    recordings. A name that others have already makes both one voice.
    """
    of, to, by = called(voice), called(name_), signed(who, why, dry_run)
    decided(Workplace.of(home, dsn), output, lambda connection: name(connection, of, to, by))


@group.command("merge", epilog="Example: ingestctl voices merge 'Ann Lee' '#12' '#30'")
def merge_voices(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    voice: Voice,
    others: Annotated[list[str], typer.Argument(metavar="OTHER", help="Voices that are this one too.")],
    who: Who = None,
    why: Why = "",
    dry_run: DryRun = False,  # noqa: FBT002 -- a flag that is off unless it is given
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Make several voices one: the first is kept, the others become it, in every recording."""
    kept, by = called(voice), signed(who, why, dry_run)
    more = [called(each) for each in others]
    decided(Workplace.of(home, dsn), output, lambda connection: merge(connection, kept, more, by))


@group.command(
    "split", epilog="Example: ingestctl voices split 'Ann Lee' --recording youtube:a1 --recording youtube:b2"
)
def split_voice(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    voice: Voice,
    recording: Annotated[
        list[str], typer.Option("--recording", help="Where it is somebody else; may be repeated.")
    ],
    start: From = None,
    end: To = None,
    who: Who = None,
    why: Why = "",
    dry_run: DryRun = False,  # noqa: FBT002 -- a flag that is off unless it is given
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Say that a voice is somebody else in these recordings, or in a stretch of one: they get a number of
    their own, which you can name then."""
    of, by = called(voice), signed(who, why, dry_run)
    span = stretch(start, end)
    if span is None:
        decided(Workplace.of(home, dsn), output, lambda connection: split(connection, of, recording, by))
        return
    if len(recording) != 1:
        raise typer.BadParameter("a stretch lies in one recording", param_hint="--recording")
    decided(
        Workplace.of(home, dsn),
        output,
        lambda connection: correct_part(connection, recording[0], span, of, None, by),
    )


@group.command(
    "correct",
    epilog="Example: ingestctl voices correct youtube:a1 --is 'Bob Ray' --from 12:30 --to 14:05",
)
def correct_voice(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    recording: Annotated[
        str, typer.Argument(metavar="RECORDING", help="The recording's id, as `ingestctl search` shows it.")
    ],
    is_now: Annotated[str, typer.Option("--is", metavar="VOICE", help="Who it is: a name, or '#7'.")],
    voice: Annotated[
        str | None, typer.Option("--voice", metavar="VOICE", help="Who the transcript says it is.")
    ] = None,
    start: From = None,
    end: To = None,
    who: Who = None,
    why: Why = "",
    dry_run: DryRun = False,  # noqa: FBT002 -- a flag that is off unless it is given
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Say who speaks in one recording: everything that --voice says there, or the passages of a stretch.

    Passages move whole, those of which most lies in the stretch; the report says how many lie there in part.
    """
    was, to, by = called(voice) if voice else None, called(is_now), signed(who, why, dry_run)
    span = stretch(start, end)
    if span is None and was is None:
        raise typer.BadParameter("say whose voice it is not, or from when to when", param_hint="--voice")

    def decide(connection: Connection) -> Done:
        if span is not None:
            return correct_part(connection, recording, span, was, to, by)
        assert was is not None  # noqa: S101  refused above
        return correct(connection, recording, was, to, by)

    decided(Workplace.of(home, dsn), output, decide)


@group.command("undo", epilog="Example: ingestctl voices undo 12 --why 'it was her sister'")
def undo_decision(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    decision: Annotated[
        int, typer.Argument(metavar="DECISION", help="Its number, as `voices history` shows it.")
    ],
    who: Who = None,
    why: Why = "",
    dry_run: DryRun = False,  # noqa: FBT002 -- a flag that is off unless it is given
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Take a decision back, in every recording. One on which others build is taken back after them."""
    by = signed(who, why, dry_run)
    decided(Workplace.of(home, dsn), output, lambda connection: undo(connection, decision, by))


def stretch(start: str | None, end: str | None) -> tuple[float, float] | None:
    """Two times as seconds; None for none. Raises `typer.BadParameter`."""
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise typer.BadParameter("a stretch has a beginning and an end", param_hint="--from, --to")
    return _seconds(start, "--from"), _seconds(end, "--to")


def _seconds(text: str, option: str) -> float:
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise typer.BadParameter(f"{text!r} is no time: 750, 12:30 and 1:02:03 are", param_hint=option)
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
