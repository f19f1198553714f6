"""Proxies between the operator and its API server that do wrong: by script, one kind of fault at a time, and
at random, all of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from testkit.cluster.eight import Meddler
from testkit.cluster.proxy_faults import (
    BUSY,
    CONFLICT,
    EXPIRED,
    FAILING,
    TAKEN,
    Asked,
    Fault,
    Half,
    Reset,
    Stall,
    cut,
    gone,
    mute,
)

BEYOND_PATIENCE = 35.0
"""Seconds after which the operator has given up a request."""

SLOW = "writes stall until nobody waits for them"
"""The script that takes minutes, because the operator waits."""

Choose = Callable[[Asked], Fault | None]


class NowAndThen(Meddler):
    """One of so many requests meets the same fault. Which ones is by chance: a rhythm could be that of the
    operator's own requests."""

    def __init__(self, choose: Choose, one_of: int = 4) -> None:
        self._choose, self._one_of = choose, one_of
        self._random = Random(one_of)  # noqa: S311 -- a seed gives the same faults again
        self.did: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Fault | None:
        fault = self._choose(asked)
        if fault is None or self._random.randrange(self._one_of):
            return None
        self.did[type(fault).__name__] += 1
        return fault


class AtRandom(Meddler):
    """One request of so many meets a fault of any kind that it can meet."""

    def __init__(self, seed: int, one_of: int = 10) -> None:
        self._random, self._one_of = Random(seed), one_of  # noqa: S311 -- a seed gives the same faults again
        self.did: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Fault | None:
        if self._random.randrange(self._one_of):
            return None
        fault = self._random.choice(self._possible(asked))
        self.did[type(fault).__name__] += 1
        return fault

    def _possible(self, asked: Asked) -> list[Fault]:
        any_request: list[Fault] = [BUSY, FAILING, Reset(accepted=False)]
        if asked.watch:
            events = self._random.randrange(4)
            return [
                *any_request,
                EXPIRED,
                gone(events),
                cut(events),
                mute(events, self._random.uniform(0.5, 3.0)),
            ]
        answered: list[Fault] = [Half(), Stall(self._random.uniform(0.2, 3.0))]
        if asked.write is None:
            return [*any_request, *answered]
        return [*any_request, *answered, Reset(accepted=True), TAKEN if asked.method == "POST" else CONFLICT]


def _writes(fault: Fault) -> Choose:
    return lambda asked: None if asked.write is None else fault


def _all_but_watches(fault: Fault) -> Choose:
    return lambda asked: None if asked.watch else fault


def _stale(asked: Asked) -> Fault | None:
    if asked.write is None:
        return None
    return TAKEN if asked.method == "POST" else CONFLICT


def _watch_breaks(asked: Asked) -> Fault | None:
    """Each kind of object in its own way."""
    return _OF_WATCHES[asked.resource] if asked.watch else None


def _job_stalls(asked: Asked) -> Fault | None:
    return (
        Stall(BEYOND_PATIENCE)
        if asked.resource in ("ingestbatches/status", "jobs") and asked.method in ("PUT", "POST")
        else None
    )


_OF_WATCHES: Mapping[str, Fault] = {
    "ingestbatches": gone(1),
    "ingestschedules": FAILING,
    "ingestprofiles": EXPIRED,
    "speakerprofiles": BUSY,
    "jobs": mute(2, 3.0),
    "pods": cut(1),
}

SCRIPTS: Mapping[str, Callable[[], NowAndThen]] = {
    "the server is busy": lambda: NowAndThen(_all_but_watches(BUSY)),
    "the server fails": lambda: NowAndThen(lambda _: FAILING),
    "names are taken and versions are old": lambda: NowAndThen(_stale),
    "connections are reset": lambda: NowAndThen(lambda _: Reset(accepted=False)),
    "answers to writes are lost": lambda: NowAndThen(_writes(Reset(accepted=True))),
    "only half of an answer comes": lambda: NowAndThen(_all_but_watches(Half()), one_of=10),
    "watches break": lambda: NowAndThen(_watch_breaks, one_of=2),
    SLOW: lambda: NowAndThen(_job_stalls, one_of=6),
}
"""By what goes wrong."""
