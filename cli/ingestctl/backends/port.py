"""What commands ask of the place where batches run, whichever it is."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from ingest_contract.batch import IngestBatch
from ingest_contract.order import Item

MISSING_EXIT: Final = 2
"""What the user names is not there, or cannot be done there: nothing has been done."""


class CommandError(Exception):
    """An error that is no bug: one sentence that says what went wrong and what to do."""

    exit_code: int = 1


class MissingError(CommandError):
    """What the user names is not there."""

    exit_code = MISSING_EXIT


class ChangedError(CommandError):
    """Somebody changed it since it was read: what was to be changed has to be thought of again."""


class PassingError(CommandError):
    """The place did not answer this time; it may the next."""


def moment_of(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as what is shown and printed, in which no number is a time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """A batch."""

    namespace: str
    name: str
    batch: IngestBatch | None
    """None where nothing useful of it can be read."""
    created_at: datetime | None = None
    """To the second."""
    unreadable: str = ""
    """What of it comes from another version, and was passed over."""
    uid: str = ""
    version: str = ""
    """Of the object as it was read."""
    thing: Mapping[str, Any] | None = None
    """The object as the API server gave it, with what this version does not know; None on this machine."""
    is_here: bool = False
    """Whether it is of this machine, where nobody but `ingestctl run` changes it."""

    def said(self, sentence: str) -> str:
        """A sentence of the tables, with the commands that a batch of its place takes."""
        if not self.is_here:
            return sentence
        return sentence.replace("`ingestctl retry`", "`ingestctl run FILE --retry-failed`").replace(
            "`ingestctl resume`", "`ingestctl run FILE`"
        )


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run of a recording that is still to be seen."""

    number: int
    phase: str
    """`Ingest` or `Fetch`."""
    name: str
    """Its Job, or its folder."""
    state: str
    """`Pending` before its pod begins, `Running`, `Succeeded`, or the reason why it did not succeed."""
    started_at: datetime | None
    ended_at: datetime | None
    message: str = ""
    rung: int = 0
    charged_attempts: int = 0
    exit_code: int | None = None
    node: str | None = None
    pod: str | None = None
    """The pod that has its log."""


@dataclass(frozen=True, slots=True)
class EventSeen:
    """One Event of a batch."""

    at: str
    type: str
    reason: str
    note: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log that is followed."""

    text: str
    mark: str
    """What `Batches.log_lines` goes on behind."""


class Batches(Protocol):
    """The batches of one place. Methods raise `CommandError`."""

    @property
    def where(self) -> str:
        """The place in words, for messages."""

    async def all(self) -> tuple[Found, ...]:
        """Every batch, by namespace and name."""

    async def get(self, name: str) -> Found:
        """One batch. Raises `MissingError` with names that are near."""

    async def is_live(self, found: Found) -> bool:
        """Whether somebody carries the batch on."""

    async def items(self, found: Found) -> Mapping[int, Item]:
        """The planned recordings, by index."""

    async def runs(self, found: Found, indexes: Collection[int]) -> Mapping[int, tuple[RunSeen, ...]]:
        """The runs of these recordings that are still to be seen, each's earliest first."""

    async def events(self, found: Found) -> tuple[EventSeen, ...]:
        """What was reported about the batch, the earliest first."""

    async def log(self, found: Found, run: RunSeen, tail: int | None) -> str:
        """The log of a run, or its last lines. Raises `MissingError` where it is gone."""

    def log_lines(
        self, found: Found, run: RunSeen, *, after: str = "", tail: int | None = None
    ) -> AsyncIterator[LogLine]:
        """The lines of a run's log as it writes them, until it ends: all, those behind a mark, or the last
        `tail` first. Raises `MissingError` where it is gone or has not begun, and `PassingError`."""

    async def change(self, found: Found, fields: Mapping[str, Any]) -> None:
        """Set fields of the spec, by their names in the API. Raises `ChangedError` if the batch is no longer
        as it was found."""
