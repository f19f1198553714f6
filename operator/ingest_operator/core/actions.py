"""The actions that the core can ask for: a closed union of frozen values. A decision has a tuple of them,
which prints as its own report. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """Start one run of one recording."""

    index: int
    number: int
    charged_attempts: int
    rung: int
    disruptions: int
    avoid: tuple[str, ...] = ()
    """Nodes that it must not be placed on."""

    def __str__(self) -> str:
        return f"start item {self.index}, run {self.number}" + (f", rung {self.rung}" if self.rung else "")


@dataclass(frozen=True, slots=True)
class Stop:
    """End a run; its recording resumes later, uncharged."""

    index: int
    number: int

    def __str__(self) -> str:
        return f"stop item {self.index}, run {self.number}"


Action = Start | Stop
