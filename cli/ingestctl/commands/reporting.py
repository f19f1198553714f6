"""`ingestctl report`: how a batch went, as one HTML file."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ingest_contract.status import IngestBatchStatus
from ingest_operator.local.folders import write_atomically
from ingest_reader.pages.report import Ended, Facts, Stored, report
from ingest_worker.store.reading.heard import SpeakersAsked, heard_speakers
from ingest_worker.store.reading.progress import RunsAsked, shown_runs
from ingestctl.backends.choice import Where, on
from ingestctl.backends.port import Batches, Found
from ingestctl.catalog import reading
from ingestctl.causes import next_step_of
from ingestctl.commands.app import ItsName, app
from ingestctl.commands.somewhere import somewhere
from ingestctl.consoles import people
from ingestctl.options import Dsn
from ingestctl.place import Workplace
from ingestctl.progress import going
from ingestctl.watching import batch_of

SHOWN_RUNS: Final = 2_000
"""The latest runs that a report shows; a file of some 600 kB."""

SHOWN_VOICES: Final = 50
"""Who speaks most."""


@app.command(
    "report", epilog="Examples: ingestctl report talks; kubectl ingest report talks -n media --dsn 'host=db'"
)
@somewhere
def report_batch(
    name: ItsName,
    *,
    where: Where,
    dsn: Dsn = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="The file. Omitted: BATCH-report.html in this folder.")
    ] = None,
) -> None:
    """Write how a batch went into one HTML file: outcomes, reasons with their next steps, where time went,
    RTF, coverage, cost, speakers and runs.

    The file asks nobody for anything; it can be mailed, printed and kept. Of a cluster's batch, runs and
    speakers are in it if --dsn names the store. Exit code 0 once it is written; 1 if the cluster or the store
    refuses; 2 if there is no such batch, or the file cannot be written.
    """

    async def story(batches: Batches) -> Found:
        return await batches.get(name)

    found = on(where, story)
    status = batch_of(found).status or IngestBatchStatus()
    full = f"{found.namespace}/{found.name}"
    place = Workplace.of(where.home, dsn)
    asks_store = place.has_store and (place.dsn is not None or where.is_here)
    moment = datetime.fromtimestamp(time.time(), UTC)
    stored = _stored(place, full, status.trace_id) if asks_store else None
    facts = Facts(full, f"{moment:%Y-%m-%d %H:%M} UTC", status, _ended(found, status), stored)
    path = to or Path(f"{found.name}-report.html")
    try:
        write_atomically(path, report(facts), 0o666)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--to") from error
    people().print(f"wrote {path}", soft_wrap=True)


def _stored(place: Workplace, batch: str, trace_id: str | None) -> Stored:
    """What the store has of this life of a batch: an earlier one of the same name counts only if the status
    cannot tell them apart."""
    runs_asked = RunsAsked(SHOWN_RUNS, batch=batch, trace_id=trace_id)
    speakers_asked = SpeakersAsked(SHOWN_VOICES, batch=batch, trace_id=trace_id)
    with reading(place) as connection, going("reading runs and speakers"):
        runs, more_runs = shown_runs(connection, runs_asked)
        speakers, more_speakers = heard_speakers(connection, speakers_asked)
    return Stored(runs, speakers, more_runs is not None, more_speakers is not None)


def _ended(found: Found, status: IngestBatchStatus) -> tuple[Ended, ...]:
    groups = (("failed", status.failures), ("skipped", status.skips))
    return tuple(
        Ended(outcome, each.reason, each.count, found.said(next_step_of(each.reason)))
        for outcome, reasons in groups
        for each in reasons
    )
