"""Results of finished stages, kept between runs: after a worker was killed in the last stage, the next one
does not transcribe again.

The newest result per (recording, stage) is kept, under its stage hash: another hash means another model or
parameter, and does not count. The content is bytes from `codec`, opaque to this file.
"""

from datetime import datetime

from ingest_contract.stages import KEPT, RESTS_ON, Stage
from ingest_worker.codec import FORMAT_VERSION
from ingest_worker.store.claims import Claim, hold
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated


def put(connection: Connection, held: Claim, stage: Stage, stage_hash: str, content: bytes) -> None:
    """Keep a stage's result, replacing the previous one; what was made of the previous one goes. Raises
    `StageError(LEASE_LOST)` if another holder took the recording over."""
    if stage not in KEPT:
        raise ValueError(f"the result of {stage} is not kept")
    with translated(f"keeping the result of {stage}"), connection.transaction():
        hold(connection, held)
        connection.execute(
            "insert into ingest.artifact (recording, stage, stage_hash, format, content) "
            "values (%s, %s, %s, %s, %b) on conflict (recording, stage) do update "
            "set stage_hash = excluded.stage_hash, format = excluded.format, content = excluded.content, "
            "created_at = excluded.created_at",
            [held.recording, stage.value, stage_hash, FORMAT_VERSION, content],
        )
        made_of_it = [later.value for later, rests_on in RESTS_ON.items() if stage in rests_on]
        connection.execute(
            "delete from ingest.artifact where recording = %s and stage = any(%s)",
            [held.recording, made_of_it],
        )


def drop(connection: Connection, held: Claim) -> None:
    """Keep nothing of a recording. Raises `StageError(LEASE_LOST)` if another holder took it over."""
    with translated(f"forgetting what was heard of {held.recording}"), connection.transaction():
        hold(connection, held)
        connection.execute("delete from ingest.artifact where recording = %s", [held.recording])


def get(
    connection: Connection, recording: str, stage: Stage, stage_hash: str, since: datetime | None = None
) -> bytes | None:
    """A stage's kept result; None if there is none under this hash, in the current format, and made at or
    after `since`."""
    with translated(f"reading the result of {stage}"):
        row = connection.execute(
            "select content from ingest.artifact where recording = %s and stage = %s and stage_hash = %s "
            "and format = %s and created_at >= coalesce(%s::timestamptz, '-infinity')",
            [recording, stage.value, stage_hash, FORMAT_VERSION, since],
            binary=True,
        ).fetchone()
    return None if row is None else bytes(row[0])
