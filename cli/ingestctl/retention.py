"""What a profile says about `retention`, done on a workstation before a batch runs."""

from rich.console import Console

from ingest_contract.batch import IngestBatch
from ingest_operator.local.forgetting import forget_here
from ingest_worker.store.connect import connect
from ingest_worker.store.deciding import Signed
from ingest_worker.store.forgetting import forget_expired, sweep
from ingestctl.place import Workplace

RETENTION = Signed("retention", "older than its profile keeps")


def retained(place: Workplace, batch: IngestBatch, days: int | None, dsn: str, console: Console) -> None:
    """Forget what a batch has stored longer ago than its profile keeps, and say how much that was.

    Raises:
        StageError: `DATABASE_REJECTED` for a login that may not: a member of `ingest_curator` may.
    """
    if days is None:
        return
    with connect(dsn, application="retention") as connection:
        name = f"{batch.metadata.namespace}/{batch.metadata.name}"
        gone = forget_expired(connection, [name], days, RETENTION)
        if not gone.recordings:
            return
        sweep(connection)
    here = forget_here(place.home, gone.recordings)
    console.print(
        f"retention: {len(gone.recordings)} recordings were stored more than {days} days ago and are "
        f"forgotten, and {here.files} files of them"
    )
