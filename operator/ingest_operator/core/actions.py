"""What the planner can ask for: a closed union of frozen values. A plan is a tuple of them, and prints as its
own report. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """Start one process for one item."""

    index: int
    number: int
    attempts: int
    rung: int
    disruptions: int
    avoid: tuple[str, ...] = ()
    """Nodes that it must not be placed on."""

    def __str__(self) -> str:
        return f"start item {self.index}, try {self.number}" + (f", rung {self.rung}" if self.rung else "")


@dataclass(frozen=True, slots=True)
class Stop:
    """End a running process; its item resumes later, uncharged."""

    index: int
    number: int

    def __str__(self) -> str:
        return f"stop item {self.index}, try {self.number}"


Action = Start | Stop
