"""What a Receipt says about people: the answers to `EnrolOrder`, `ForgetOrder` and `RetainOrder`."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from ingest_contract.base import ContractModel, Count, SumOfMany
from ingest_contract.failures import Reason
from ingest_contract.text import said
from ingest_contract.voices import MAX_SOURCES, VoiceState

_MESSAGE_CHARACTERS = 96
"""Sixteen of them fit into a Receipt."""


def _cut(text: object) -> object:
    return said(text)[:_MESSAGE_CHARACTERS] if isinstance(text, str) else text


class EnrolledSource(ContractModel):
    """One recording of the order, by its position in it."""

    state: VoiceState
    """Whether it is used."""

    heard: bool = False
    """Whether this run heard it; otherwise what it says was in the store."""

    seconds: Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)] = 0.0
    """Speech of the person in it."""

    score: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    """Likeness (cosine) to the recordings that are used, without this one; None for the only one."""

    reason: Reason | None = None
    """Why it is not used."""

    message: Annotated[str, BeforeValidator(_cut), StringConstraints(max_length=_MESSAGE_CHARACTERS)] = ""
    """Details, for people."""


class Enrolled(ContractModel):
    """What is known about a voice after an enrolment."""

    model: Annotated[str, StringConstraints(max_length=128)]
    """The diarization model: `name@first-12-digits-of-its-sha256`."""

    bytes_read: SumOfMany = 0
    """Of media, by this run: 0 where everything was in the store."""

    sources: Annotated[tuple[EnrolledSource, ...], Field(max_length=MAX_SOURCES)]
    """One for each recording of the order, in its order."""

    @property
    def used(self) -> int:
        """Recordings whose vectors count."""
        return sum(source.state is VoiceState.USED for source in self.sources)

    def without_messages(self) -> "Enrolled":
        """The same, shorter."""
        return self.model_copy(
            update={"sources": tuple(each.model_copy(update={"message": ""}) for each in self.sources)}
        )


class ForgetReport(ContractModel):
    """What went."""

    rows: Annotated[dict[str, Count], Field(max_length=40)] = Field(default_factory=dict)
    """Table of the store, without its schema, to the rows that were removed."""

    recordings: Count = 0
    """Recordings that are gone whole."""

    files: Count = 0
    """Files that were removed from the cache."""
