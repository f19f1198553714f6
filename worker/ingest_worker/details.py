"""What recordings' own pages said, kept so that a plan which dies goes on where it was, and the next one
opens no page that has been read already (docs/decisions/0032)."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, Seconds, Timestamp
from ingest_contract.failures import Reason
from ingest_contract.foreign import ForeignLine
from ingest_worker.planning import Liveness


class Fact(StrEnum):
    """What a page is opened for."""

    LENGTH = "length"
    DATE = "date"
    LANGUAGE = "language"


class Detail(ContractModel):
    """What a recording's own page said."""

    asked: Annotated[tuple[Fact, ...], Field(max_length=len(Fact))]
    """What it was asked for, whether it said it or not."""

    title: ForeignLine = ""
    duration_seconds: Seconds | None = None
    published_at: Timestamp | None = None
    channel: ForeignLine | None = None
    liveness: Liveness | None = None
    short: bool = False
    language: Annotated[str, StringConstraints(max_length=3)] | None = None
    outcome: Reason | None = None
    """Why there is nothing to ingest."""

    @classmethod
    def from_said(cls, said: object) -> "Detail":
        """From JSON. Raises `pydantic.ValidationError`."""
        return cls.model_validate_json(json.dumps(said))

    def to_said(self) -> dict[str, Any]:
        """As JSON has it."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def lasts(self) -> bool:
        """Whether it holds for everybody, and next month too. What is refused may be refused to this batch's
        cookies and address alone, and a stream changes until it is over."""
        return self.outcome is None and self.liveness in (None, Liveness.WAS_LIVE, Liveness.NEVER)


class Memory(Protocol):
    """What is known from earlier, by recording."""

    def recall(self, ids: Sequence[str], /) -> Mapping[str, Detail]:
        """The details of these recordings; those without are left out. May raise `StageError`."""
        ...

    def remember(self, details: Mapping[str, Detail], /) -> None:
        """Keep details, in place of earlier ones. May raise `StageError`."""
        ...


class Nothing(Memory):
    """Remembers nothing."""

    def recall(self, ids: Sequence[str], /) -> Mapping[str, Detail]:  # noqa: ARG002 -- the port's
        """Empty."""
        return {}

    def remember(self, details: Mapping[str, Detail], /) -> None:
        """Forget them."""
