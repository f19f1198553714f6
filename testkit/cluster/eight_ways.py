"""How the pods of eight recordings go: one recording in each Job, several in one, or fetched ahead. Each has
a retry, a rung of the memory ladder, a skip and a failure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ingest_contract.failures import Reason
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, fetches, succeeds

COUNT: Final = 8


@dataclass(frozen=True, slots=True)
class Way:
    """One of them."""

    lives: Mapping[int, Sequence[Life]]
    """By recording, those of its runs; one that is not listed succeeds."""
    pods: Mapping[str, Any] = field(default_factory=dict)
    """What the profile says of pods."""
    runs_of_others: int = 1
    """Runs of a recording that is not listed."""
    webhook: Path | None = None
    """Where the operator finds whom it tells; None: nobody."""

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Every (index, try) that there is to be. One more is work done twice: a recording that is fetched
        again though its audio was whole, or ingested again. One fewer is a recording that is lost, or
        whose audio nobody takes out of the cache."""
        counts = {index: len(self.lives.get(index, ())) or self.runs_of_others for index in range(COUNT)}
        return sorted((index, run) for index, count in counts.items() for run in range(1, count + 1))


_LIVES: Final = {
    1: [fails(Reason.DOWNLOAD_FAILED), succeeds()],
    2: [fails(Reason.GPU_OUT_OF_MEMORY), succeeds()],
    3: [fails(Reason.NO_SPEECH)],
    4: [fails(Reason.NOT_FOUND)],
}

ALONE: Final = Way(_LIVES)
"""One recording in each Job."""

SHARED: Final = Way(_LIVES, {"packShort": {"maxSeconds": 600, "recordings": 4}})
"""Four, unless one of them has failed before."""

AHEAD: Final = Way(
    {
        1: [fails(Reason.DOWNLOAD_FAILED), fetches(), succeeds()],
        2: [fetches(), fails(Reason.GPU_OUT_OF_MEMORY), succeeds()],
        3: [fetches(), fails(Reason.NO_SPEECH)],
        4: [fails(Reason.NOT_FOUND)],
    },
    {"cache": {"claimName": "fetched"}},
    runs_of_others=2,
)
"""A fetch Job, which leaves the audio in the cache, and an ingest Job, which takes it out."""

WAYS: Final = {"alone": ALONE, "shared": SHARED, "ahead": AHEAD}
