"""`ingestctl doctor` and `migrate`: what this machine lacks, and how a store is made ready."""

from pathlib import Path
from typing import Annotated, Final

import typer

from ingest_contract.documents import InvalidDocumentError
from ingest_contract.failures import Reason
from ingest_contract.profile import IngestProfile, IngestProfileSpec
from ingest_operator.local.sources import Mounts
from ingest_worker.errors import StageError
from ingest_worker.store.roles import NO_ROLES, create_roles
from ingest_worker.store.schema import ensure_dimension, expected_version
from ingest_worker.store.schema import migrate as apply_migrations
from ingestctl.commands.app import Cookies, Secrets, app, pairs
from ingestctl.consoles import people
from ingestctl.doctor import State, engine, findings
from ingestctl.files import read_all
from ingestctl.machine import facts_of, trials
from ingestctl.options import Dsn, Home
from ingestctl.place import Workplace
from ingestctl.progress import going

TRYING: Final = "trying every engine (on a GPU that is new to it, the first call compiles for a minute)"


def profile_in(path: Path | None) -> IngestProfileSpec:
    """The one profile in a file; the default one without a file. Raises `InvalidDocumentError`."""
    if path is None:
        return IngestProfileSpec()
    profiles = [document for document in read_all([path]) if isinstance(document, IngestProfile)]
    if len(profiles) != 1:
        raise InvalidDocumentError((f"{path}: one IngestProfile is wanted, and {len(profiles)} are there",))
    return profiles[0].spec


@app.command(epilog="Example: ingestctl doctor --profile batch.yaml")
def doctor(
    profile: Annotated[
        Path | None,
        typer.Option("--profile", help="Check for the profile in this file, instead of the default."),
    ] = None,
    dsn: Dsn = None,
    home: Home = None,
    secret: Secrets = None,
    cookies: Cookies = None,
) -> None:
    """Check what batches need on this machine, one line each, and say how to get what is missing. At the end
    every engine does a piece of work where workers would run it. Changes nothing.

    Exit code 1 if something that batches need is missing.
    """
    place = Workplace.of(home, dsn)
    mounts = Mounts(secrets=pairs(secret, "--secret"), cookies=cookies)
    wanted = profile_in(profile)
    with going("looking at this machine"):
        facts = facts_of(place, wanted, mounts)
    found = [*findings(facts)]
    for finding in found:
        print(finding)
    if not facts.models.fault:
        with going(TRYING, prints=True):
            for tried in trials(place, facts):
                found.append(engine(tried))
                print(found[-1], flush=True)
    raise typer.Exit(int(any(finding.state is State.MISSING for finding in found)))


@app.command(
    epilog="Example: ingestctl migrate --dsn postgresql://owner@db.example.org/video --dimension 1024 --roles"
)
def migrate(
    dimension: Annotated[
        list[int] | None,
        typer.Option("--dimension", help="Make the table for vectors of so many numbers. May be repeated."),
    ] = None,
    roles: Annotated[  # noqa: FBT002 -- a flag that is off unless it is given
        bool,
        typer.Option("--roles", help="Make the group roles ingest_writer and ingest_reader, and grant them."),
    ] = False,
    dsn: Dsn = None,
    home: Home = None,
) -> None:
    """Migrate a database to this program's schema, as its owner. Safe to repeat. The embedded store does this
    by itself."""
    console = people()
    with going("migrating the schema"), Workplace.of(home, dsn).store() as address:
        applied = apply_migrations(address)
        for size in dimension or ():
            ensure_dimension(address, size)
        if roles and not create_roles(address):
            raise StageError(Reason.DATABASE_REJECTED, NO_ROLES)
    console.print(
        f"schema {expected_version()}: {'applied ' + ', '.join(applied) if applied else 'nothing to do'}"
    )
