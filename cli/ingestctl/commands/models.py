"""`ingestctl models list`, `fetch`, `lock` and `verify`: locked model sets on this machine."""

from typing import Annotated

import typer

from ingest_worker.models import load_set, lock
from ingestctl import models as sets
from ingestctl import programs
from ingestctl.commands.app import app
from ingestctl.consoles import people, results
from ingestctl.ending import FAILED_EXIT
from ingestctl.options import Format, Home, Output
from ingestctl.place import Workplace
from ingestctl.progress import going
from ingestctl.search import set_name_of
from ingestctl.tables import show_table

group = typer.Typer(
    name="models",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Sets of models: what there is, and what is here.",
    epilog="Example: ingestctl models fetch default",
)
app.add_typer(group)

SetName = Annotated[str, typer.Argument(metavar="SET", help="A set's name, or a .yaml file of your own.")]


@group.command("list", epilog="Example: ingestctl models list")
def list_sets(home: Home = None, output: Format = Output.TABLE) -> None:
    """List every model of every set: what it is for, its size and licence, and whether it is here."""
    rows = sets.listed(Workplace.of(home, None).models)
    if output is not Output.TABLE:
        programs.show(rows, output)
        return
    show_table(sets.table_of(rows), results())


@group.command(epilog="Example: ingestctl models fetch default")
def fetch(name: SetName, home: Home = None) -> None:
    """Fetch a set and lock it. An interrupted fetch resumes where it was; a complete set is only checked.

    For a gated model it says on which page to accept the conditions, before anything is fetched.
    """
    folder, wanted = Workplace.of(home, None).models, load_set(name)
    found = sets.fetch_with_bars(wanted, folder, people())
    people().print(sets.verdict_text(found, wanted, folder), soft_wrap=True)


@group.command("lock", epilog="Example: ingestctl models lock default")
def lock_set(name: SetName, home: Home = None) -> None:
    """Lock models that you have put into the folder by hand, as on a machine without a network."""
    folder, wanted = Workplace.of(home, None).models, load_set(name)
    with going("hashing the files of the models"):
        made = lock(wanted, folder)
    people().print(sets.verdict_text(made, wanted, folder), soft_wrap=True)


@group.command(epilog="Example: ingestctl models verify default")
def verify(name: SetName, home: Home = None) -> None:
    """Compare every file of a set with its lock.
    Exit code 1 if a file is missing, different, or not in the lock."""
    faults = 0
    with going("hashing the files of the models", prints=True):
        for verdict in sets.verified(Workplace.of(home, None).models, set_name_of(name)):
            print(f"{verdict.model}: {verdict.fault or 'every file as locked'}", flush=True)
            faults += verdict.fault is not None
    raise typer.Exit(FAILED_EXIT if faults else 0)
