"""One recording in `IngestBatch.status`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ingest_contract.base import MAX_RUN_NUMBER, ContractModel, Count, Decimal, ItemId, ShortText, Timestamp
from ingest_contract.captions import CaptionsProblem, TranscriptSource
from ingest_contract.failures import Reason
from ingest_contract.figures import Heard
from ingest_contract.stages import Stage


class RecordingState(StrEnum):
    """The state of one recording."""

    PENDING = "Pending"
    FETCHING = "Fetching"
    """Being fetched into the cache, without a GPU."""
    RUNNING = "Running"
    WAITING = "Waiting"
    """Between two runs."""
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    FAILED = "Failed"


class RecordingStatus(ContractModel):
    """One recording."""

    index: Count
    """Its position in admission order."""

    id: ItemId
    """Its id in the store."""

    state: RecordingState
    """Its state."""

    run: Annotated[int, Field(ge=0, le=MAX_RUN_NUMBER)] = 0
    """Processes started for it so far, charged or not."""

    charged_attempts: Count = 0
    """Those that were charged: they count against `retry.maxAttempts`."""

    rung: Count | None = None
    """Its rung of the memory ladder, once it is below the top."""

    disruptions: Count | None = None
    """Forgiven interruptions, once there were any."""

    cached_mib: Count | None = None
    """Size of its fetched audio in the cache, if it lies there: its next run begins with that."""

    not_before: Timestamp | None = None
    """When its next run may start."""

    stage: Stage | None = None
    """The stage that is running, or that failed."""

    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Progress while it runs."""

    rtf: Decimal | None = None
    """Real-time factor: processing seconds per second of media."""

    transcript: TranscriptSource | None = None
    """Where its words are from, if the profile prefers captions."""

    captions_problem: CaptionsProblem | None = None
    """Why not from captions."""

    sounds_like: Heard | None = None
    """The language that it is surely in, where another was ordered."""

    reason: Reason | None = None
    """Why its last run did not succeed."""

    message: ShortText | None = None
    """Details, for people."""
