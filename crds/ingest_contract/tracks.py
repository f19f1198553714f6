"""Which audio of a media file was decoded: for Receipts, and for what lies beside audio in the cache."""

from typing import Annotated

from pydantic import Field, StringConstraints

from ingest_contract.base import ContractModel, Count
from ingest_contract.selection import Language

Real = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]
"""A measured quantity. Floats are fine here: a Receipt is not an API object. It is bounded so that the sum of
10,000 still fits the status."""


class Tracks(ContractModel):
    """Which audio of the media file was decoded, if it was decoded in this run."""

    found: Count
    """Audio tracks in it."""

    taken: Count
    """The one that was decoded, counted from 1."""

    passed_over: Annotated[str, StringConstraints(max_length=200)] = ""
    """Which other tracks were tried first or could not be, and why."""

    damaged_packets: Count = 0
    """Packets of the track that did not decode: each leaves a hole of some hundredths of a second."""

    filled_seconds: Real = 0.0
    """Silence in place of holes between the track's timestamps."""

    clock_jumps: Count = 0
    """Places where the clock of a stream jumped by more than a quarter of a second: an advertisement that was
    put in or taken out, or packets that were lost. Nothing says which, and no silence stands in."""

    open_ended: bool = False
    """Whether neither the file nor its source says how long it is, or it has not one sample: it may still be
    written, and what came later is not in it."""

    language: Language | None = None
    """The language that the track's own tag names, which may be wrong; None if it names none."""

    gain: Real = 1.0
    """The factor on the samples: below 1 if they were far beyond full scale, above 1 if a mix of channels was
    faint."""
