"""What the form of the search page sends, as far as it can be understood."""

from dataclasses import dataclass
from datetime import date

from ingest_reader.corpus import day_after
from ingest_worker.store.search import Filters, fault_of


@dataclass(frozen=True, slots=True)
class Asked:
    """A filled form. Empty fields are None."""

    text: str | None
    speaker: str | None
    since: str | None
    until: str | None
    recording: str | None
    channel: str | None = None
    batch: str | None = None
    language: str | None = None

    @classmethod
    def of(cls, *fields: str | None) -> "Asked":
        """From the parameters, in this order."""
        return cls(*((field or "").strip() or None for field in fields))

    @property
    def first(self) -> date | None:
        """The first day."""
        return _day(self.since)

    @property
    def last(self) -> date | None:
        """The last day."""
        return _day(self.until)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the question is set."""
        narrowing = (self.speaker, self.since, self.until, self.recording, self.channel, self.batch)
        return any((*narrowing, self.language))

    @property
    def filters(self) -> Filters:
        """The same for the store, `until` with its whole last day. Only of a form without a fault."""
        where = (self.speaker, self.recording, self.channel, self.batch, self.language)
        return Filters(*where, self.first, day_after(self.last))


def fault_in(asked: Asked) -> str | None:
    """What is wrong with a form, as a sentence; None if it can be answered."""
    for name, text in (("From", asked.since), ("Until", asked.until)):
        if text and _day(text) is None:
            return f"{name} is no day: write it as 2025-01-31."
    if asked.first and asked.last and asked.last < asked.first:
        return "Until is before From."
    if asked.text and (fault := fault_of(asked.text)):
        return f"The question {fault}."
    return None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
