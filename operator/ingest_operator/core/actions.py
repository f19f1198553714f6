"""The actions that the core can ask for: a closed union of frozen values. A decision has a tuple of them,
which prints as its own report. Pure."""

from dataclasses import dataclass

from ingest_operator.core.phases import Phase


@dataclass(frozen=True, slots=True)
class Start:
    """Start one run of one recording, or of several in one Job."""

    index: int
    number: int
    charged_attempts: int
    rung: int
    disruptions: int
    avoid: tuple[str, ...] = ()
    """Nodes that it must not be placed on."""
    phase: Phase = Phase.INGEST
    cached: bool = False
    """Whether its audio is fetched: then it is ingested from the cache."""
    others: tuple[int, ...] = ()
    """Recordings that the same Job ingests after this one, each as a run of the same number and budget."""

    @property
    def indexes(self) -> tuple[int, ...]:
        """Every recording that is started."""
        return (self.index, *self.others)

    def __str__(self) -> str:
        verb = "fetch" if self.phase is Phase.FETCH else "start"
        which = ", ".join(map(str, self.indexes))
        return f"{verb} item {which}, run {self.number}" + (f", rung {self.rung}" if self.rung else "")


@dataclass(frozen=True, slots=True)
class Stop:
    """End a run; its recording resumes later, uncharged."""

    index: int
    number: int

    def __str__(self) -> str:
        return f"stop item {self.index}, run {self.number}"


Action = Start | Stop
