"""`ingestctl forget` and `tombstones`: what is to be gone, and what must not come back."""

import sys
from collections import Counter
from shutil import rmtree
from typing import Annotated

import typer

from ingest_operator.local.forgetting import GoneHere, forget_here
from ingest_operator.local.status_store import holding
from ingest_worker.store.connect import Connection
from ingest_worker.store.deciding import Signed
from ingest_worker.store.forgetting import Gone, forget_channel, forget_recordings, forget_voice, sweep
from ingest_worker.store.forgotten_voice import Passages
from ingest_worker.store.tombstones import TombstoneKind, lift, tombstones
from ingest_worker.store.voice_names import VoiceError
from ingestctl.backends.here import folder_here
from ingestctl.catalog import reading
from ingestctl.commands.app import Namespace, app
from ingestctl.commands.voices import Who, called, signed
from ingestctl.options import Dsn, Format, Home, Output
from ingestctl.place import Workplace
from ingestctl.progress import going
from ingestctl.voices import show_value

group = typer.Typer(
    name="tombstones",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Marks of what was forgotten, which keep it from coming back.",
    epilog="Example: ingestctl tombstones list",
)
app.add_typer(group)

Why = Annotated[str, typer.Option("--why", help="Kept with the tombstone: no names, it is not forgotten.")]
Recording = Annotated[
    list[str] | None, typer.Option("--recording", help="A recording's id; may be repeated.")
]
Channel = Annotated[
    str | None, typer.Option("--channel", help="Every recording of this channel, and all to come.")
]
VoiceOption = Annotated[
    str | None, typer.Option("--voice", help="A name, or '#7': its vectors, names, enrolments.")
]


@app.command(epilog="Example: ingestctl forget --voice 'Ann Lee' --dry-run")
def forget(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    name: Annotated[str | None, typer.Argument(metavar="BATCH", help="A batch of this machine.")] = None,
    recording: Recording = None,
    voice: VoiceOption = None,
    channel: Channel = None,
    passages: Annotated[
        Passages,
        typer.Option("--passages", help="Of a voice: keep what it said, said by nobody known, or remove it."),
    ] = Passages.KEEP,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,  # noqa: FBT002 -- a flag
    dry_run: Annotated[  # noqa: FBT002 -- a flag that is off unless it is given
        bool, typer.Option("--dry-run", help="Count what would go, and remove nothing.")
    ] = False,
    who: Who = None,
    why: Why = "",
    namespace: Namespace = "default",
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Remove a recording, a channel or a voice from the store and from this machine, for good: rows,
    passages, vectors, words, enrolments, kept results, cache and scratch. A tombstone keeps it from coming
    back.

    There is no undo. Backups of the database are yours to age out. Of a BATCH, only what this machine keeps
    about it goes, so that its name can be used again; what it stored stays.
    """
    place = Workplace.of(home, dsn)
    if sum(each is not None for each in (name, recording, voice, channel)) != 1:
        raise typer.BadParameter("say one: a batch, --recording, --voice or --channel")
    if name is not None:
        _forget_batch(place, namespace, name, output, dry_run=dry_run)
        return
    by = signed(who, why, dry_run)

    def go(connection: Connection, by: Signed) -> Gone:
        if recording:
            return forget_recordings(connection, recording, by)
        if channel is not None:
            return forget_channel(connection, channel, by)
        return forget_voice(connection, called(voice or ""), passages, by)

    try:
        with reading(place) as connection:
            if not (yes or dry_run):
                with going("counting what would go"):
                    would_go = go(connection, signed(who, why, dry_run=True))
                _confirm(would_go)
            with going("counting what would go" if dry_run else "forgetting, in the store") as step:
                gone = go(connection, by)
                here = GoneHere(0, 0)
                if voice is None:
                    step.text = "looking through what this machine keeps of it"
                    here = forget_here(place.home, gone.recordings, dry_run=dry_run)
                if not dry_run:
                    step.text = "sweeping the store, so that nothing of it stays in its files"
                    sweep(connection)
    except VoiceError as error:
        raise typer.BadParameter(str(error)) from error
    _report(gone, here, output, dry_run=dry_run)


def _confirm(gone: Gone) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise typer.BadParameter("nobody is here to ask: --yes, or --dry-run to see what would go")
    typer.echo(f"This removes for good: {_counted(gone)}, of {len(gone.recordings)} recordings.", err=True)
    typer.confirm("Go on?", abort=True, err=True)


def _counted(gone: Gone) -> str:
    return ", ".join(f"{number} {table}" for table, number in sorted(gone.rows.items())) or "nothing stored"


def _report(gone: Gone, here: GoneHere, output: Output, *, dry_run: bool) -> None:
    value = {
        "dryRun": dry_run,
        "rows": dict(sorted(gone.rows.items())),
        "recordings": list(gone.recordings),
        "files": here.files,
        "planEntries": here.plans,
    }
    verb = "would go" if dry_run else "gone"
    lines = [
        f"{verb}: {_counted(gone)}",
        f"{verb}: {here.files} files and folders of this machine, {here.plans} entries of plans",
    ]
    show_value(value, lines, output)


def _forget_batch(place: Workplace, namespace: str, name: str, output: Output, *, dry_run: bool) -> None:
    folder = folder_here(place.home, namespace, name)
    with holding(folder), going("looking through what this machine keeps of it"):
        files = sum(path.is_file() for path in folder.path.rglob("*"))
        if not dry_run:
            rmtree(folder.path)
    verb = "would go" if dry_run else "gone"
    value = {"dryRun": dry_run, "batch": f"{namespace}/{name}", "files": files}
    lines = [f"{verb}: {files} files of {namespace}/{name} on this machine; what it stored stays"]
    show_value(value, lines, output)


@group.command("list", epilog="Example: ingestctl tombstones list --output json")
def list_tombstones(dsn: Dsn = None, home: Home = None, output: Format = Output.TABLE) -> None:
    """Show every tombstone: what kind of thing was forgotten, when, and who asked.
    Not what: nothing has that."""
    with reading(Workplace.of(home, dsn)) as connection, going("listing tombstones"):
        found = tombstones(connection)
    rows = [
        {"kind": each.kind, "key": each.key, "madeAt": each.made_at, "who": each.who, "why": each.why}
        for each in found
    ]
    lines = [
        f"{each.made_at:%Y-%m-%d}  {each.kind:9}  {each.key[:12]}  {each.who}"
        + (f": {each.why}" if each.why else "")
        for each in found
    ]
    kinds = Counter(each.kind for each in found)
    lines.append(", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "no tombstones")
    show_value(rows, lines, output)


@group.command("lift", epilog="Example: ingestctl tombstones lift --recording youtube:CNxH0rHS320")
def lift_tombstone(
    recording: Recording = None,
    voice: VoiceOption = None,
    channel: Channel = None,
    dsn: Dsn = None,
    home: Home = None,
) -> None:
    """Let something in again that was forgotten: later plans take the recording or the channel, and the voice
    may be named again. What went does not come back by itself."""
    wanted = [(TombstoneKind.RECORDING, each) for each in recording or ()]
    wanted += [(kind, each) for kind in (TombstoneKind.PART, TombstoneKind.CUT) for each in recording or ()]
    wanted += [(TombstoneKind.VOICE, voice)] if voice else []
    wanted += [(TombstoneKind.CHANNEL, channel)] if channel else []
    if not wanted:
        raise typer.BadParameter("say one: --recording, --voice or --channel")
    with reading(Workplace.of(home, dsn)) as connection, going("lifting tombstones"):
        lifted = [what for kind, what in wanted if lift(connection, kind, what)]
    if not lifted:
        raise typer.BadParameter("nothing of this was forgotten")
    typer.echo(f"lifted: {', '.join(dict.fromkeys(lifted))}")
