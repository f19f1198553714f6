"""What a profile says about `retention`, done on a workstation before a batch runs."""

from rich.console import Console

from ingest_contract.batch import IngestBatch
from ingest_operator.local.forgetting import forget_here
from ingest_worker.store.connect import connect
from ingest_worker.store.forgetting import forget_expired, sweep
from ingestctl.place import Workplace


def retained(place: Workplace, batch: IngestBatch, days: int | None, dsn: str, console: Console) -> None:
    """Forget what batches of a profile have stored longer ago than it keeps, and say how much that was.

    Raises:
        StageError: `DATABASE_REJECTED` for a login that may not: a member of `ingest_curator` may.
    """
    if days is None:
        return
    with connect(dsn, application="retention") as connection:
        names = (batch.spec.profile_ref.name, batch.metadata.name)
        profile, name = (f"{batch.metadata.namespace}/{each}" for each in names)
        parts = forget_expired(connection, profile, days, [name])
        gone = [recording for part in parts for recording in part.recordings]
        if not gone:
            return
        sweep(connection)
    here = forget_here(place.home, gone)
    console.print(
        f"retention: {len(gone)} recordings were stored more than {days} days ago and are "
        f"forgotten, and {here.files} files of them"
    )
