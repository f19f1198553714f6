"""`ingestctl plan`: a dry run of a batch's file."""

import asyncio
import time
from contextlib import ExitStack
from typing import Annotated

import typer

from ingest_operator.core.orders import Machine
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.session import Request
from ingest_worker.store.connect import connect
from ingest_worker.store.schema import migrate
from ingestctl.catalog import require_schema
from ingestctl.commands.app import ConfigMaps, Cookies, Files, Secrets, Volumes, app, mounted
from ingestctl.consoles import people, results
from ingestctl.ending import INTERRUPTED_EXIT
from ingestctl.files import asked
from ingestctl.options import Dsn, Format, Home, Output
from ingestctl.place import Workplace
from ingestctl.planning import DEFAULT_RTF_RATIO, dry, planned, show_plan
from ingestctl.progress import going
from ingestctl.screen import watcher_on


@app.command(epilog="Examples: ingestctl plan batch.yaml; ingestctl plan batch.yaml --rtf 0.02 -o json")
def plan(  # noqa: PLR0913  the options of a command are its parameters
    files: Files,
    *,
    rtf: Annotated[
        float,
        typer.Option(
            "--rtf", min=0.0001, max=100, help="Seconds of a GPU per second of audio, for GPU-hours."
        ),
    ] = DEFAULT_RTF_RATIO,
    volume: Volumes = None,
    config_map: ConfigMaps = None,
    secret: Secrets = None,
    cookies: Cookies = None,
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
) -> None:
    """Say what a batch would ingest, and ingest nothing: recordings, hours, what is left out and why, and the
    hours of a GPU at a rate that you state.

    Sources are resolved on this machine, and what the store (--dsn) has already is left out. In a cluster,
    `dryRun: true` in the batch does the same. Exit code 0 if it could be planned; 1 if a source cannot be
    resolved; 2 for mistakes in the files; 130 after Ctrl-C.
    """
    place, wanted = Workplace.of(home, dsn), asked(files)
    mounts = mounted(volume, config_map, secret, cookies)
    console = people()
    with ExitStack() as opened:
        with going("opening the store", console):
            address = opened.enter_context(place.store())
            _ready(place, address)
        watcher = watcher_on(console)
        opened.enter_context(watcher)
        request = Request(
            wanted.batch, wanted.profile, place.home, place.models, address,
            Machine(has_gpu=False, cores=1), mounts, speakers=wanted.speakers,
        )  # fmt: skip
        try:
            found = asyncio.run(planned(dry(request), watcher, time.time, rtf))
        except InterruptedBeforeRunsError:
            raise typer.Exit(INTERRUPTED_EXIT) from None
    show_plan(found, output, results())


def _ready(place: Workplace, address: str) -> None:
    if place.dsn is None:
        migrate(address)
        return
    with connect(address, application="ingestctl") as connection:
        require_schema(connection)
