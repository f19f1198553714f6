"""Which alerts fire, and what expressions give, on what pods exposed over time: asked of Prometheus' own
engine.

Built once from `build/`, whose go.mod says which version. `python -m testkit.prometheus.engine` builds it
before the tests. Seconds here count from `BEGIN`, the first scrape of a story.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from testkit.cluster.module import Module

MODULE = Module(
    what="Prometheus",
    folder=Path(__file__).with_name("build"),
    packages=("./promql",),
    ldflags="-s -w",
    label="prometheus",
    takes="Prometheus' query engine from its module (about a minute, once on this machine)",
)

BEGIN: Final = 1_800_000_000
"""Epoch seconds of the first scrape; a whole number of minutes."""

SCRAPE_SECONDS: Final = 30
"""Seconds between two scrapes."""

RULES_SECONDS: Final = 60
"""Seconds between two evaluations of the rules, where nobody says otherwise."""

RULES_AFTER_SECONDS: Final = 20
"""Seconds between a scrape and an evaluation: in a cluster they have nothing to do with each other."""


class RefusedByEngine(Exception):  # noqa: N818 -- what it did
    """Prometheus cannot read the rules, an expression or an exposition, or a template names a label that the
    alert does not have."""


@dataclass
class Target:
    """A pod that is scraped."""

    labels: Mapping[str, str]
    """Those that Prometheus gives it."""
    honor_labels: bool = False
    """Whether what a sample says of itself goes before them."""
    answers: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, second: int, text: str | None) -> None:
        """From this second on it exposes this; None: it does not answer."""
        self.answers.append({"at": BEGIN + second, "text": text})


@dataclass(frozen=True, slots=True)
class Alert:
    """What became of an expression that was true with these labels."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """As its last notification says them."""
    pending: int
    """The second since which it was true without a break."""
    fired: tuple[int, ...]
    """The seconds of the evaluations at which it fired."""


def alerts(
    targets: Sequence[Target], rules: Sequence[Mapping[str, Any]], until: int, every: int = RULES_SECONDS
) -> list[Alert]:
    """Every alert that was at least pending at an evaluation, until this second; `every` so many seconds is
    one.

    Raises:
        RefusedByEngine: see there.
    """
    groups = {"groups": [{"name": "alerts", "rules": list(rules)}]}
    return [
        Alert(
            each["alert"],
            {name: value for name, value in each["labels"].items() if name != "__name__"},
            each["annotations"] or {},
            each["pending"] - BEGIN,
            tuple(at - BEGIN for at in each["fired"]),
        )
        for each in _ask(targets, until, rules=json.dumps(groups), rules_seconds=every)["alerts"]
    ]


def values(
    targets: Sequence[Target], expressions: Sequence[str], until: int
) -> list[list[tuple[Mapping[str, str], float]]]:
    """(labels, value) of everything that each expression gives at this second.

    Raises:
        RefusedByEngine: see there.
    """
    results = _ask(targets, until, expressions=list(expressions))["results"]
    return [[(each["labels"], float(each["value"])) for each in found] for found in results]


def _ask(targets: Sequence[Target], until: int, **more: Any) -> dict[str, Any]:
    question = {
        "targets": [asdict(each) for each in targets],
        "scrape_seconds": SCRAPE_SECONDS,
        "from": BEGIN,
        "until": BEGIN + until,
        "rules_from": BEGIN + RULES_AFTER_SECONDS,
        "rules_seconds": RULES_SECONDS,
    }
    run = subprocess.run(
        [program()],
        input=json.dumps(question | more),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    said: dict[str, Any] = json.loads(run.stdout)
    if said.get("error"):
        raise RefusedByEngine(said["error"])
    return said


@cache
def program() -> Path:
    """The program, built if there is none."""
    return MODULE.built() / "promql"


if __name__ == "__main__":
    print(program())
